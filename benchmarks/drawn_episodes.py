"""Episodes drawn from seeds: their sound, their pictures, what is in them; and what may be laid into them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmarks.drawn_sounds import Sound, scene
from matinee.spans.pictures import RATE, SIDE
from matinee.spans.span import Extent, SpanKind
from matinee.spans.words import RATE_HZ

Pictures = NDArray[np.uint8]
Rng = np.random.Generator

AAC, LOW, OPUS, MP3 = ("aac", "32k"), ("aac", "12k"), ("libopus", "12k"), ("libmp3lame", "24k")


@dataclass
class Drawn:
    """An episode: its sound and its pictures, what is in it, and how it is encoded and turned up."""

    sound: Sound
    pictures: Pictures
    spans: list[Extent] = field(default_factory=list)
    codec: tuple[str, str] = AAC
    gain: float = 1.0

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.sound) / RATE_HZ

    def put(
        self,
        at: float,
        sound: Sound | None,
        kind: SpanKind | None = None,
        pictures: Pictures | None = None,
        over: float = 0.0,
    ) -> None:
        """Lay a sound and pictures there instead of what is there; ``over`` is how much of the own sound stays."""
        length = len(sound) / RATE_HZ if sound is not None else len(pictures) / RATE if pictures is not None else 0.0
        if sound is not None:
            first = round(at * RATE_HZ)
            place = slice(first, min(first + len(sound), len(self.sound)))
            self.sound[place] = sound[: place.stop - first] + over * self.sound[place]
        if pictures is not None:
            first = round(at * RATE)
            end = min(first + len(pictures), len(self.pictures))
            self.pictures[first:end] = pictures[: end - first]
        if kind is not None:
            self.spans.append(Extent(kind, at, min(at + length, self.seconds)))


def shot(rng: Rng, seconds: float) -> Pictures:
    """A view that moves."""
    length = max(1, round(seconds * RATE))
    land = np.cumsum(rng.normal(0, 1, (SIDE, SIDE + 4 * length)), axis=1) + rng.normal(0, 4, (SIDE, 1))
    land = (land - land.min()) / np.ptp(land) * 255
    return np.stack([land[:, 4 * n : 4 * n + SIDE] for n in range(length)]).astype(np.uint8)


def shots(rng: Rng, seconds: float) -> Pictures:
    """Views that move, one after another."""
    parts: list[Pictures] = []
    while sum(map(len, parts)) < seconds * RATE:
        parts.append(shot(rng, rng.uniform(1.5, 6)))
    return np.concatenate(parts)[: round(seconds * RATE)]


def cameras(rng: Rng, sets: Sequence[Pictures], seconds: float) -> Pictures:
    """A few cameras that stand still before a stage, in turns; somebody moves there a little."""
    parts: list[Pictures] = []
    while sum(map(len, parts)) < seconds * RATE:
        view = np.repeat(sets[int(rng.integers(len(sets)))][:1], round(rng.uniform(2, 8) * RATE), axis=0).copy()
        row, column = rng.integers(8, SIDE - 12, 2)
        for picture in view:
            row, column = np.clip(np.array([row, column]) + rng.integers(-2, 3, 2), 4, SIDE - 10)
            picture[row : row + 8, column : column + 4] = 60
        parts.append(view)
    return np.concatenate(parts)[: round(seconds * RATE)]


def again(rng: Rng, pictures: Pictures) -> Pictures:
    """The same pictures in another encode: a little darker, with noise."""
    return np.clip(pictures * 0.9 + rng.normal(0, 3, pictures.shape), 0, 255).astype(np.uint8)


def long_scene(rng: Rng, seconds: float) -> Sound:
    """An episode's own sound, drawn cheaply where it is long: its pieces return within it."""
    if seconds <= 400:
        return scene(rng, seconds)
    pieces = [scene(rng, 40) for _ in range(8)]
    order = rng.integers(len(pieces), size=round(seconds / 20) + 1)
    return np.concatenate([np.roll(pieces[n], rng.integers(200_000))[: 20 * RATE_HZ] for n in order])[
        : round(seconds * RATE_HZ)
    ]


def episode(rng: Rng, seconds: float) -> Drawn:
    return Drawn(long_scene(rng, seconds), shots(rng, seconds), gain=rng.uniform(0.5, 1.5))


def quicker(drawn: Drawn, speed: float) -> Drawn:
    """The same at another speed, sound and pictures."""
    places = np.arange(0, len(drawn.sound) - 1, speed)
    frames = np.arange(0, len(drawn.pictures) - 1, speed).astype(int)
    spans = [Extent(one.kind, one.start_seconds / speed, one.end_seconds / speed) for one in drawn.spans]
    sound = np.interp(places, np.arange(len(drawn.sound)), drawn.sound)
    return Drawn(sound, drawn.pictures[frames], spans, drawn.codec, drawn.gain)
