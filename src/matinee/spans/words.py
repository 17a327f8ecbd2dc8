"""Sound as words that stay the same through codecs, gain and noise: 32 bits for every 25.6 ms.

J. Haitsma and T. Kalker, "A Highly Robust Audio Fingerprinting System" (ISMIR 2002): each bit says whether the
difference between two neighbouring bands of frequency grew or fell from one frame to the next. Frames overlap by
fifteen sixteenths, so that it hardly matters where the first of them begins.
"""

from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint32]
Samples = NDArray[np.int16]

RATE_HZ = 5_000
"""What sound is resampled to, mixed down to one channel."""

HOP, FRAME = 128, 2048
HOP_SECONDS = HOP / RATE_HZ
UNHEARD = 0
"""The word of a frame in which nothing is heard."""

# The range that ears and codecs keep best (§4.2 of the paper), in 33 bands of equal width on a logarithmic scale.
_LOWEST_HZ, _HIGHEST_HZ, _BANDS = 300.0, 2_000.0, 33
_UNHEARD_LEVEL = 20.0  # of 32,768: -64 dB of full scale
_BATCH = 4_096


def words_of(samples: Samples) -> Words:
    """The words of mono sound at ``RATE_HZ``; as many as there are whole frames, less one. Memory does not grow."""
    blocks = list(_blocks(samples))
    return np.concatenate(blocks) if blocks else np.zeros(0, np.uint32)


def seconds_of(word: float) -> float:
    """The moment that a word stands for: the middle between its two frames."""
    return (word * HOP + (FRAME + HOP) / 2) / RATE_HZ


def word_at(seconds: float) -> int:
    """The word that stands for a moment."""
    return max(0, round((seconds * RATE_HZ - (FRAME + HOP) / 2) / HOP))


def _blocks(samples: Samples) -> Iterator[Words]:
    frames = (len(samples) - FRAME) // HOP + 1
    for first in range(0, frames - 1, _BATCH):
        last = min(first + _BATCH, frames - 1)  # and the frame after it, for the difference
        piece = np.asarray(samples[first * HOP : last * HOP + FRAME], dtype=np.float32)
        yield _words(np.lib.stride_tricks.sliding_window_view(piece, FRAME)[::HOP])


def _words(frames: NDArray[np.float32]) -> Words:
    from scipy import fft  # noqa: PLC0415 - a worker starts without it, and may never need it

    spectrum = np.abs(fft.rfft(frames * _window(), axis=1)) ** 2
    edges = _edges()
    energy = np.add.reduceat(spectrum[:, : edges[-1]], edges[:-1], axis=1)
    between = energy[:, :-1] - energy[:, 1:]
    bits = np.packbits(between[1:] > between[:-1], axis=1, bitorder="little")
    words: Words = bits.view(np.uint32).ravel()
    level = np.sqrt(np.mean(np.square(frames), axis=1))
    heard = np.minimum(level[1:], level[:-1]) >= _UNHEARD_LEVEL
    return np.where(heard, words, UNHEARD).astype(np.uint32)


@cache
def _window() -> NDArray[np.float32]:
    return np.hanning(FRAME).astype(np.float32)


@cache
def _edges() -> NDArray[np.int64]:
    edges = np.geomspace(_LOWEST_HZ, _HIGHEST_HZ, _BANDS + 1)
    return np.round(edges * FRAME / RATE_HZ).astype(np.int64)
