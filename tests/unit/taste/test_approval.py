"""How well those who watched a title liked it."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from matinee.taste.approval import Approval, lower_share
from plays import knowledge_of, play, rated


def test_few_people_are_trusted_less_than_many_who_say_the_same() -> None:
    assert 0 < lower_share(1, 1) < lower_share(5, 5) < lower_share(50, 50) < 1
    assert lower_share(40, 50) > lower_share(3, 3) > lower_share(0, 50) == 0.0
    assert lower_share(0, 0) == 0.0


@given(st.integers(1, 1000), st.data())
def test_the_lower_end_lies_below_the_share_and_grows_with_it(people: int, data: st.DataObject) -> None:
    pleased = data.draw(st.integers(0, people))
    share = lower_share(pleased, people)
    assert 0.0 <= share <= pleased / people + 1e-12
    if pleased < people:
        assert lower_share(pleased + 1, people) > share


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), max_size=40))
def test_the_order_kept_is_that_of_counting_anew(watched: list[tuple[str, bool]]) -> None:
    approval, people, pleased = Approval(), Counter[str](), Counter[str]()
    for title_id, liked in watched:
        approval.change(title_id, 1, int(liked))
        people[title_id] += 1
        pleased[title_id] += liked
    anew = sorted((-lower_share(pleased[title_id], people[title_id]), title_id) for title_id in people)
    assert list(approval.ranked()) == anew
    again = Approval()
    again.restore(approval.counts())
    assert list(again.ranked()) == anew
    for title_id, liked in watched:
        approval.change(title_id, -1, -int(liked))
    assert list(approval.ranked()) == []


def test_pleased_is_who_finished_or_gave_a_thumb_up_and_none_down() -> None:
    events = [
        *play("ada", "tide", to_the_end=True),
        *play("bob", "tide"),
        *play("cyd", "tide", to_the_end=True),
        rated("bob", "tide", "up", 10),
        rated("cyd", "tide", "down", 10),
        rated("eve", "tide", "love", 10),
    ]
    knowledge = knowledge_of(events)
    assert knowledge.approval.of("tide") == (3, 2)
    assert knowledge_of([*events, rated("bob", "tide", None, 20)]).approval.of("tide") == (3, 1)
