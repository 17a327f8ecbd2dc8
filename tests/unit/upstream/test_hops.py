import pytest

from matinee.model.errors import Unavailable
from matinee.model.tokens import Token, TokenFault, check
from matinee.upstream.hops import Hop, HopTokens, hop, loop_header

PATH = "title/revision/deep/file.m4s"
NEW, OLD = b"the new key of thirty-two bytes....", b"the old key of thirty-two bytes...."


@pytest.mark.parametrize(
    ("value", "via"),
    [
        (b"europe-1", ("europe-1",)),
        (b"europe-1, shield.2", ("europe-1", "shield.2")),
        (b'europe-1; trace="a b";v=1 ,b', ("europe-1", "b")),
        (b"edge.example:8443", ("edge.example:8443",)),
        (b"", ()),
        (b"no good, b", ("b",)),
        (b"\xff\x00", ()),
    ],
)
def test_the_edges_that_a_request_came_through_are_read(value: bytes, via: tuple[str, ...]) -> None:
    assert hop([(b"host", b"e"), (b"cdn-loop", value)]).via == via


def test_several_lines_read_as_one_list() -> None:
    assert hop([(b"cdn-loop", b"a"), (b"cdn-loop", b"b")]).via == ("a", "b")


@pytest.mark.parametrize(
    ("value", "held_only"),
    [
        (b"only-if-cached", True),
        (b"no-transform, Only-If-Cached", True),
        (b"no-cache", False),
        (b"x-only-if-cached", False),
    ],
)
def test_a_request_may_ask_for_nothing_but_what_is_held(value: bytes, held_only: bool) -> None:
    assert hop([(b"cache-control", value)]).only_if_cached == held_only


def test_a_request_that_was_here_before_or_anywhere_too_often_goes_round() -> None:
    assert hop([(b"cdn-loop", loop_header(("a", "b"), "own").encode())]).loops("own")
    assert not Hop(("a", "own-2")).loops("own")
    assert Hop(tuple(str(number) for number in range(9))).loops("own")
    assert not hop([]).loops("own")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_hop_shows_the_edges_own_token_for_the_revision_signed_by_the_first_key() -> None:
    clock = Clock()
    tokens = HopTokens("own", lambda: {"new": NEW, "old": OLD}, clock)
    shown = tokens.opening(PATH)
    assert check(shown, PATH, clock.now, {"new": NEW}) == Token("new", 1300, "edge:own", "title/revision/")
    assert check(shown, "title/other/file.m4s", clock.now, {"new": NEW}) is TokenFault.FOREIGN


def test_a_token_is_shown_again_until_half_its_life_is_over_or_its_key_has_gone() -> None:
    clock, keys = Clock(), {"old": OLD}
    tokens = HopTokens("own", lambda: keys, clock)
    first = tokens.opening(PATH)
    clock.now += 149
    assert tokens.opening(PATH.replace("file", "other")) == first
    clock.now += 1
    second = tokens.opening(PATH)
    assert second != first
    keys = {"new": NEW}
    assert isinstance(check(tokens.opening(PATH), PATH, clock.now, keys), Token)


def test_without_a_key_no_edge_can_be_asked() -> None:
    with pytest.raises(Unavailable):
        HopTokens("own", dict, Clock()).opening(PATH)
