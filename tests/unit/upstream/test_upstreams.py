import asyncio

import pytest

from edge_supply import ScriptedUpstream
from matinee.model.errors import NotFound, Unavailable
from matinee.model.plans import Origin, Source
from matinee.upstream.deliveries import Reach
from matinee.upstream.upstreams import Upstreams

PATH = "title/revision/file.m4s"
ORIGIN = ScriptedUpstream("origin", b"four")


class Hands:
    """A steady clock."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def _upstreams(*sources: Source, steady: Hands | None = None) -> Upstreams:
    made = Upstreams(
        edge_id="own",
        origin=ORIGIN,
        neighbour=lambda source: ScriptedUpstream(source.edge_id, b"four", origin=Origin(source.kind)),
        steady=steady or Hands(),
    )
    made.use(sources)
    return made


def _peer(name: str) -> Source:
    return Source(name, "peer", f"http://{name}")


def _parent(name: str) -> Source:
    return Source(name, "parent", f"http://{name}")


def _names(upstreams: Upstreams, path: str = PATH, reach: Reach = Reach.AFAR) -> list[str]:
    return [upstream.name for upstream in upstreams.of(path, reach)]


def test_peers_come_first_then_parents_as_they_were_named_then_the_origin() -> None:
    upstreams = _upstreams(_parent("s2"), _parent("s1"), _peer("p"))
    assert _names(upstreams) == ["p", "s2", "s1", "origin"]
    assert _names(upstreams, reach=Reach.SITE) == ["p"]


def test_a_viewer_waits_for_three_peers_at_most_and_each_path_begins_with_another() -> None:
    upstreams = _upstreams(*(_peer(f"p{number}") for number in range(8)))
    asked = [_names(upstreams, f"title/revision/{number}.m4s") for number in range(200)]
    assert {len(names) for names in asked} == {4}
    assert len({names[0] for names in asked}) == 8
    assert len(_names(upstreams, reach=Reach.SITE)) == 8


def test_an_edge_never_asks_itself_nor_a_kind_of_source_it_does_not_know() -> None:
    assert _names(_upstreams(_peer("own"), _parent("own"), Source("x", "grandparent", "http://x"))) == ["origin"]


def test_who_failed_is_passed_over_for_longer_each_time_but_never_the_origin() -> None:
    hands = Hands()
    upstreams = _upstreams(_parent("s"), steady=hands)
    parent = upstreams.of(PATH, Reach.AFAR)[0]
    waits = []
    for _ in range(7):
        for _ in range(100):  # fetches that break together
            upstreams.failed(parent, "It broke.")
        upstreams.failed(ORIGIN, "It broke.")
        begun = hands.now
        assert _names(upstreams) == ["origin"]
        while _names(upstreams) == ["origin"]:
            hands.now += 0.5
        waits.append(hands.now - begun)
    assert waits == [2, 4, 8, 16, 30, 30, 30]
    upstreams.gave(parent)
    upstreams.failed(parent, "It broke.")
    hands.now += 2
    assert _names(upstreams) == ["s", "origin"]


def test_who_gave_a_wrong_file_is_not_asked_for_that_one_for_minutes_but_for_others() -> None:
    hands = Hands()
    upstreams = _upstreams(_peer("p"), steady=hands)
    peer = upstreams.of(PATH, Reach.AFAR)[0]
    upstreams.gave_wrong(peer, PATH, "It is wrong.")
    upstreams.gave_wrong(ORIGIN, PATH, "It is wrong.")
    assert _names(upstreams) == _names(upstreams, "title/revision/other.m4s") == ["origin"]
    hands.now += 3
    upstreams.gave(peer)
    assert _names(upstreams) == ["origin"]
    assert _names(upstreams, "title/revision/other.m4s") == ["p", "origin"]
    hands.now += 600
    assert _names(upstreams) == ["p", "origin"]


def test_sources_that_stay_keep_what_was_learned_of_them() -> None:
    upstreams = _upstreams(_parent("s1"), _parent("s2"))
    first = upstreams.of(PATH, Reach.AFAR)[0]
    upstreams.failed(first, "It broke.")
    upstreams.use([_parent("s1"), _peer("p")])
    assert _names(upstreams) == ["p", "origin"]
    upstreams.use([])
    assert _names(upstreams) == ["origin"]


def test_a_size_comes_from_the_first_source_that_knows_it() -> None:
    class Away(ScriptedUpstream):
        async def size_of(self, path: str) -> int:
            raise Unavailable("away")

    class Absent(ScriptedUpstream):
        async def size_of(self, path: str) -> int:
            raise NotFound("There is no such file.")

    def neighbour(source: Source) -> ScriptedUpstream:
        return Away(source.edge_id, b"", origin=Origin(source.kind))

    upstreams = Upstreams(edge_id="own", origin=ORIGIN, neighbour=neighbour)
    upstreams.use([_parent("s")])
    assert asyncio.run(upstreams.size_of(PATH)) == 4
    assert _names(upstreams) == ["origin"]
    with pytest.raises(NotFound):
        asyncio.run(Upstreams(edge_id="own", origin=Absent("origin", b""), neighbour=neighbour).size_of(PATH))
