"""How alike what was made is to its source: sound by its lag, pictures by which way up they are."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from sources import TOOLS

RATE = 48_000
_SIDE = 64
# A square picture in the eight ways it can lie.
_WAYS: Mapping[str, Any] = {
    "upright": lambda picture: picture,
    "mirrored": np.fliplr,
    "upside down": np.flipud,
    "turned round": lambda picture: np.rot90(picture, 2),
    "turned left": np.rot90,
    "turned right": lambda picture: np.rot90(picture, 3),
    "mirrored and turned left": lambda picture: np.rot90(np.fliplr(picture)),
    "mirrored and turned right": lambda picture: np.rot90(np.fliplr(picture), 3),
}
_PLAIN = 2.0  # grey levels: a picture that differs by less from its mean lies all ways alike

Samples: TypeAlias = np.ndarray[Any, np.dtype[np.float32]]


def samples(source: Path | str, track: str = "0:a:0", zero_seconds: float = 0.0) -> Samples:
    """The sound in one channel as a player hears it, from ``zero_seconds`` on; priming has times before it."""
    shifted = f"asetpts='PTS-({zero_seconds:.6f})/TB',aresample=async=1:first_pts=0"
    command = [TOOLS.ffmpeg, "-v", "quiet", "-copyts", "-i", str(source), "-map", track, "-ac", "1", "-ar", str(RATE)]
    done = subprocess.run([*command, "-af", shifted, "-f", "f32le", "-"], capture_output=True, check=True)
    return np.frombuffer(done.stdout, np.float32)


def lag_seconds(here: Samples, there: Samples) -> float:
    """By how much the first sound is later than the second, of which it is a copy, where the two agree best."""
    size = 1 << (len(here) + len(there)).bit_length()
    likeness = np.fft.irfft(np.fft.rfft(here.astype(float), size) * np.conj(np.fft.rfft(there.astype(float), size)))
    lag = int(np.argmax(likeness))
    return (lag - size if lag > size // 2 else lag) / RATE


def pictures(
    source: Path | str, places: tuple[int, ...], track: str = "0:v:0", shape: float | None = None
) -> "list[np.ndarray[Any, Any]]":
    """Some frames of a video track as FFmpeg shows them: small, square and grey; without bars around a ``shape``."""
    chosen = "+".join(f"eq(n,{place})" for place in places)
    inside = f"crop='max(min(iw,ih*{shape}),2)':'max(min(ih,iw/{shape}),2)'," if shape else ""
    graph = f"select='{chosen}',{inside}scale={_SIDE}:{_SIDE}:flags=area,format=gray"
    command = [TOOLS.ffmpeg, "-v", "quiet", "-i", str(source), "-map", track, "-fps_mode", "passthrough", "-vf", graph]
    done = subprocess.run([*command, "-f", "rawvideo", "-"], capture_output=True, check=True)
    return list(np.frombuffer(done.stdout, np.uint8).reshape(-1, _SIDE, _SIDE).astype(float))


def correlation(one: "np.ndarray[Any, Any]", other: "np.ndarray[Any, Any]") -> float:
    """Pearson's, of two pictures: what tone mapping and another gain leave as it is."""
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def is_plain(picture: "np.ndarray[Any, Any]") -> bool:
    """Whether there is nothing to see in it."""
    return bool(picture.std() < _PLAIN)


def way(picture: "np.ndarray[Any, Any]", source: "np.ndarray[Any, Any]") -> str:
    """How a picture lies against its source."""
    return max(_WAYS, key=lambda name: correlation(_WAYS[name](picture), source))
