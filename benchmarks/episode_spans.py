"""How well intros, credits and recaps of drawn seasons are found, beside Chromaprint's words, and in what time.

Seasons are drawn from seeds: music and speech of their own; an intro and credits that all but one of six episodes
share, at other places and gains, the intro under voices; every second one begins with shots of the one before. All of
it goes through AAC at 64 kbit/s, with noise. Half of the seasons share nothing. ``--seasons N`` says how many.
"""

import argparse
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from benchmarks.drawn_sounds import LOUD, music, placed, samples, scene
from benchmarks.machine import report
from matinee.encoding.ffmpeg import find_tools
from matinee.spans import alignment
from matinee.spans.pictures import RATE, SIDE, hashes_of
from matinee.spans.season import Fingerprint, found_in
from matinee.spans.span import Extent, SpanKind
from matinee.spans.words import HOP_SECONDS, RATE_HZ, seconds_of, words_of

SECONDS, EPISODES = 240.0, 6
NEAR_SECONDS = 0.5
CHROMAPRINT_SECONDS = 4096 / 3 / 11_025  # between its words; each stands for 16 of them and a frame more
_KINDS = (SpanKind.INTRO, SpanKind.CREDITS, SpanKind.RECAP)
_NO_PICTURES = hashes_of(np.zeros((0, SIDE, SIDE), np.uint8))

Samples = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Drawn:
    """An episode's sound after its codec, its pictures, and what is in it."""

    sound: Samples
    pictures: NDArray[np.uint8]
    spans: tuple[Extent, ...]


@dataclass
class Tally:
    """Spans that were there, that were found, and how far their edges are off."""

    there: int = 0
    found: int = 0
    right: int = 0

    def __post_init__(self) -> None:
        self.errors: list[float] = []


def through_aac(sound: Samples, folder: Path, ffmpeg: str) -> Samples:
    mono = ["-f", "s16le", "-ar", str(RATE_HZ), "-ac", "1"]
    packed = str(folder / "packed.mp4")
    encode = [ffmpeg, "-nostdin", "-v", "error", "-y", *mono, "-i", "-", "-ar", "48000", "-c:a", "aac", "-b:a", "64k"]
    subprocess.run([*encode, packed], input=sound.tobytes(), check=True)
    decode = [ffmpeg, "-nostdin", "-v", "error", "-i", packed, *mono, "-"]
    return np.frombuffer(subprocess.run(decode, capture_output=True, check=True).stdout, np.int16)


def shot(rng: np.random.Generator, seconds: float) -> NDArray[np.uint8]:
    """A view that moves."""
    length = round(seconds * RATE)
    land = np.cumsum(rng.normal(0, 1, (SIDE, SIDE + 4 * length)), axis=1) + rng.normal(0, 4, (SIDE, 1))
    land = (land - land.min()) / np.ptp(land) * 255
    return np.stack([land[:, 4 * n : 4 * n + SIDE] for n in range(length)]).astype(np.uint8)


def draw(seed: int, folder: Path, ffmpeg: str, *, shares: bool) -> list[Drawn]:
    rng = np.random.default_rng(seed)
    intro, credits_ = music(rng, rng.uniform(12, 40)), music(rng, rng.uniform(15, 40))
    episodes: list[Drawn] = []
    before: list[NDArray[np.uint8]] = []
    for number in range(EPISODES):
        sound, spans, recap = scene(rng, SECONDS), list[Extent](), 0.0
        shots = [shot(rng, rng.uniform(1.5, 6)) for _ in range(round(SECONDS / 3.5))]
        if shares and number % 2:  # every second one begins with a recap
            again = [before[place] for place in sorted(rng.choice(len(before), 5, replace=False))]
            recap = sum(map(len, again)) / RATE
            shots = [
                *(np.clip(one * 0.9 + rng.normal(0, 3, one.shape), 0, 255).astype(np.uint8) for one in again),
                *shots,
            ]
            spans.append(Extent(SpanKind.RECAP, 0.0, recap))
        if shares and number != EPISODES - 2:
            at = recap + rng.uniform(2, 40)
            mix = np.clip(intro + rng.uniform(0, 0.25) * scene(rng, len(intro) / RATE_HZ), -1, 1)
            sound = placed(sound, mix, at)
            spans.append(Extent(SpanKind.INTRO, at, at + len(intro) / RATE_HZ))
            last = SECONDS - len(credits_) / RATE_HZ
            sound = placed(sound, credits_, last)
            spans.append(Extent(SpanKind.CREDITS, last, SECONDS))
        whole = samples(sound, rng.uniform(0.3, 2.0) * LOUD, rng.uniform(0, 0.002), rng)
        episodes.append(Drawn(through_aac(whole, folder, ffmpeg), np.concatenate(shots), tuple(spans)))
        before = shots
    return episodes


def ours(drawn: Sequence[Drawn]) -> list[tuple[Extent, ...]]:
    season = {str(n): Fingerprint(SECONDS, words_of(one.sound), hashes_of(one.pictures)) for n, one in enumerate(drawn)}
    return list(found_in(season, list(season), list(season)).values())


