"""What the demo's check calls a fault: of a rendition, and of an edge that is not offered."""

import httpx

from matinee.demo.check import Decoded, faults_of, offered_playback

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


def _serving(*answers: tuple[str, ...]) -> tuple[httpx.Client, list[httpx.Request]]:
    """A client of a service that offers these edges in turn, the last for ever; and what it was asked."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        offered = answers[min(len(asked), len(answers)) - 1]
        return httpx.Response(201, json={"edges": [{"id": edge} for edge in offered]})

    return httpx.Client(base_url="http://service", transport=httpx.MockTransport(answer)), asked


def test_an_edge_that_a_copy_has_not_heard_of_yet_is_asked_for_again() -> None:
    client, asked = _serving(("asia",), ("asia",), ("asia", "europe"))
    playback, missing = offered_playback(client, {}, ["europe", "asia"], patience_seconds=60)
    assert (len(asked), playback, missing) == (3, {"edges": [{"id": "asia"}, {"id": "europe"}]}, [])


def test_an_edge_that_is_never_offered_is_named() -> None:
    client, asked = _serving(("asia",))
    playback, missing = offered_playback(client, {}, ["europe", "asia"], patience_seconds=0.2)
    assert asked
    assert playback["edges"] == [{"id": "asia"}]
    assert missing == ["europe"]
