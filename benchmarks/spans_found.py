"""How often intros, credits and recaps are found where they are, and where there are none, by the kind of season.

Each kind of ``drawn_seasons`` once, from the seed. Where episodes have codecs of their own, the sound goes through
them; else it stays as it is, so that what is shared is shared to the last bit. ``--seed N``, ``--only WORD``.
"""

import argparse
import subprocess
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.drawn_episodes import AAC, Drawn
from benchmarks.drawn_seasons import FOUND, NOTHING
from benchmarks.drawn_sounds import samples
from benchmarks.machine import report
from matinee.encoding.ffmpeg import find_tools
from matinee.spans.pictures import hashes_of
from matinee.spans.season import Fingerprint, found_in
from matinee.spans.span import Extent
from matinee.spans.words import RATE_HZ, words_of

Samples = NDArray[np.int16]
_MONO = ("-f", "s16le", "-ar", str(RATE_HZ), "-ac", "1")


def through(sounds: Sequence[Samples], codec: tuple[str, str], ffmpeg: str) -> list[Samples]:
    """Sounds behind a codec, all in one run, a second of silence after each."""
    whole = b"".join(sound.tobytes() + bytes(2 * RATE_HZ) for sound in sounds)
    quiet = [ffmpeg, "-nostdin", "-v", "error"]
    pack = ["-ar", "16000", "-c:a", codec[0], "-b:a", codec[1], "-f", "matroska", "-"]
    packed = subprocess.run([*quiet, *_MONO, "-i", "-", *pack], input=whole, capture_output=True, check=True).stdout
    back = subprocess.run([*quiet, "-i", "-", *_MONO, "-"], input=packed, capture_output=True, check=True).stdout
    heard = np.frombuffer(back, np.int16)
    heard = np.pad(heard, (0, max(0, len(whole) // 2 - len(heard))))
    firsts = np.cumsum([0, *(len(sound) + RATE_HZ for sound in sounds)])
    return [heard[first : first + len(sound)] for first, sound in zip(firsts, sounds, strict=False)]


def fingerprints(drawn: Sequence[Drawn], ffmpeg: str) -> dict[str, Fingerprint]:
    """What episodes are known by, behind their codecs."""
    sounds = [samples(one.sound, one.gain) for one in drawn]
    codecs = {one.codec for one in drawn}
    for codec in codecs if codecs != {AAC} else ():
        which = [number for number, one in enumerate(drawn) if one.codec == codec]
        for number, sound in zip(which, through([sounds[n] for n in which], codec, ffmpeg), strict=True):
            sounds[number] = sound
    return {
        f"{number:02}": Fingerprint(one.seconds, words_of(sound), hashes_of(one.pictures))
        for number, (one, sound) in enumerate(zip(drawn, sounds, strict=True))
    }


def shared(one: Extent, other: Extent) -> float:
    return max(0.0, min(one.end_seconds, other.end_seconds) - max(one.start_seconds, other.start_seconds))


def length(one: Extent) -> float:
    return one.end_seconds - one.start_seconds


def row(kind: str, drawn: Sequence[Drawn], told: Sequence[Sequence[Extent]]) -> dict[str, object]:
    """What was there and what was found; right is what covers more than half of it, and not twice as much."""
    errors, story, right = list[float](), 0.0, 0
    for one, spans in zip(drawn, told, strict=True):
        for span in spans:
            story = max(story, length(span) - sum(shared(span, other) for other in one.spans))
            for there in one.spans:
                if there.kind is span.kind and shared(span, there) > max(length(span), length(there)) / 2:
                    right += 1
                    errors.append(abs(span.start_seconds - there.start_seconds))
                    errors.append(abs(span.end_seconds - there.end_seconds))
    drawn_spans, found = sum(len(one.spans) for one in drawn), sum(map(len, told))
    return {
        "season": kind,
        "episodes": len(drawn),
        "spans": drawn_spans,
        "found": found,
        "false": found - right,
        "precision": f"{right / found:.2f}" if found else "-",
        "recall": f"{right / drawn_spans:.2f}" if drawn_spans else "-",
        "edge off, median (s)": f"{np.median(errors):.2f}" if errors else "-",
        "worst (s)": f"{max(errors):.2f}" if errors else "-",
        "story passed over, worst (s)": f"{story:.1f}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="")
    asked, ffmpeg, rows = parser.parse_args(), find_tools().ffmpeg, []
    for kind, draw in {**FOUND, **NOTHING}.items():
        if asked.only in kind:
            drawn = draw(np.random.default_rng([asked.seed, *kind.encode()]))
            season = fingerprints(drawn, ffmpeg)
            rows.append(row(kind, drawn, list(found_in(season, list(season), list(season)).values())))
    report(
        "spans_found",
        "how often intros, credits and recaps are found where they are, and where there are none",
        rows,
        seed=asked.seed,
    )


if __name__ == "__main__":
    main()
