from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa

from matinee.adapters.clock_manual import ManualClock
from matinee.delivery.keys import Keys
from matinee.delivery.network import Network
from matinee.model.errors import Invalid
from matinee.model.tokens import Token, TokenFault, check, sign

TOKEN_SECONDS = 600


@pytest.fixture
def make(database: sa.Engine, clock: ManualClock, random_bytes: Callable[[int], bytes]) -> Callable[..., Keys]:
    """Copies of the control plane on one database."""

    def made(initial: str = "") -> Keys:
        return Network.open(
            engine=database,
            clock=clock,
            random_bytes=random_bytes,
            token_seconds=TOKEN_SECONDS,
            initial_keys=initial,
        ).keys

    return made


def test_a_service_that_was_given_no_key_makes_one_and_every_copy_has_it(make: Callable[..., Keys]) -> None:
    one, other = make(), make()
    ring = one.ring()
    assert len(ring.keys) == 1
    assert len(ring.signing_key) >= 32
    assert other.ring() == ring
    assert ring.signing_key.decode() not in repr(ring) + repr(ring.wire)


def test_copies_that_begin_together_have_the_same_keys(make: Callable[..., Keys]) -> None:
    copies = [make() for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        rings = list(pool.map(lambda copy: copy.ring(), copies))
    assert len({ring.version for ring in rings}) == 1


def test_given_keys_are_the_ring_to_begin_with_and_no_longer_asked_for_later(make: Callable[..., Keys]) -> None:
    ring = make("k1:secret one,k0:secret zero").ring()
    assert (dict(ring.keys), ring.signing_key_id) == ({"k1": b"secret one", "k0": b"secret zero"}, "k1")
    assert make("k9:another").ring() == ring
    with pytest.raises(Invalid):
        make("k1")


def test_keys_rotate_without_a_break_for_edges_that_follow(make: Callable[..., Keys], clock: ManualClock) -> None:
    """Every second a viewer is given a token and every token that has not expired is shown to an edge."""
    serving, scheduling = make(), make()
    edge = dict(serving.ring().keys)
    before = serving.ring().signing_key_id
    tokens: list[tuple[int, str]] = []
    for second in range(2 * TOKEN_SECONDS + 200):
        if second == 20:
            assert scheduling.rotate() not in edge
        ring = serving.ring()
        expires = int(clock.now().timestamp()) + TOKEN_SECONDS
        tokens.append((expires, sign(Token(ring.signing_key_id, expires, "p", "t/r/"), ring.signing_key)))
        if second % 5 == 4:  # an edge that is slow to hear
            edge = dict(serving.ring().keys)
        if second % 10 == 0:
            now = clock.now().timestamp()
            living = [text for expires, text in tokens if expires > now]
            assert [text for text in living if isinstance(check(text, "t/r/f", now, edge), TokenFault)] == []
        clock.advance(1)
    assert serving.ring().signing_key_id != before
    assert before not in serving.ring().keys


def test_a_new_key_is_published_before_it_signs(make: Callable[..., Keys], clock: ManualClock) -> None:
    keys = make()
    before = keys.ring()
    fresh = keys.rotate()
    ring = keys.ring()
    assert set(ring.keys) == {*before.keys, fresh}
    assert ring.signing_key_id == before.signing_key_id
    assert ring.version != before.version
    clock.advance(31)
    assert keys.ring().signing_key_id == fresh
    assert next(iter(keys.ring().wire.keys)) == fresh
    assert keys.ring().version not in {ring.version, before.version}


def test_keys_that_are_replaced_at_once_open_nothing_in_six_seconds_and_renewals_are_never_refused(
    make: Callable[..., Keys], clock: ManualClock
) -> None:
    serving, desk = make(), make()
    edge = dict(serving.ring().keys)
    stolen = serving.ring()
    desk.rotate()  # a key that was to retire in its own time retires now, too
    clock.advance(40)
    other = serving.ring()
    fresh = desk.rotate("an operator", at_once=True)
    for second in range(12):
        edge = dict(serving.ring().keys)
        now = clock.now().timestamp()
        opened = []
        for ring in (stolen, other, serving.ring()):
            token = sign(Token(ring.signing_key_id, int(now) + 60, "p", "t/r/"), ring.signing_key)
            opened.append(isinstance(check(token, "t/r/f", now, edge), Token))
        assert opened[2]
        if second > 8:
            assert opened == [False, False, True]
            assert serving.ring().signing_key_id == fresh
        clock.advance(1)


def test_a_key_that_ends_soon_does_not_end_later_for_another_rotation(
    make: Callable[..., Keys], clock: ManualClock
) -> None:
    keys = make()
    first = keys.ring().signing_key_id
    keys.rotate(at_once=True)
    keys.rotate()
    clock.advance(7)
    assert first not in keys.ring().keys


def test_a_key_rotated_before_any_other_was_asked_for_is_the_second_one(make: Callable[..., Keys]) -> None:
    keys = make("k1:the first")
    fresh = keys.rotate()
    assert (set(keys.ring().keys), keys.ring().signing_key_id) == ({"k1", fresh}, "k1")


def test_the_first_key_signs_though_it_was_made_by_a_clock_that_is_ahead(
    make: Callable[..., Keys], database: sa.Engine, clock: ManualClock, random_bytes: Callable[[int], bytes]
) -> None:
    ahead = ManualClock(clock.now() + timedelta(seconds=20))
    first = Network.open(engine=database, clock=ahead, random_bytes=random_bytes, token_seconds=60).keys.ring()
    assert make().ring() == first


def test_rotating_twice_at_once_loses_no_key(make: Callable[..., Keys], clock: ManualClock) -> None:
    keys = make()
    first = keys.ring().signing_key_id
    one, other = keys.rotate(), keys.rotate()
    assert set(keys.ring().keys) == {first, one, other}
    clock.advance(31)
    assert keys.ring().signing_key_id in {one, other}


def test_the_schedule_rotates_an_old_key_and_forgets_retired_ones(
    make: Callable[..., Keys], clock: ManualClock, database: sa.Engine
) -> None:
    keys = make()
    assert keys.rotate_if_due(1000.0) is None
    clock.advance(1001)
    assert keys.rotate_if_due(0.0) is None
    assert keys.rotate_if_due(1000.0) is not None
    assert make().rotate_if_due(1000.0) is None
    clock.advance(TOKEN_SECONDS + 100)
    keys.rotate_if_due(10_000.0)
    with database.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM delivery_keys")) == 1
