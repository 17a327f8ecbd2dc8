"""Quality: the command that measures it, and what is read out of libvmaf's log."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.ladder.quality import (
    FrameQuality,
    Reference,
    by_shot,
    can_be_compared,
    harmonic_quality,
    mean_quality,
    quality_command,
    read_quality,
    reference_size,
)
from matinee.model.errors import EncodingFailed

_REFERENCE = Reference(("-ss", "1.5", "-i", "source.mp4"), "bwdif", 1280, 720, frames=48)
_SCORES = st.lists(st.floats(min_value=0, max_value=100), min_size=1, max_size=50)


def _log(frames: int, every: int) -> str:
    metrics = {"integer_adm2": 0.9, "integer_motion2": 4.0, "vmaf": 80.0}
    metrics |= {f"integer_vif_scale{scale}": 0.5 + scale / 10 for scale in range(4)}
    step = min(every, 3)  # beyond, only neighbours of what is scored reach the filter
    places = range(len(range(0, frames, every)))
    return json.dumps({"frames": [{"frameNum": place * step, "metrics": metrics} for place in places]})


def _graph(command: list[str]) -> str:
    return command[command.index("-filter_complex") + 1]


def test_the_source_is_made_what_the_encoder_was_given_and_cut_to_the_stretch() -> None:
    graph = _graph(quality_command("ffmpeg", _REFERENCE, ("-i", "chunk.mp4"), Path("log.json")))
    source, shown, measure = graph.split(";")
    assert source.startswith("[0:v:0]bwdif,trim=end_frame=48,")
    assert all("scale=1280:720" in side and "select='lt(mod(n+1,6),3)'" in side for side in (source, shown))
    assert shown.startswith("[1:v:0]")
    assert measure.startswith("[shown][reference]libvmaf=n_subsample=3")


def test_the_source_may_have_inputs_of_its_own() -> None:
    reference = Reference(("-i", "a.mp4", "-i", "b.mp4"), "", 640, 360, frames=9)
    assert "[2:v:0]select" in _graph(quality_command("ffmpeg", reference, ("-i", "chunk.mp4"), Path("log.json")))


def test_a_log_is_read_frame_by_frame() -> None:
    measured = read_quality(_log(10, 3), 10, every=3)
    assert [one.frame for one in measured] == [3, 6, 9]
    assert measured[0] == FrameQuality(3, 80.0, 0.9, 0.5, 0.6, 0.7, 0.8, 4.0)


def test_a_first_frame_that_is_alone_is_kept() -> None:
    assert [one.frame for one in read_quality(_log(3, 6), 3, every=6)] == [0]


def test_a_log_that_lacks_frames_is_refused() -> None:
    with pytest.raises(EncodingFailed, match="measured 3 frames where 4"):
        read_quality(_log(9, 3), 12, every=3)


@pytest.mark.parametrize("log", ["", "{}", '{"frames": [{"metrics": {"vmaf": 1}}]}', '{"frames": 3}', "[1]"])
def test_a_log_that_is_none_is_refused(log: str) -> None:
    with pytest.raises(EncodingFailed, match=r"VMAF left a log that cannot be read"):
        read_quality(log, frames=12)


@pytest.mark.parametrize(
    ("size", "reference"),
    [((1280, 720), (1280, 720)), ((3840, 2160), (1920, 1080)), ((2160, 3840), (1080, 1920)), ((854, 357), (854, 356))],
)
def test_a_film_is_compared_at_its_own_size_up_to_1080_lines(size: tuple[int, int], reference: tuple[int, int]) -> None:
    assert reference_size(*size) == reference


@given(_SCORES)
def test_the_harmonic_mean_is_never_above_the_mean(scores: list[float]) -> None:
    assert min(scores) - 1e-6 <= harmonic_quality(scores) <= mean_quality(scores) + 1e-6


def test_shots_share_out_the_measured_frames() -> None:
    measured = read_quality(_log(30, 3), 30, every=3)
    shots = by_shot(measured, [0, 10, 11], frames=30)
    assert [[one.frame for one in shot] for shot in shots] == [[3, 6, 9], [9], [12, 15, 18, 21, 24, 27]]


def test_a_first_shot_shorter_than_a_step_is_not_without_quality() -> None:
    shots = by_shot(read_quality(_log(30, 6), 30, every=6), [0, 4], frames=30)
    assert [one.frame for one in shots[0]] == [6]


def test_films_of_a_few_pixels_a_side_are_not_compared() -> None:
    assert can_be_compared(1920, 1080)
    assert can_be_compared(32, 32)
    for size in ((30, 1080), (1080, 30), (1, 1), (16, 4000)):
        assert not can_be_compared(*size)
