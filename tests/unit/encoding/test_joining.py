"""Parts are joined by the frame list: no seam drifts, whatever the parts say of their lengths."""

from fractions import Fraction
from itertools import accumulate
from pathlib import Path

import av
import pytest

from matinee.encoding.joining import X264_DELAY, join
from matinee.model.errors import EncodingFailed
from sources import ffmpeg, picture

_X264 = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-x264-params", "stitchable=1:scenecut=0"]
_CLOCK = ["-video_track_timescale", "90000"]


def _parts(folder: Path, count: int, *more: str) -> list[Path]:
    """Parts of seven frames at 29.97, each of another quality."""
    made = []
    for number in range(count):
        place = folder / f"{number}.mp4"
        source = picture(7 * 1001 / 30_000 - 0.01, "64x64", "30000/1001")
        ffmpeg(*source, *_X264, "-crf", str(20 + number), *more, *_CLOCK, place)
        made.append(place)
    return made


def _packets(path: Path) -> list[tuple[int, int, int, bool]]:
    with av.open(path) as container:
        stream = container.streams.video[0]
        assert stream.time_base == Fraction(1, 90_000)
        packets = [packet for packet in container.demux(stream) if packet.size]
        return [(one.pts or 0, one.dts or 0, one.duration or 0, one.is_keyframe) for one in packets]


def test_frames_stand_at_the_times_of_the_list_over_many_seams(tmp_path: Path) -> None:
    parts, whole = _parts(tmp_path, 6), tmp_path / "whole.mp4"
    times = list(range(0, 42 * 3003, 3003))
    join(parts, whole, times, 42 * 3003, X264_DELAY, "film")
    packets = _packets(whole)
    assert sorted(pts for pts, *_ in packets) == times
    assert [pts for pts, _, _, key in packets if key] == times[::7]
    assert all(dts <= pts for pts, dts, _, _ in packets)
    assert [dts for _, dts, _, _ in packets] == [time - 2 * 3003 for time in times]


def test_unequal_steps_and_the_last_frames_length_are_kept(tmp_path: Path) -> None:
    parts, whole = _parts(tmp_path, 2, "-bf", "0"), tmp_path / "whole.mp4"
    times = list(accumulate([3000, 3100, 1, 2999, 40_000, 3000, 3000, 8, 3000, 3000, 9000, 1, 700], initial=0))
    join(parts, whole, times, times[-1] + 12_345, 0, "film")
    packets = _packets(whole)
    assert [pts for pts, *_ in packets] == times
    assert packets[-1][2] == 12_345
    with av.open(whole) as container:
        assert sum(1 for _ in container.decode(video=0)) == 14


@pytest.mark.parametrize(("count", "words"), [(13, "more frames"), (15, "14 frames were encoded")])
def test_parts_of_other_frames_than_the_list_are_not_joined(count: int, words: str, tmp_path: Path) -> None:
    times = list(range(0, count * 3003, 3003))
    with pytest.raises(EncodingFailed, match=words):
        join(_parts(tmp_path, 2), tmp_path / "whole.mp4", times, count * 3003, X264_DELAY, "film")
