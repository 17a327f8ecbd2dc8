import random

import pytest

from matinee.cache.admission import SecondRequest

LIMIT = 100_000


def door() -> SecondRequest:
    return SecondRequest(LIMIT, LIMIT // 10)


def test_nothing_is_decided_before_a_thousand_files_were_asked_for() -> None:
    admission = door()
    assert all(admission.lets_in(name, 100, free=False) for name in range(999))
    assert not admission.waits
    admission.lets_in(999, 100, free=False)
    assert admission.waits
    assert not admission.lets_in(2000, 100, free=False)


def test_while_it_waits_the_second_request_is_let_in_and_so_is_what_finds_room_free() -> None:
    admission = door()
    for name in range(1001):
        admission.lets_in(name, 10, free=False)
    assert not admission.lets_in(5000, 100, free=False)
    assert admission.lets_in(5000, 100, free=False)
    assert admission.lets_in(5001, 100, free=True)


def test_a_first_request_that_is_long_ago_is_forgotten() -> None:
    admission = door()
    for name in range(2, 1003):
        admission.lets_in(name, 10, free=False)
    assert not admission.lets_in(1, 10, free=False)
    for name in range(10_000, 10_000 + 3 * LIMIT // 100):
        admission.lets_in(name, 100, free=False)
    assert not admission.lets_in(1, 10, free=False)


@pytest.mark.parametrize(("again", "waits"), [(0.2, True), (0.9, False)])
@pytest.mark.parametrize("waited", [True, False])
def test_it_waits_where_that_spares_more_writing_than_it_loses_hits_whatever_it_did_before(
    again: float, waits: bool, waited: bool
) -> None:
    admission, chance = door(), random.Random(7)
    # So many of the files are asked for once more soon after: a hit if they were let in, a miss if they were not.
    for name in range(20_000):
        share = again if name > 8000 else 0.0 if waited else 1.0
        let_in = admission.lets_in(name, 100, free=False)
        if chance.random() < share:
            if let_in:
                admission.used(name, 100)
            else:
                assert admission.lets_in(name, 100, free=False)
        if name == 8000:
            assert admission.waits is waited
    assert admission.waits is waits
    assert (admission.spared_bytes > admission.lost_bytes) is waits


def test_what_is_asked_for_again_only_after_it_would_have_left_is_no_hit_lost() -> None:
    admission = door()
    for name in range(2000):
        admission.lets_in(name, 100, free=False)
    for name in range(1500, 1600):
        assert admission.lets_in(name, 100, free=False)
    assert admission.lost_bytes == 0
    assert admission.lets_in(1990, 100, free=False)
    assert admission.lost_bytes == 100
