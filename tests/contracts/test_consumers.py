"""The consumers, on the event log and the catalogue of both databases."""

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from itertools import count

import pytest
import sqlalchemy as sa
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from event_processes import until
from matinee.accounts.members import Accounts
from matinee.adapters.clock_manual import ManualClock
from matinee.adapters.events_database import DatabaseEventLog, DatabaseOutbox, DatabaseRelay
from matinee.catalogue.titles import Catalogue, Title, TitleDraft, TitleState
from matinee.consumers import Consumers, reactions
from matinee.model.errors import Unavailable
from matinee.model.events import FACTS, Event, Facts, SearchMade, TitleEncoded, TitleEncodingFailed
from matinee.model.ids import RandomBytes
from matinee.model.media import Presentation, presentation_to_json
from matinee.playback.telemetry import Telemetry
from matinee.ports import EventLog, Group, Recorded

PAUSES_SECONDS = (0.01, 0.02)
PRESENTATION = Presentation(duration_seconds=60.0, renditions=(), files=(("master.m3u8", 100),), colour="#102030")
_ids = count(1)


class Applied(Telemetry):
    """Telemetry that remembers what it was given, and fails where a test says so."""

    def __init__(self, engine: sa.Engine, log: EventLog, clock: ManualClock, random_bytes: RandomBytes) -> None:
        accounts = Accounts(engine=engine, clock=clock, random_bytes=random_bytes, session_seconds=60)
        super().__init__(engine=engine, log=log, clock=clock, accounts=accounts)
        self.given: list[list[str]] = []
        self.fails: Callable[[list[str]], Exception | None] = lambda _: None

    def apply(self, events: Sequence[Event]) -> None:
        self.given.append([event.id for event in events])
        if error := self.fails(self.given[-1]):
            raise error
        super().apply(events)


class Film:
    """One title in a catalogue, and a way to tell events of it."""

    def __init__(self, engine: sa.Engine, clock: ManualClock, random_bytes: RandomBytes) -> None:
        self.engine = engine
        self.log = DatabaseEventLog(engine, lease_seconds=1.0)
        self.catalogue = Catalogue(engine=engine, outbox=DatabaseOutbox(), clock=clock, random_bytes=random_bytes)
        self.telemetry = Applied(engine, self.log, clock, random_bytes)
        self.id = self.catalogue.create(TitleDraft(name="Tides")).id

    def tell(self, *facts: Facts) -> None:
        now = datetime(2026, 1, 1, tzinfo=UTC)
        events = [Event(id=f"told-{next(_ids)}", time=now, source="test", facts=told) for told in facts]
        with self.engine.begin() as connection:
            DatabaseOutbox().append(connection, events)
        DatabaseRelay(self.engine).forward()

    def encoded(self, title_id: str | None = None, revision: str = "r1") -> TitleEncoded:
        return TitleEncoded(title_id or self.id, revision, presentation_to_json(PRESENTATION))

    @property
    def title(self) -> Title:
        return self.catalogue.title(self.id)


@pytest.fixture
def film(database: sa.Engine, clock: ManualClock, random_bytes: RandomBytes) -> Film:
    return Film(database, clock, random_bytes)


@contextmanager
def running(consumers: Consumers) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=consumers.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=60)
        assert not thread.is_alive()


def counted(outcome: str) -> float:
    labels = {"group": "catalogue", "type": "title.encoded", "outcome": outcome}
    return REGISTRY.get_sample_value("matinee_reactions_total", labels) or 0.0


def test_a_title_that_is_encoded_is_published(film: Film) -> None:
    with running(Consumers(film.log, film.catalogue, film.telemetry)):
        film.tell(film.encoded())
        until(lambda: film.title.state is TitleState.PLAYABLE, "the published title")
    assert film.title.revision == "r1"
    assert film.title.presentation == PRESENTATION


def test_a_title_whose_encode_failed_says_why(film: Film) -> None:
    with running(Consumers(film.log, film.catalogue, film.telemetry)):
        film.tell(TitleEncodingFailed(film.id, "The source holds no pictures."))
        until(lambda: film.title.state is TitleState.FAILED, "the failed title")
    assert film.title.message == "The source holds no pictures."


def test_a_title_that_is_withdrawn_is_purged_from_every_edge(film: Film) -> None:
    purged: list[str] = []
    film.catalogue.publish(film.id, "r1", PRESENTATION)
    with running(Consumers(film.log, film.catalogue, film.telemetry, purge=purged.append)):
        film.catalogue.withdraw(film.id)
        DatabaseRelay(film.engine).forward()
        until(lambda: bool(purged), "the purge")
    assert purged == [f"{film.id}/"]


def test_an_event_that_is_told_twice_is_done_once(film: Film) -> None:
    before = counted("handled")
    with running(Consumers(film.log, film.catalogue, film.telemetry)):
        film.tell(film.encoded(), film.encoded(revision="r2"), film.encoded())
        until(lambda: counted("handled") == before + 3, "the last event")
    assert film.title.revision == "r2"
    DatabaseRelay(film.engine).forward()
    told = [recorded.event.type for recorded in film.log.tail().read()]
    assert told.count("title.published") == 2


