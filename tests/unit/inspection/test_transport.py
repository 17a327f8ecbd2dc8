"""Programmes of a transport stream, and time that jumps."""

from pathlib import Path

import pytest

from matinee.inspection.transport import Clock, read_programs
from sources import ffmpeg, picture, tone


def _two_programs(place: Path) -> Path:
    codecs = ("-c:v", "mpeg2video", "-c:a", "mp2")
    programs = ("-program", "program_num=7:st=0:st=1", "-program", "program_num=9:st=2:st=1")
    maps = ("-map", "0:v", "-map", "1:a", "-map", "0:v")
    ffmpeg(*picture(0.4, "64x64"), *tone(0.4), *maps, *codecs, *programs, place)
    return place


def test_programmes_name_their_tracks(tmp_path: Path) -> None:
    source = _two_programs(tmp_path / "film.ts")
    first, second = read_programs(source).items()
    assert (first[0], second[0]) == (7, 9)
    assert len(set(first[1])) == len(set(second[1])) == 2
    assert len(set(first[1]) & set(second[1])) == 1
    packets = [source.read_bytes()[start : start + 188] for start in range(0, source.stat().st_size, 188)]
    for before, behind in ((bytes(4), b""), (b"", bytes(16))):  # M2TS, and what has error correction
        source.write_bytes(b"".join(before + packet + behind for packet in packets))
        assert read_programs(source) == dict((first, second))


def test_what_is_no_transport_stream_or_a_broken_one_has_no_programmes(tmp_path: Path) -> None:
    place = tmp_path / "film"
    for data in (
        b"",
        b"G",
        b"G" * 4000,
        (b"G\x40\x00\x30\xff" + bytes(183)) * 9,
        (b"G\x40\x00\x10\xff" + bytes(183)) * 9,
    ):
        place.write_bytes(data)
        assert read_programs(place) == {}


def test_time_that_jumps_goes_on() -> None:
    clock = Clock()
    packets = [(0, 10.0), (1, 10.0), (0, 10.04), (0, 90_000.0), (1, 90_000.0), (0, 3.0), (1, 3.0), (0, 3.04), (0, 8.0)]
    mended = [time + clock.mend(track, time, 0.04) for track, time in packets]
    assert mended == pytest.approx([10, 10, 10.04, 10.08, 10.08, 10.12, 10.12, 10.16, 15.12])


def test_a_track_that_is_a_little_behind_itself_or_another_is_let_be() -> None:
    clock = Clock()
    packets = [(0, 10.0), (1, 8.5), (0, 10.04), (0, 10.0), (1, 8.54)]
    assert [clock.mend(track, time, 0.04) for track, time in packets] == [0.0] * 5
