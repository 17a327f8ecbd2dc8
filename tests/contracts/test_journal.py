"""Pages as they were shown, on both databases: a few a profile, some days, none of who is forgotten."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from matinee.adapters.clock_manual import ManualClock
from matinee.exploration.parameters import USUAL
from matinee.model.ids import RandomBytes
from matinee.replay.journal import KEPT, PAGES_KEPT, Journal
from matinee.replay.shown import Asked, ShownPage


@pytest.fixture
def journal(database: sa.Engine, clock: ManualClock, random_bytes: RandomBytes) -> Journal:
    return Journal(database, clock, random_bytes)


def page(clock: ManualClock, *title_ids: str, profile_id: str = "ada") -> ShownPage:
    asked = Asked(profile_id, clock.now(), "europe", "", 18, USUAL)
    return ShownPage(asked, 7, ("e1",), 2, 9, {"for-you": title_ids, "new": ("t1",)})


def test_a_page_is_kept_with_what_it_was_made_of(journal: Journal, clock: ManualClock) -> None:
    kept = page(clock, "t1", "t2")
    journal.keep(kept)
    assert journal.pages("ada") == []
    assert journal.write() == 1
    [found] = journal.pages("ada")
    assert found.page == kept
    assert journal.pages("bob") == []


def test_looking_again_is_no_other_page(journal: Journal, clock: ManualClock) -> None:
    for title_ids in (("t1",), ("t1",), ("t2",), ("t1",)):
        journal.keep(page(clock, *title_ids))
        clock.advance(1)
    assert journal.write() == 3


def test_the_last_few_of_a_profile_stay(journal: Journal, clock: ManualClock) -> None:
    journal.keep(page(clock, "t1", profile_id="bob"))
    for number in range(PAGES_KEPT + 3):
        journal.keep(page(clock, f"t{number}"))
        clock.advance(1)
        journal.write()
    found = [one.page.rows["for-you"] for one in journal.pages("ada")]
    assert found == [(f"t{number}",) for number in range(PAGES_KEPT + 2, 2, -1)]
    assert len(journal.pages("bob")) == 1


def test_who_is_forgotten_is_not_kept_though_a_page_comes_late(journal: Journal, clock: ManualClock) -> None:
    journal.keep(page(clock, "t1"))
    journal.keep(page(clock, "t1", profile_id="bob"))
    journal.write()
    journal.keep(page(clock, "t2"))
    clock.advance(1)
    until = clock.now().timestamp()
    for _ in range(2):
        journal.forget("ada", until)
    journal.write()
    assert journal.pages("ada") == []
    assert len(journal.pages("bob")) == 1
    clock.advance(1)
    journal.keep(page(clock, "t3"))
    journal.write()
    # A word from before does not bring the border back.
    journal.forget("ada", until - 5)
    assert [one.page.rows["for-you"] for one in journal.pages("ada")] == [("t3",)]


def test_old_pages_go(journal: Journal, clock: ManualClock) -> None:
    journal.keep(page(clock, "t1"))
    journal.forget("bob", clock.now().timestamp())
    clock.advance(KEPT / timedelta(seconds=1))
    journal.keep(page(clock, "t2"))
    journal.write()
    assert journal.tidy() == 0
    clock.advance(60)
    assert journal.tidy() == 1
    assert [one.page.rows["for-you"] for one in journal.pages("ada")] == [("t2",)]


def test_what_waits_while_the_database_is_away_is_bounded(
    journal: Journal, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("matinee.replay.journal._WAITING_MOST", 3)
    for number in range(5):
        journal.keep(page(clock, "t1", profile_id=f"p{number}"))
    assert journal.write() == 3
    assert [len(journal.pages(f"p{number}")) for number in range(5)] == [0, 0, 1, 1, 1]