def test_an_event_that_cannot_be_handled_is_set_aside_loudly_and_the_next_are_handled(film: Film) -> None:
    before = counted("set_aside"), counted("failed")
    with (
        capture_logs() as logs,
        running(Consumers(film.log, film.catalogue, film.telemetry, PAUSES_SECONDS)),
    ):
        film.tell(film.encoded(title_id="0123456789abcdef"), film.encoded())
        until(lambda: film.title.state is TitleState.PLAYABLE, "the title after the poison")
    said = [line for line in logs if line["event"] == "event.set_aside"]
    assert [(line["log_level"], line["position"], line["tries"]) for line in said] == [("error", 1, 3)]
    assert "0123456789abcdef" in said[0]["facts"]
    assert (counted("set_aside"), counted("failed")) == (before[0] + 1, before[1] + 2)


@pytest.mark.parametrize(
    "error", [Unavailable("The object store is away."), sa.exc.OperationalError("SELECT 1", {}, Exception("away"))]
)
def test_nothing_is_set_aside_while_a_part_of_the_world_does_not_answer(film: Film, error: Exception) -> None:
    failures = 3 * len(PAUSES_SECONDS)
    publish = film.catalogue.publish
    tries = 0

    def away(title_id: str, revision: str, presentation: Presentation) -> Title:
        nonlocal tries
        tries += 1
        if tries <= failures:
            raise error
        return publish(title_id, revision, presentation)

    film.catalogue.publish = away  # type: ignore[method-assign]
    with running(Consumers(film.log, film.catalogue, film.telemetry, PAUSES_SECONDS)):
        film.tell(film.encoded())
        until(lambda: film.title.state is TitleState.PLAYABLE, "the world's return")
    assert tries == failures + 1


def test_stopping_while_an_event_is_tried_again_leaves_it_for_the_next_process(film: Film) -> None:
    tried = threading.Event()

    def away(title_id: str, revision: str, presentation: Presentation) -> Title:
        tried.set()
        raise Unavailable("The object store is away.")

    publish = film.catalogue.publish
    film.catalogue.publish = away  # type: ignore[method-assign]
    film.tell(film.encoded())
    with running(Consumers(film.log, film.catalogue, film.telemetry, pauses_seconds=(60.0,))):
        assert tried.wait(60)
    film.catalogue.publish = publish  # type: ignore[method-assign]
    with running(Consumers(film.log, film.catalogue, film.telemetry)):
        until(lambda: film.title.state is TitleState.PLAYABLE, "the next process")


def test_consumers_go_on_when_the_log_was_away(film: Film) -> None:
    asked = threading.Event()

    class AwayOnce:
        def __init__(self, group: Group) -> None:
            self._group = group

        def batch(self, limit: int = 100, wait_seconds: float = 0.0) -> AbstractContextManager[Sequence[Recorded]]:
            if not asked.is_set():
                asked.set()
                raise Unavailable("The log is away.")
            return self._group.batch(limit, wait_seconds)

    class Away(DatabaseEventLog):
        def group(self, name: str, types: Collection[str] = ()) -> Group:
            return AwayOnce(super().group(name, types))

    with running(Consumers(Away(film.engine), film.catalogue, film.telemetry)):
        assert asked.wait(60)
        film.tell(film.encoded())
        until(lambda: film.title.state is TitleState.PLAYABLE, "the title after the log's return")


def searched_for(*queries: str) -> list[Facts]:
    return [SearchMade(profile_id="ada", query=query, found=1) for query in queries]


def test_a_group_that_takes_many_at_once_gets_the_log_s_events_in_order(film: Film) -> None:
    film.tell(*searched_for("a", "b", "c"))
    with running(Consumers(film.log, film.catalogue, film.telemetry)):
        until(lambda: len(film.telemetry.given) == 1, "the first batch")
        film.tell(*searched_for("d"))
        until(lambda: len(film.telemetry.given) == 2, "the second batch")
    ids = [recorded.event.id for recorded in film.log.tail().read()]
    assert film.telemetry.given == [ids[:3], ids[3:]]


def test_one_bad_event_among_many_is_set_aside_alone(film: Film) -> None:
    film.tell(*searched_for("a", "b", "c"))
    first, bad, last = (recorded.event.id for recorded in film.log.tail().read())
    film.telemetry.fails = lambda ids: ValueError("bad") if bad in ids else None
    with capture_logs() as logs, running(Consumers(film.log, film.catalogue, film.telemetry, PAUSES_SECONDS)):
        until(lambda: [last] in film.telemetry.given, "the event after the bad one")
    assert film.telemetry.given == [[first, bad, last], [first], [bad], [bad], [bad], [last]]
    assert [line["event_id"] for line in logs if line["event"] == "event.set_aside"] == [bad]


def test_many_at_once_are_given_again_together_while_the_world_does_not_answer(
    film: Film, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("matinee.consumers._INTERRUPTED_SECONDS", 0.02)
    film.tell(*searched_for("a", "b"))
    ids = [recorded.event.id for recorded in film.log.tail().read()]
    film.telemetry.fails = lambda _: Unavailable("Away.") if len(film.telemetry.given) < 4 else None
    with running(Consumers(film.log, film.catalogue, film.telemetry, PAUSES_SECONDS)):
        until(lambda: len(film.telemetry.given) == 4, "the world's return")
    assert film.telemetry.given == [ids] * 4
    with film.log.group("playback").batch() as rest:
        assert rest == ()


def test_every_group_reacts_to_something(film: Film) -> None:
    for what in reactions(film.catalogue, film.telemetry).values():
        assert callable(what) or (what and {facts.type for facts in what} <= set(FACTS))