def chromaprint(drawn: Sequence[Drawn], ffmpeg: str) -> list[tuple[Extent, ...]]:
    """The same rules over Chromaprint's words, each said as often as ours come, with limits in its own bits."""
    season = {}
    for number, one in enumerate(drawn):
        read = [ffmpeg, "-nostdin", "-v", "error", "-f", "s16le", "-ar", str(RATE_HZ), "-ac", "1", "-i", "-"]
        write = ["-ar", "11025", "-f", "chromaprint", "-fp_format", "raw", "-"]
        told = subprocess.run([*read, *write], input=one.sound.tobytes(), capture_output=True, check=True).stdout
        words = np.frombuffer(told, np.uint32)
        # A word stands for the middle of what it was made of.
        middle = 8 * CHROMAPRINT_SECONDS + 4096 / 11_025 / 2
        moments = np.array([seconds_of(place) for place in range(round(SECONDS / HOP_SECONDS) - 16)])
        places = np.clip(np.round((moments - middle) / CHROMAPRINT_SECONDS), 0, len(words) - 1).astype(int)
        season[str(number)] = Fingerprint(SECONDS, words[places], _NO_PICTURES)
    return list(found_in(season, list(season), list(season)).values())


def count(drawn: Sequence[Drawn], found: Sequence[Sequence[Extent]], tallies: dict[SpanKind, Tally]) -> None:
    for one, spans in zip(drawn, found, strict=True):
        for kind, tally in tallies.items():
            there = [span for span in one.spans if span.kind is kind]
            told = [span for span in spans if span.kind is kind]
            tally.there, tally.found = tally.there + len(there), tally.found + len(told)
            for span in there:
                for other in told:
                    edges = [abs(other.start_seconds - span.start_seconds), abs(other.end_seconds - span.end_seconds)]
                    if min(span.end_seconds, other.end_seconds) > max(span.start_seconds, other.start_seconds):
                        tally.right += 1
                        tally.errors += edges


def row(name: str, kind: SpanKind, tally: Tally) -> dict[str, object]:
    errors = np.array(tally.errors or [np.nan])
    return {
        "words": name,
        "kind": str(kind),
        "spans": tally.there,
        "found": tally.found,
        "precision": f"{tally.right / tally.found:.3f}" if tally.found else "-",
        "recall": f"{tally.right / tally.there:.3f}",
        "edge off, median (s)": f"{np.median(errors):.2f}",
        "p95 (s)": f"{np.quantile(errors, 0.95):.2f}",
        "within 0.5 s": f"{np.mean(errors <= NEAR_SECONDS):.3f}",
    }


def hour() -> dict[str, float]:
    """Seconds for an hour of an episode: its words, and its comparison with one other."""
    rng = np.random.default_rng(1)
    piece = np.concatenate([samples(scene(rng, 120)) for _ in range(2)])
    sound = np.resize(piece, round(3600 * RATE_HZ))
    timed = {}
    begun = time.perf_counter()
    here = words_of(sound)
    timed["words"] = time.perf_counter() - begun
    other = words_of(np.resize(samples(scene(rng, 240)), len(sound)))
    fingerprints = {name: Fingerprint(3600.0, words, _NO_PICTURES) for name, words in (("a", here), ("b", other))}
    begun = time.perf_counter()
    found_in(fingerprints, ["a", "b"], ["a"])
    timed["comparison"] = time.perf_counter() - begun
    return timed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seasons", type=int, default=6)
    seasons, ffmpeg = parser.parse_args().seasons, find_tools().ffmpeg
    ways: dict[str, Callable[[Sequence[Drawn]], list[tuple[Extent, ...]]]] = {
        "ours": ours,
        "Chromaprint": lambda drawn: chromaprint(drawn, ffmpeg),
    }
    tallies = {name: {kind: Tally() for kind in _KINDS} for name in ways}
    nothing = dict.fromkeys(ways, 0)
    with TemporaryDirectory() as scratch:
        for seed in range(seasons):
            shares = seed % 2 == 0
            drawn = draw(seed, Path(scratch), ffmpeg, shares=shares)
            for name, way in ways.items():
                found = way(drawn)
                if shares:
                    count(drawn, found, tallies[name])
                else:
                    nothing[name] += sum(map(len, found))
        timed = hour()
    rows = [
        row(name, kind, tally)
        for name, of_kinds in tallies.items()
        for kind, tally in of_kinds.items()
        if name == "ours" or kind is not SpanKind.RECAP
    ]
    none = seasons // 2 * EPISODES
    report(
        "episode_spans",
        "how well intros, credits and recaps of drawn seasons are found",
        rows,
        drawn=f"{seasons - seasons // 2} seasons of {EPISODES} episodes of {SECONDS:.0f} s",
        found_where_nothing_is_shared=", ".join(
            f"{name} {number} in {none} episodes" for name, number in nothing.items()
        ),
        an_hour_of_sound=f"words {timed['words']:.1f} s, one comparison {timed['comparison']:.2f} s",
        shortest_looked_for=f"{alignment.LEAST_SECONDS:.0f} s",
    )


if __name__ == "__main__":
    main()
