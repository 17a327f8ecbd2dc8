"""How grainy a picture is: noise that is new in every frame, seen where the picture itself is flat. Pure.

Its strength is read off a high pass of flat blocks, after J. Immerkær, "Fast Noise Variance Estimation", Computer
Vision and Image Understanding 64 (1996), and A. Amer and E. Dubois, "Fast and Reliable Structure-Oriented Video Noise
Estimation", IEEE Transactions on Circuits and Systems for Video Technology 15 (2005): few blocks of any picture are
flat in truth, and there is nothing in those but noise. What is in them is looked for in the frames before and behind:
leaves and water's glitter move, and are found again; grain is not.
"""

from collections.abc import Sequence
from statistics import median

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

_SIDE = 16  # pixels of a block
_REACH = 7  # pixels a frame that movement is followed
_FLAT = 0.25  # of all blocks
_MOST_BLOCKS = 120
_LEAST_BLOCKS, _LEAST_SHARE = 16, 0.05
# Of 255. What is darker or brighter has no room for grain: black bars, fades, burnt skies.
_DARKEST, _BRIGHTEST = 22.0, 228.0
# Correlation of a block with the most alike one near it, a frame earlier or later, measured as the median over flat
# blocks: 0.33 for white noise, by chance; 0.41 for noise blurred by 1.2 pixels, as film is that was scanned; 0.49 to
# 0.65 for textures that run through each other as waves do; 0.89 and more for leaves that pan or come nearer.
_STRANGE = 0.45


def noise_of(frames: NDArray[np.uint16]) -> float | None:
    """The deviation of what is new in each frame, of 255 levels of light; 0 if flat parts are found again.

    Takes three frames in a row of one shot, an array of (3, height, width) with 10 bits of light. None: there are too
    few blocks in which grain could show.
    """
    light: Plane = np.multiply(frames, 0.25, dtype=np.float32)
    details = _details(light)
    energy = (_blocks(details) ** 2).mean((3, 4)).mean(0)
    # Line by line: a straight edge, as of a bar, is nothing to the mask.
    blocks = _blocks(light[:, 2:-2, 2:-2]).mean(0)
    lines = np.concatenate([blocks.mean(2), blocks.mean(3)], axis=2)
    shows: NDArray[np.bool_] = np.all((lines > _DARKEST) & (lines < _BRIGHTEST), axis=2)
    # What lies at the rim was never seen whole.
    shows[:1], shows[-1:], shows[:, :1], shows[:, -1:] = False, False, False, False
    if shows.sum() < max(_LEAST_BLOCKS, _LEAST_SHARE * shows.size):
        return None
    rows, columns = np.nonzero(shows & (energy <= np.quantile(energy[shows], _FLAT)))
    every = -(-len(rows) // _MOST_BLOCKS)
    flat = [(int(row), int(column)) for row, column in zip(rows[::every], columns[::every], strict=True)]
    if median(_found_again(details, row * _SIDE, column * _SIDE) for row, column in flat) > _STRANGE:
        return 0.0
    return float(np.sqrt(median(energy[row, column] for row, column in flat)))


def film_noise(samples: Sequence[float | None]) -> float:
    """A film's, out of those of its samples: the median of those in which it could show; 0 if it could in none."""
    known = [one for one in samples if one is not None]
    return median(known) if known else 0.0


def _details(light: Plane) -> Plane:
    """What Immerkær's mask leaves of smoothed frames, scaled so that white noise keeps its deviation.

    Smoothed, details are found again also where they moved by parts of pixels, and blurred grain is hardly weaker.
    """
    smooth = _both_ways(light, (0.25, 0.5, 0.25))
    details: Plane = np.divide(_both_ways(smooth, (1.0, -2.0, 1.0)), _GAIN, dtype=np.float32)
    return details


def _both_ways(frames: Plane, taps: tuple[float, float, float]) -> Plane:
    first, second, third = taps
    down: Plane = first * frames[:, :-2] + second * frames[:, 1:-1] + third * frames[:, 2:]
    across: Plane = first * down[:, :, :-2] + second * down[:, :, 1:-1] + third * down[:, :, 2:]
    return across


# Of both filters behind each other, in one direction; there are two.
_GAIN = float((np.convolve([0.25, 0.5, 0.25], [1, -2, 1]) ** 2).sum())


def _blocks(frames: Plane) -> Plane:
    """An array of (frames, rows, columns, height, width)."""
    count, height, width = frames.shape
    rows, columns = height // _SIDE, width // _SIDE
    whole = frames[:, : rows * _SIDE, : columns * _SIDE]
    return whole.reshape(count, rows, _SIDE, columns, _SIDE).swapaxes(2, 3)


def _found_again(details: Plane, top: int, left: int) -> float:
    """The correlation of a block of the middle frame with the most alike one in the frames beside it."""
    block = details[1, top : top + _SIDE, left : left + _SIDE]
    rows = slice(max(top - _REACH, 0), top + _SIDE + _REACH)
    columns = slice(max(left - _REACH, 0), left + _SIDE + _REACH)
    return max(_most_alike(block, details[other, rows, columns]) for other in (0, 2))


def _most_alike(block: Plane, around: Plane) -> float:
    """Of all whole shifts, and of the halves next to the best of them."""
    alike = _correlations(block, around)
    row, column = np.unravel_index(alike.argmax(), alike.shape)
    near = around[max(row - 1, 0) : row + _SIDE + 1, max(column - 1, 0) : column + _SIDE + 1]
    # Sums do for means: correlation knows no scale.
    halves: list[Plane] = [near[:-1] + near[1:], near[:, :-1] + near[:, 1:]]
    halves.append(halves[0][:, :-1] + halves[0][:, 1:])
    fits = [half for half in halves if min(half.shape) >= _SIDE]
    return max(float(alike.max()), *(float(_correlations(block, half).max()) for half in fits))


def _correlations(block: Plane, around: Plane) -> Plane:
    """Of a block with every place of its surroundings; two that are both empty are alike."""
    windows = np.lib.stride_tricks.sliding_window_view(around, block.shape)
    products = np.einsum("abij,ij->ab", windows, block)
    sizes = np.sqrt(np.einsum("abij,abij->ab", windows, windows) * (block**2).sum())
    found: Plane = (products + _EMPTY) / (sizes + _EMPTY)
    return found


_EMPTY = np.float32(1e-3)
