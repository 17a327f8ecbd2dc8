"""Which frames of a film are good pictures of it, and clearly others than those taken already. Pure, over small images.

Frames are told apart by the shares of 64 colours in them (the intersection of histograms: Swain, Ballard, "Color
indexing", IJCV 1991). A pan within one shot keeps its colours, another shot seldom does.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageStat

CLEARLY = 0.3
"""From this distance on (0: the same colours, 1: none shared) two frames are taken for different shots."""

_SMALL = (64, 36)
_LEVELS = 64  # of each channel, four
_FLAT = 14.0
_DARK = 22.0
_BURNT = 235.0


def different(frames: Sequence[Path], taken: Path, most: int, apart: float = CLEARLY) -> list[Path]:
    """Of some frames at most ``most`` good ones, each at least ``apart`` from the others and from the one taken.

    The next is always the one that is farthest from all before; of equals the earlier.
    """
    kept = [_colours(_small(taken))]
    left = {path: _colours(small) for path in frames if _good(small := _small(path))}
    chosen: list[Path] = []
    while left and len(chosen) < most:
        away = {path: min(distance(mine, other) for other in kept) for path, mine in left.items()}
        farthest = max(away, key=lambda path: away[path])
        if away[farthest] < apart:
            break
        chosen.append(farthest)
        kept.append(left.pop(farthest))
    return chosen


def distance(one: Counter[int], other: Counter[int]) -> float:
    """How little two frames' colours have in common, from 0 to 1."""
    return 1.0 - (one & other).total() / max(one.total(), other.total(), 1)


def _small(path: Path) -> Image.Image:
    with Image.open(path) as opened:
        opened.draft("RGB", _SMALL)  # a JPEG is decoded at an eighth of its size
        return opened.convert("RGB").resize(_SMALL, Image.Resampling.BOX)


def _good(small: Image.Image) -> bool:
    """Neither black nor white nor all one grey."""
    light = ImageStat.Stat(small.convert("L"))
    return _DARK <= light.mean[0] <= _BURNT and light.stddev[0] >= _FLAT


def _colours(small: Image.Image) -> Counter[int]:
    data = small.tobytes()
    channels = (data[place::3] for place in range(3))
    return Counter(
        red // _LEVELS * 16 + green // _LEVELS * 4 + blue // _LEVELS for red, green, blue in zip(*channels, strict=True)
    )
