"""Rankers: taught from the log, let in by the gate, read whole or not at all, taken back by one call."""

from datetime import timedelta
from pathlib import Path

import obstore
import pytest
import sqlalchemy as sa
from obstore.store import LocalStore

from chains import audience, chain_shelf, film, watched
from matinee.adapters.clock_manual import ManualClock
from matinee.adapters.events_database import DatabaseEventLog
from matinee.exploration.parameters import Parameters
from matinee.model.errors import Invalid, NotFound
from matinee.recommender.archive import Archive
from matinee.recommender.rankers import PREFIX, Rankers, Watch, from_bytes, to_bytes
from matinee.recommender.rows import RowKind
from matinee.recommender.serving import Recommender
from matinee.taste.trees import Trees
from matinee.teaching.training import Least, Training
from plays import NOON


class School:
    """A log with an audience in it, half of it archived, and who teaches from it."""

    def __init__(self, engine: sa.Engine, folder: Path, people: int = 220) -> None:
        self.clock = ManualClock(NOON + timedelta(days=12))
        self.log = DatabaseEventLog(engine)
        self.objects = LocalStore(folder, mkdir=True)
        archive = Archive(engine, self.objects, self.log, self.clock)
        events = audience(people)
        self.log.append(events[: len(events) // 2])
        archive.write()
        self.log.append(events[len(events) // 2 :])
        self.rankers = Rankers(self.objects)
        self.training = Training(archive, self.log, self.clock, self.rankers, chain_shelf, Least())

    def process(self) -> Recommender:
        """A serving process that has caught up, and looked which ranker is in force."""
        one = Recommender(self.log, None, self.clock, rankers=Watch(self.rankers))
        one.catch_up()
        one.look_for_ranker()
        return one

    def expects(self, one: Recommender, profile_id: str, title_id: str) -> bool:
        """Whether a title leads a profile's For you; or stands among the ten, whose titles no other row repeats."""
        rows = one.rows(profile_id, chain_shelf(), "", 18, self.clock.now())
        ten, mine = (next(row for row in rows if row.kind is kind) for kind in (RowKind.POPULAR, RowKind.FOR_YOU))
        return title_id == mine.title_ids[0] or title_id in ten.title_ids


@pytest.fixture
def school(database: sa.Engine, tmp_path: Path) -> School:
    return School(database, tmp_path / "objects")


def test_a_page_follows_the_habit_that_was_learned_and_its_reasons_stay(school: School) -> None:
    began = (3, 17, 29, 44, 55)
    for number in began:
        school.log.append([watched(f"new-{number}", number + step, 11 * 86_400.0 + 3600 * step) for step in range(4)])
    report = school.training.train()
    assert report.version == 1, report.sentence
    assert report.scores["candidate"]["ndcg@10"] > report.scores["trending"]["ndcg@10"]
    assert report.differences["in_force"]["ndcg@10"].mean > 0
    one = school.process()
    assert all(school.expects(one, f"new-{number}", film(number + 4)) for number in began)
    assert not any(school.expects(one, f"new-{number}", film(number + 30)) for number in began[:1])
    rows = one.rows("new-3", chain_shelf(), "", 18, school.clock.now())
    asked = ("new-3", chain_shelf(), "", 18, school.clock.now())
    assert one.made(*asked).ranker == 1
    # An experiment may do without it: then the formula ranks, as where there is none.
    untaught = Recommender(school.log, None, school.clock)
    without = one.made(*asked, parameters=Parameters(ranker=False))
    untaught.catch_up()
    assert (without.ranker, without.rows) == (0, untaught.rows(*asked))
    assert without.rows != rows
    reasons = next(row.title_reasons for row in rows if row.kind is RowKind.FOR_YOU)
    assert reasons[0].startswith("watched by people who watched")


def test_another_process_shows_the_next_film_after_one_play(school: School) -> None:
    rows = school.process().rows("nobody", chain_shelf(), "", 18, school.clock.now())
    ten = next(row.title_ids for row in rows if row.kind is RowKind.POPULAR)
    fourth, fifth = next(
        (number, number + 1) for number in range(4, 60) if not {film(number), film(number + 1)} & set(ten)
    )
    # Not the last days: three plays more leave the ten as they are.
    school.log.append([watched("ada", fourth - 4 + step, 6 * 86_400.0 + 3600 * step) for step in range(4)])
    school.training.train()
    here, there = school.process(), school.process()
    assert school.expects(there, "ada", film(fourth))
    assert not school.expects(there, "ada", film(fifth))
    school.log.append([watched("ada", fourth, 6.5 * 86_400.0)])
    here.catch_up()
    there.catch_up()
    assert school.expects(here, "ada", film(fifth))
    assert school.expects(there, "ada", film(fifth))


def test_too_little_is_said_and_the_formula_stays(database: sa.Engine, tmp_path: Path) -> None:
    school = School(database, tmp_path / "objects", people=20)
    report = school.training.train()
    assert report.sentence.startswith("Too little to learn from: ")
    assert report.version == school.rankers.version() == 0
    assert school.rankers.last()["sentence"] == report.sentence
    # The next try is tomorrow's.
    assert school.training.renew() is None
    school.clock.advance(90_000)
    assert school.training.renew() is not None


def test_a_worse_ranker_is_kept_out(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    assert school.training.train().version == 1

    class Backwards:
        """Trees that stand on their head."""

        def __init__(self, trees: Trees) -> None:
            self.names, self.text = trees.names, trees.text
            self.scores = lambda rows: [-score for score in trees.scores(rows)]

    trees = school.rankers.in_force().trees  # type: ignore[union-attr]
    monkeypatch.setattr("matinee.teaching.training.taught", lambda *_: Backwards(trees))
    report = school.training.train()
    assert report.version == 0
    assert report.sentence.startswith("Kept out: worse than version 1 over ")
    assert school.rankers.version() == 1


def test_the_ranker_before_it_comes_back_by_one_call(school: School) -> None:
    with pytest.raises(NotFound, match="nothing to take back"):
        school.rankers.roll_back()
    assert school.training.train().version == 1
    assert school.training.train().version == 2
    watch = Watch(school.rankers)
    versions = []
    for _ in range(3):
        watch.look()
        versions.append(watch.ranker.version if watch.ranker else 0)
        if watch.ranker:
            school.rankers.roll_back()
    assert versions == [2, 1, 0]
    # A night would undo it: nothing new is let in until it is switched on, though it is taught and kept.
    report = school.training.train()
    assert (report.version, school.rankers.version()) == (0, 0)
    assert report.sentence.startswith("Switched off: ")
    assert report.differences["in_force"]["ndcg@10"].mean > 0
    candidate = school.rankers.candidate()
    assert candidate is not None
    assert candidate.version == 0
    school.rankers.hold(on=False)
    # A version is never given twice.
    assert school.training.train().version == 3


def test_one_that_is_cut_is_refused_and_the_old_stays_in_force(school: School) -> None:
    school.training.train()
    watch = Watch(school.rankers)
    watch.look()
    school.training.train()
    key = f"{PREFIX}{2:08d}.json.gz"
    body = bytes(obstore.get(school.objects, key).bytes())
    obstore.put(school.objects, key, body[: len(body) // 2])
    watch.look()
    fresh = Watch(school.rankers)
    fresh.look()
    assert watch.ranker is not None
    assert fresh.ranker is not None
    assert watch.ranker.version == fresh.ranker.version == 1
    obstore.put(school.objects, key, body)
    watch.look()
    assert watch.ranker.version == 2


def test_no_cut_and_no_altered_artefact_is_read(school: School) -> None:
    school.training.train()
    ranker = school.rankers.in_force()
    assert ranker is not None
    body = to_bytes(ranker)
    rows = [[float(number)] * len(ranker.trees.names) for number in range(5)]
    assert from_bytes(body).trees.scores(rows) == ranker.trees.scores(rows)
    for end in range(0, len(body), max(1, len(body) // 40)):
        with pytest.raises(Invalid):
            from_bytes(body[:end])
    for bad in (b"", b"{}", b"\x1f\x8b"):
        with pytest.raises(Invalid):
            from_bytes(bad)
