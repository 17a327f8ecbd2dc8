"""The recommender's artefacts on both databases: a process begins with the newest and knows what all others know."""

import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import obstore
import pytest
import sqlalchemy as sa
from obstore.store import LocalStore
from structlog.testing import capture_logs

from matinee.adapters.clock_manual import ManualClock
from matinee.adapters.events_database import DatabaseEventLog
from matinee.adapters.events_tables import log as log_table
from matinee.adapters.events_tables import relays
from matinee.model.errors import Invalid
from matinee.model.events import Event, MemberForgotten
from matinee.recommender.archive import Archive
from matinee.recommender.artefacts import PREFIX, Artefacts
from matinee.recommender.serving import Recommender
from matinee.recommender.upkeep import Upkeep
from matinee.taste.knowledge import Knowledge
from matinee.taste.writing import to_bytes
from plays import NOON, play

WORTH = 20


class World:
    """A log, its archive and its artefacts in a folder."""

    def __init__(self, engine: sa.Engine, folder: Path) -> None:
        self.clock = ManualClock(NOON + timedelta(days=1))
        self.log = DatabaseEventLog(engine)
        self.objects = LocalStore(folder, mkdir=True)
        self.archive = Archive(engine, self.objects, self.log, self.clock)
        self.upkeep = Upkeep(self.archive, random.Random(1).randbytes)
        self.artefacts = Artefacts(self.objects, self.archive, self.log, self.clock, WORTH)

    def tell(self, people: int, seconds: float = 0.0) -> None:
        """Three events for each person's play of a title; everybody's region is one of two."""
        for person in range(people):
            region = ("europe", "america")[person % 2]
            self.log.append(play(f"person-{person}", f"title-{person % 3}", seconds, region))
            self.log.append(play(f"person-{person}", "title-7", seconds + 10, region, to_the_end=person % 2 == 0))

    def known(self, artefacts: Artefacts | None = None) -> Knowledge:
        """What a process knows that starts now."""
        one = Recommender(self.log, None, self.clock, artefacts)
        one.catch_up()
        return one._knowledge

    def retain(self, events_days: float, archive_days: float) -> None:
        Upkeep(self.archive, random.Random(2).randbytes, events_days, archive_days).retain()

    def names(self) -> list[str]:
        return sorted(one["path"].removeprefix(PREFIX) for one in obstore.list(self.objects, PREFIX).collect())


@pytest.fixture
def world(database: sa.Engine, tmp_path: Path) -> World:
    return World(database, tmp_path / "objects")


def facts(knowledge: Knowledge) -> dict[str, Any]:
    """All that is known, in values that compare."""
    histories, popularity = knowledge.histories, knowledge.popularity
    return {
        "histories": {profile_id: histories.of(profile_id) for profile_id in histories},
        "overall": (popularity.overall.levels(), popularity.overall.ranked()),
        "regions": {name: (board.levels(), board.ranked()) for name, board in popularity.regions().items()},
        "usual": knowledge.usual.overall.levels(),
        "approval": (knowledge.approval.counts(), knowledge.approval.ranked()),
        "transitions": knowledge.transitions.counts(),
        "forgotten": knowledge.forgotten,
    }


def test_a_process_that_begins_with_an_artefact_knows_what_one_knows_that_read_the_whole_log(world: World) -> None:
    world.tell(10)
    assert world.artefacts.renew()
    world.tell(12, seconds=90_000)
    assert facts(world.known(world.artefacts)) == facts(world.known())
    assert world.artefacts.begin().position == 60


def test_an_artefact_is_written_when_enough_was_learned_and_the_newest_two_are_kept(world: World) -> None:
    world.tell(3)
    assert not world.artefacts.renew()
    world.tell(1, seconds=10)
    assert world.artefacts.renew()
    assert not world.artefacts.renew()
    for day in range(1, 4):
        world.tell(4, seconds=day * 90_000)
        assert world.artefacts.renew()
    assert [int(name.partition(".")[0]) for name in world.names()] == [72, 96]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not whole"),
        (b"no gzip at all", "not whole"),
        (to_bytes(Knowledge(), 24)[:-9], "not whole"),
        (to_bytes(Knowledge(), 24).replace(b"\x1f\x8b", b"\x1f\x8c"), "not whole"),
    ],
    ids=["empty", "foreign", "torn", "changed"],
)
def test_a_torn_or_foreign_artefact_is_passed_over_with_a_word(world: World, body: bytes, reason: str) -> None:
    world.tell(4)
    assert world.artefacts.renew()
    world.tell(1, seconds=90_000)
    obstore.put(world.objects, f"{PREFIX}{30:016d}.json.gz", body)
    obstore.put(world.objects, f"{PREFIX}notes.txt", b"somebody's notes")
    with capture_logs() as logs:
        assert facts(world.known(world.artefacts)) == facts(world.known())
    [passed] = [line for line in logs if line["event"] == "recommender.artefact_passed_over"]
    assert reason in passed["reason"]


