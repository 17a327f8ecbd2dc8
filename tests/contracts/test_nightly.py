"""A report a night and a shadow replay, of a log with a habit in it, half of it archived; on both databases."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from obstore.store import LocalStore

from chains import audience, chain_shelf
from matinee.adapters.clock_manual import ManualClock
from matinee.adapters.events_database import DatabaseEventLog
from matinee.model.errors import Invalid, NotFound
from matinee.model.events import Event, PlaybackStarted
from matinee.recommender.archive import Archive
from matinee.recommender.rankers import Rankers
from matinee.teaching.nightly import KEPT, Nightly, Reports, day_of
from matinee.teaching.shadowing import Shadowing
from matinee.teaching.training import Training
from plays import NOON

_NIGHT = NOON + timedelta(days=9, hours=14)


class House:
    """An audience's log up to a night, and who looks back on it."""

    def __init__(self, engine: sa.Engine, folder: Path, now: datetime = _NIGHT, people: int = 220) -> None:
        self.clock = ManualClock(now)
        self.log = DatabaseEventLog(engine)
        told = [one for one in begun(audience(people)) if one.time <= _NIGHT]
        events, self.rest = ([one for one in told if (one.time > now) is later] for later in (False, True))
        objects = LocalStore(folder, mkdir=True)
        self.archive = Archive(engine, objects, self.log, self.clock)
        self.log.append(events[: len(events) // 2])
        self.archive.write()
        self.log.append(events[len(events) // 2 :])
        self.rankers, self.reports = Rankers(objects), Reports(engine, self.clock)
        self.nightly = Nightly(self.archive, self.clock, self.rankers, self.reports, chain_shelf)
        self.shadowing = Shadowing(self.archive, self.clock, self.rankers, chain_shelf)
        self.training = Training(self.archive, self.log, self.clock, self.rankers, chain_shelf)
        self.day = day_of(_NIGHT - timedelta(days=1))


def begun(events: list[Event]) -> list[Event]:
    """Each play with its beginning, ten minutes before its end."""
    told = []
    for one in events:
        facts = one.facts
        began = PlaybackStarted(facts.playback_id, facts.profile_id, facts.title_id)  # type: ignore[attr-defined]
        told += [Event(f"{one.id}-begun", one.time - timedelta(minutes=10), "test", began), one]
    return sorted(told, key=lambda one: one.time)


@pytest.fixture
def house(database: sa.Engine, tmp_path: Path) -> House:
    return House(database, tmp_path / "objects")


def test_a_night_reports_on_yesterday_once_and_finds_what_the_audience_does(house: House) -> None:
    report = house.nightly.renew()
    assert report is not None
    assert report.day == house.day
    assert report.body["plays"] == report.body["asked"] + report.body["left_out"] > 100
    ours, popular, trending = report.body["rows"]
    # The audience's truth: after each film the next one. The plainest rivals cannot know.
    assert ours["ci95"]["hr@10"][0] > max(popular["ci95"]["hr@10"][1], trending["ci95"]["hr@10"][1])
    assert report.body["differences"]["popularity"]["ndcg@10"][1] > 0
    assert ours["coverage"] > popular["coverage"]
    assert house.nightly.renew() is None
    assert [one.body for one in house.reports.last()] == [report.body]
    house.clock.advance(KEPT / timedelta(seconds=1))
    assert house.reports.last() == []
    empty = house.nightly.renew()
    assert empty is not None
    assert (empty.body["rows"], empty.body["sentence"]) == ([], "Nobody watched anything new that day.")
    assert not house.reports.has(house.day)


def test_who_was_taught_yesterday_is_not_asked_about_yesterday(database: sa.Engine, tmp_path: Path) -> None:
    house = House(database, tmp_path / "objects", _NIGHT - timedelta(days=2))
    assert house.training.train().version == 1
    house.clock.advance(2 * 86_400)
    house.log.append(house.rest)
    assert house.training.train().version == 2
    assert house.nightly.report(house.day).body["ranker"] == 1


def test_a_log_longer_than_a_night_is_given_up_and_the_report_says_so(house: House) -> None:
    seconds = iter(range(0, 10_000_000, 3000))
    nightly = Nightly(
        house.archive, house.clock, house.rankers, house.reports, chain_shelf, lambda: float(next(seconds))
    )
    report = nightly.renew()
    assert report is not None
    assert report.body["sentence"].startswith("Given up after 30 minutes")


def test_questions_are_bounded_and_spread_over_the_day(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matinee.teaching.nightly.QUESTIONS_MOST", 20)
    report = house.nightly.report(house.day)
    assert 10 <= report.body["asked"] <= 20
    assert report.body["plays"] > 100


def test_a_candidate_is_shown_beside_the_one_in_force_before_it_is_let_in(house: House) -> None:
    house.rankers.hold(on=True)
    assert house.training.train().version == 0
    found = house.shadowing.replay("candidate", house.day)
    assert (found.current, found.day) == ("formula", house.day)
    assert found.shadow.plays > 50
    assert found.shadow.overlap < 1
    assert found.shadow.hits_candidate > 0.5
    assert found.remark
    assert house.rankers.version() == 0
    same = house.shadowing.replay("formula", house.day).shadow
    assert (same.overlap, same.difference) == (1.0, 0.0)
    assert same.rank_biased_overlap == pytest.approx(1.0)
    worse = house.shadowing.replay("trending", house.day)
    assert worse.shadow.high < 0
    assert not worse.remark


def test_what_is_no_candidate_is_said(house: House) -> None:
    with pytest.raises(NotFound, match="No ranker was taught yet"):
        house.shadowing.replay("candidate", house.day)
    with pytest.raises(NotFound, match="no version 3"):
        house.shadowing.replay("3", house.day)
    with pytest.raises(Invalid, match="'best' is no candidate"):
        house.shadowing.replay("best", house.day)
    assert house.shadowing.replay("formula", "2030-01-01").shadow.plays == 0
