"""The sound of a film: each track once for its whole length, measured first, then turned by one linear gain.

Loudness as EBU R 128 and ITU-R BS.1770-5 measure it. No compressor and no limiter: a film keeps its own dynamics.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from matinee.commands.sound import BITRATES_BPS, COUNTER, measure_command, sound_command
from matinee.encoding.costs import spent_seconds
from matinee.encoding.depot import Finished
from matinee.encoding.ffmpeg import Ran, run_ffmpeg
from matinee.encoding.steps import Place, Progress, Source, check_room, share_of
from matinee.inspection.inspection import Film
from matinee.model.errors import EncodingFailed, Refused
from matinee.packaging.boxes import track_seconds
from matinee.packaging.sound import Sound

TARGET_LUFS = -23.0
"""EBU R 128. Nearly every film reaches it by gain alone; more, as music services have, would need a limiter."""

CEILING_DBTP = -2.0
"""What samples may reach before AAC, which adds up to a decibel: so that players stay below R 128's -1 dBTP."""

MOST_GAIN_DB = 20.0  # what is nearly silent is not made into noise
_SILENT_LUFS = -70.0  # BS.1770's absolute gate: nothing was loud enough to be measured
_INAUDIBLE_DB = 0.1
_MEASURED = 0.3  # of the work; the rest is encoding
_MICROSECONDS = 1e6


@dataclass(frozen=True, slots=True)
class Loudness:
    """What a rendition measures before its gain: the whole film's loudness, and its highest true peak."""

    lufs: float
    peak_dbtp: float


def gain_db(loudness: Loudness) -> float:
    """What to add so that the film reaches the target, as far as its peaks let it."""
    if loudness.lufs <= _SILENT_LUFS:
        return 0.0
    wanted = min(TARGET_LUFS - loudness.lufs, MOST_GAIN_DB)
    return round(min(wanted, CEILING_DBTP - loudness.peak_dbtp), 2)


def read_loudness(messages: str, sounds: Sequence[Sound]) -> tuple[Loudness, ...]:
    """What the filter ebur128 said at its end of each rendition; EncodingFailed if it said nothing.

    A track that changes its channels or its rate is measured in as many parts, of which the loudest counts.
    """
    found = []
    for one in sounds:
        said = re.findall(
            rf"ebur128@{re.escape(one.name)} @ \S+ Summary:.*?I: +(\S+) LUFS.*?True peak:\s+Peak: +(\S+) dBFS",
            messages,
            re.DOTALL,
        )
        if not said:
            raise EncodingFailed(f"FFmpeg did not say how loud {one.name} is.")
        found.append(Loudness(max(float(lufs) for lufs, _ in said), max(float(peak) for _, peak in said)))
    return tuple(found)


def encode_sounds(
    place: Place, source: Source, film: Film, sounds: Sequence[Sound], files: Sequence[str], progress: Progress
) -> tuple[Finished, ...]:
    """Encode all renditions of one track, unless this machine has them; as ``encode_videos``."""
    made = [place.depot.shelved(file) for file in files]
    finished = tuple(one for one in made if one is not None)
    if len(finished) != len(files):
        finished = _encode(place, source, film, sounds, files, progress)
    for one in finished:
        place.depot.keep(one)
    return finished


def _encode(
    place: Place, source: Source, film: Film, sounds: Sequence[Sound], files: Sequence[str], progress: Progress
) -> tuple[Finished, ...]:
    tools, path = place.find_tools(), place.depot.source(source.key, source.identity)
    length = max(film.length_seconds, 0.001) * _MICROSECONDS
    what, before = f"the sound of {film.name}", spent_seconds()

    def measure(*, changes: bool = False) -> Ran:
        command = measure_command(tools.ffmpeg, path, film, sounds, changes=changes)
        told = partial(share_of, key="out_time_us", whole=length)
        return run_ffmpeg(command, tools, f"measuring {what}", lambda report: progress(_MEASURED * told(report)))

    measured = measure()
    changes = measured.messages.count("Summary:") > len(sounds)  # one for each graph that was built
    if changes:
        measured = measure(changes=True)
    loudness = read_loudness(measured.messages, sounds)
    gains = [gain_db(one) for one in loudness]
    with place.depot.desk() as desk:
        check_room(desk, sum(BITRATES_BPS[one.channels] for one in sounds), film)
        parts = [desk / file for file in files]
        ran = run_ffmpeg(
            sound_command(tools.ffmpeg, path, film, sounds, gains, parts, changes=changes),
            tools,
            f"encoding {what}",
            lambda report: progress(_MEASURED + (1 - _MEASURED) * share_of(report, "out_time_us", length)),
        )
        finished = []
        for one, file, part, was, gain in zip(sounds, files, parts, loudness, gains, strict=True):
            seconds = track_seconds(part)
            if not seconds:
                raise Refused(f"{film.name} has sound that cannot be decoded.")
            took = measured.seconds + ran.seconds
            notes = (*sound_notes(one, was, gain), *damage_notes(one, ran.messages))
            size, cpu_seconds = part.stat().st_size, round((spent_seconds() - before) / len(sounds), 3)
            finished.append(Finished(one.name, file, None, seconds, size, took, notes, was.lufs, gain, cpu_seconds))
        for made, part in zip(finished, parts, strict=True):
            place.depot.shelve(made, part)
    return tuple(finished)


def sound_notes(sound: Sound, loudness: Loudness, gain: float) -> tuple[str, ...]:
    """A sentence if a rendition did not come to the target."""
    if loudness.lufs <= _SILENT_LUFS:
        return (f"The sound {sound.name} is silent.",)
    reached = loudness.lufs + gain
    if reached >= TARGET_LUFS - _INAUDIBLE_DB:
        return ()
    why = "raise its noise" if gain >= MOST_GAIN_DB else "clip its peaks"
    return (f"The sound {sound.name} was brought to {reached:.1f} LUFS only: more would {why}.",)


def damage_notes(sound: Sound, messages: str) -> tuple[str, ...]:
    """Sentences if a sound's track has packets that FFmpeg could not decode, or samples that are no numbers."""
    notes = []
    said = re.search(rf"Input stream #0:{sound.track.index} \(audio\): .*? (\d+) decode errors", messages)
    if said is not None and int(said.group(1)):
        notes.append(f"The sound {sound.name} is damaged: {said.group(1)} packets cannot be decoded and are silent.")
    none = sum(float(count) for count in re.findall(rf"{re.escape(COUNTER)} @ \S+ Number of \w+: (\S+)", messages))
    if none:
        notes.append(f"The sound {sound.name} is damaged: {none:.0f} samples are no numbers and are silent.")
    return tuple(notes)
