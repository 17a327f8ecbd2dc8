from datetime import UTC, datetime, timedelta

from matinee.model.recent import Recent

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def recent(most: int = 3) -> Recent[str, int]:
    return Recent(most, timedelta(seconds=5))


def test_a_value_holds_for_half_of_its_time_at_least_and_for_no_more_than_all_of_it() -> None:
    kept = recent()
    kept.keep("a", 1, NOON)
    assert kept.get("a", NOON + timedelta(seconds=2.4)) == 1
    assert kept.get("a", NOON + timedelta(seconds=5)) is None
    assert kept.get("b", NOON) is None


def test_values_that_were_kept_together_do_not_end_together() -> None:
    kept = recent(most=100)
    for number in range(100):
        kept.keep(str(number), number, NOON)
    left = [
        sum(kept.get(str(number), NOON + timedelta(seconds=seconds)) is not None for number in range(100))
        for seconds in (2.4, 3.75, 5)
    ]
    assert left[0] == 100
    assert 10 < left[1] < 90
    assert left[2] == 0


def test_a_newer_value_holds_from_then_on() -> None:
    kept = recent()
    kept.keep("a", 1, NOON)
    kept.keep("a", 2, NOON + timedelta(seconds=4))
    assert kept.get("a", NOON + timedelta(seconds=6.4)) == 2


def test_the_oldest_makes_room() -> None:
    kept = recent(most=2)
    for place, key in enumerate("abac"):
        kept.keep(key, place, NOON)
    assert [kept.get(key, NOON) for key in "abc"] == [2, None, 3]


def test_what_is_forgotten_is_gone_and_an_answer_from_before_does_not_bring_it_back() -> None:
    kept = recent()
    for key in "ab":
        kept.keep(key, 1, NOON)
    before = kept.turn
    kept.forget("a")
    kept.keep("a", 1, NOON, before)
    assert [kept.get(key, NOON) for key in "ab"] == [None, 1]
    kept.keep("a", 2, NOON, kept.turn)
    assert kept.get("a", NOON) == 2
    kept.forget()
    assert [kept.get(key, NOON) for key in "ab"] == [None, None]
