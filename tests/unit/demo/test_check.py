"""What the demo's check calls a fault of a rendition."""

from matinee.demo.check import Decoded, faults_of

_SOURCE = Decoded(frames=240, duration_seconds=10.0)


def _renditions(*frames: int) -> list[Decoded]:
    return [Decoded(frames=count, duration_seconds=10.0) for count in frames]


def test_every_frame_counts() -> None:
    assert faults_of(_SOURCE, _renditions(240, 240)) == []
    assert faults_of(_SOURCE, _renditions(240, 239)) == ["rendition 1 has 239 of 240 frames"]
    assert faults_of(_SOURCE, []) == ["it has no video rendition"]


def test_fields_may_become_frames_in_all_renditions_alike() -> None:
    assert faults_of(_SOURCE, _renditions(480, 480)) == []
    assert faults_of(_SOURCE, _renditions(240, 480)) == ["rendition 1 has 480 of 240 frames"]


def test_time_counts_too() -> None:
    (fault,) = faults_of(_SOURCE, [Decoded(frames=240, duration_seconds=9.0)])
    assert fault == "rendition 0 lasts 9.00 s, not 10.00 s"
