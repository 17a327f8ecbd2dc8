import hashlib

from hypothesis import given
from hypothesis import strategies as st

from matinee.cache.bodies import LARGEST_BYTES, Bodies
from matinee.cache.cache import Held
from matinee.model.plans import Origin


def held(name: str, body: bytes) -> Held:
    return Held(f"t/r/{name}", len(body), f"/cache/{name}", Origin.PLACED, hashlib.sha256(body).hexdigest(), None)


def ask(bodies: Bodies, name: str, body: bytes) -> bytes | None:
    """One request, as who serves it makes it."""
    file = held(name, body)
    found = bodies.get(file)
    if found is None and bodies.lets_in(file):
        bodies.keep(file, body)
    return found


def test_a_body_is_kept_from_the_second_request_on() -> None:
    bodies = Bodies(100)
    assert [ask(bodies, "1", b"one") for _ in range(4)] == [None, None, b"one", b"one"]
    assert (len(bodies), bodies.used_bytes) == (1, 3)


def test_another_file_of_the_name_is_another_body() -> None:
    bodies = Bodies(100)
    for _ in range(3):
        ask(bodies, "1", b"one")
    assert bodies.get(held("1", b"two")) is None
    assert (len(bodies), bodies.used_bytes) == (0, 0)
    assert bodies.get(held("1", b"one")) is None


def test_a_round_of_more_files_than_fit_turns_nothing_over() -> None:
    bodies = Bodies(50)
    hits = [ask(bodies, str(number), bytes(10)) is not None for _ in range(20) for number in range(8)]
    assert hits.count(True) == 18 * 5


def test_what_is_asked_for_more_often_takes_the_place_of_what_was_asked_for_longest_ago() -> None:
    bodies = Bodies(20)
    for name in ("1", "2") * 3:
        ask(bodies, name, bytes(10))
    for _ in range(4):
        ask(bodies, "3", bytes(10))
    assert [ask(bodies, name, bytes(10)) is not None for name in "231"] == [True, True, False]


def test_what_was_asked_for_long_ago_counts_no_more() -> None:
    bodies = Bodies(10)
    for _ in range(1000):
        ask(bodies, "1", bytes(10))
    for number in range(200_000):
        ask(bodies, f"once-{number}", bytes(10))
    assert [ask(bodies, "2", bytes(10)) is not None for _ in range(3)] == [False, False, True]


def test_large_files_and_no_memory_keep_nothing() -> None:
    assert not any(ask(Bodies(0), "1", b"one") for _ in range(5))
    bodies = Bodies(4 * LARGEST_BYTES)
    large = bytes(LARGEST_BYTES + 1)
    assert not any(ask(bodies, "1", large) for _ in range(5))


@given(
    st.integers(0, 60),
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 3), st.integers(0, 30)), max_size=200),
)
def test_memory_stays_within_its_limit_and_gives_each_file_its_own_bytes(
    limit_bytes: int, requests: list[tuple[str, int, int]]
) -> None:
    bodies = Bodies(limit_bytes)
    for name, version, size in requests:
        body = bytes([version]) * size
        assert ask(bodies, name, body) in {None, body}
        assert 0 <= bodies.used_bytes <= limit_bytes
