from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from matinee.catalogue.lifecycle import Title, TitleState
from matinee.catalogue.shelf import Snapshot
from unit.catalogue.test_lifecycle import TITLE


def title(place: int, state: TitleState, minutes: int = 0) -> Title:
    moment = TITLE.created_at + timedelta(minutes=minutes)
    published = moment if state is TitleState.PLAYABLE else None
    return replace(TITLE, id=f"title-{place}", state=state, published_at=published)


def test_the_shelf_holds_what_is_playable_newest_first() -> None:
    titles = [title(1, TitleState.PLAYABLE, 1), title(2, TitleState.DRAFT), title(3, TitleState.PLAYABLE, 5)]
    snapshot = Snapshot().renewed(3, titles)
    assert [shown.id for shown in snapshot.shelf.titles] == ["title-3", "title-1"]
    assert set(snapshot.shelf.by_id) == {"title-1", "title-3"}
    assert len(snapshot.newest_first()) == 3


def test_what_did_not_change_stays_the_same_object() -> None:
    before = Snapshot().renewed(1, [title(1, TitleState.PLAYABLE), title(2, TitleState.PLAYABLE)])
    after = before.renewed(2, [title(2, TitleState.WITHDRAWN)])
    assert after.shelf.titles == (before.shelf.by_id["title-1"],)
    assert after.shelf.by_id["title-1"] is before.shelf.by_id["title-1"]
    assert len(before.shelf.titles) == 2


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(TitleState), st.integers(0, 9)), max_size=20))
def test_one_change_at_a_time_ends_where_all_at_once_do(changes: list[tuple[int, TitleState, int]]) -> None:
    stepwise = Snapshot()
    for number, change in enumerate(changes):
        stepwise = stepwise.renewed(number, [title(*change)])
    assert stepwise.shelf == Snapshot().renewed(len(changes), [title(*change) for change in changes]).shelf