def test_the_newest_artefact_cut_in_half_leaves_the_one_before_in_force(world: World) -> None:
    world.tell(4)
    assert world.artefacts.renew()
    whole = world.artefacts.begin()
    world.tell(4, seconds=90_000)
    assert world.artefacts.renew()
    newest = f"{PREFIX}{world.names()[-1]}"
    body = bytes(obstore.get(world.objects, newest).bytes())
    obstore.put(world.objects, newest, body[: len(body) // 2])
    found = world.artefacts.begin()
    assert (found.position, facts(found.knowledge)) == (whole.position, facts(whole.knowledge))
    # The log tells what came after it.
    assert facts(world.known(world.artefacts)) == facts(world.known())


def test_an_artefact_of_another_format_is_passed_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.tell(4)
    with monkeypatch.context() as patched:
        patched.setattr("matinee.taste.writing.FORMAT", 99)
        assert world.artefacts.renew()
    assert world.artefacts.begin().position == 0
    assert facts(world.known(world.artefacts)) == facts(world.known())


def test_without_its_artefact_a_process_learns_from_the_archive_what_the_log_let_go_of(world: World) -> None:
    world.tell(10)
    whole = facts(world.known())
    world.archive.write()
    world.clock.advance(40 * 86_400)
    world.retain(30, 0)
    assert facts(world.known())["histories"] == {}
    assert facts(world.known(world.artefacts)) == whole
    world.tell(3, seconds=30 * 86_400)
    known = world.known(world.artefacts)
    assert known.transitions.watchers("title-7") == 10
    assert known.histories.of("person-0").plays["title-0"].watched_seconds == 240.0


def test_an_old_artefact_the_archive_and_the_log_follow_on_each_other(world: World) -> None:
    world.tell(4)
    assert world.artefacts.renew()
    world.tell(6, seconds=90_000)
    world.archive.write()
    world.clock.advance(40 * 86_400)
    world.retain(30, 0)
    world.tell(8, seconds=35 * 86_400)
    known = world.known(world.artefacts)
    assert sum(
        play.watched_seconds for name in known.histories for play in known.histories.of(name).plays.values()
    ) == (sum(120 + (600 if person % 2 == 0 else 120) for people in (4, 6, 8) for person in range(people)))


def test_every_process_forgets_who_is_to_be_forgotten_and_so_do_the_artefacts(world: World) -> None:
    world.tell(4)
    assert world.artefacts.renew()
    running = Recommender(world.log, None, world.clock)
    running.catch_up()
    assert running.progress("person-1")
    until = NOON.timestamp() + 60
    world.clock.advance(60)
    world.log.append([Event("forgotten-1", world.clock.now(), "test", MemberForgotten("member", "person-1", until))])
    running.catch_up()
    assert running.progress("person-1") == {}
    assert world.artefacts.renew()
    assert len(world.names()) == 1
    # Told late, and then told of what came after.
    world.log.append(play("person-1", "title-5", seconds=0))
    world.log.append(play("person-1", "title-6", seconds=70))
    world.clock.advance(60)
    for one in (running, Recommender(world.log, None, world.clock, world.artefacts)):
        one.catch_up()
        assert set(one.progress("person-1")) == {"title-6"}
    known = world.known(world.artefacts)
    assert known.transitions.together("title-1", "title-7") == 0
    assert known.transitions.watchers("title-7") == 3


def begin_anew(world: World, engine: sa.Engine) -> None:
    """An empty log, whose positions begin again, in place of the one that was archived and learned."""
    with engine.begin() as connection:
        connection.execute(sa.delete(log_table))
        connection.execute(sa.update(relays).values(position=0))
    assert world.log.end() == 0


def test_an_empty_log_with_nothing_archived_is_the_right_one(world: World) -> None:
    world.archive.check_log()
    world.tell(4)
    world.archive.write()
    world.archive.check_log()


def test_a_log_that_ends_before_what_is_archived_is_refused(world: World, database: sa.Engine) -> None:
    world.tell(4)
    world.archive.write()
    begin_anew(world, database)
    world.tell(1)
    with pytest.raises(Invalid, match="ends at position 6, and the archive has events up to 24 already"):
        world.archive.check_log()


def test_an_artefact_of_another_log_is_passed_over_and_goes_when_this_one_has_its_own(
    world: World, database: sa.Engine
) -> None:
    world.tell(10)
    assert world.artefacts.renew()
    begin_anew(world, database)
    world.tell(2)
    with capture_logs() as logs:
        assert facts(world.known(world.artefacts)) == facts(world.known())
    [passed] = [line for line in logs if line["event"] == "recommender.artefact_passed_over"]
    assert passed["reason"] == "The event log ends at 12."
    world.tell(2, seconds=90_000)
    assert world.artefacts.renew()
    assert [int(name.partition(".")[0]) for name in world.names()] == [24]


def test_a_process_learns_the_archive_of_another_log_and_all_of_this_one(world: World, database: sa.Engine) -> None:
    world.tell(4)
    world.archive.write()
    world.clock.advance(40 * 86_400)
    world.retain(30, 0)
    begin_anew(world, database)
    world.log.append(play("person-9", "title-9", 35 * 86_400))
    known = world.known(world.artefacts)
    assert known.transitions.watchers("title-7") == 4
    assert known.transitions.watchers("title-9") == 1
