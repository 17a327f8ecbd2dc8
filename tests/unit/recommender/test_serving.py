"""How one process keeps up with the log: every accepted event, one reader at a time, the log there or away."""

import threading
import time
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from typing import Any

import pytest
import structlog
from structlog.testing import LogCapture

from matinee.adapters.clock_manual import ManualClock
from matinee.model.errors import Unavailable
from matinee.model.events import Event
from matinee.ports import Group, Recorded
from matinee.recommender import serving
from matinee.recommender.serving import Recommender
from plays import NOON, heartbeat, play, shelf, title

_SHELF = shelf([title("tide", ("Nature",)), title("reef", ("Nature",)), title("gear", ("Machines",))])


class ListLog:
    """A log in a list. ``reading`` runs before each read; ``away`` makes it raise."""

    def __init__(self, events: Sequence[Event] = ()) -> None:
        self.events = list(events)
        self.reads = 0
        self.away = False
        self.reading: Callable[[], Any] = lambda: None
        self._after = 0

    def append(self, events: Sequence[Event]) -> int:
        self.events.extend(events)
        return len(events)

    def drop(self, through: int) -> None:
        raise NotImplementedError

    def erase(self, positions: Sequence[int]) -> None:
        raise NotImplementedError

    def tail(self, after: int = 0) -> "ListLog":
        self._after = after
        return self

    def group(self, name: str, types: Collection[str] = ()) -> Group:
        raise NotImplementedError

    def end(self) -> int:
        return len(self.events)

    def read(self, limit: int = 1000, wait_seconds: float = 0.0) -> Sequence[Recorded]:
        self.reads += 1
        batch = [Recorded(n + 1, one) for n, one in enumerate(self.events)][self._after : self._after + limit]
        self.reading()
        if self.away:
            raise Unavailable("The log does not answer.")
        self._after += len(batch)
        return batch


class Waiting:
    """A relay with events that wait. ``asked`` runs after each look at them."""

    def __init__(self, log: ListLog, events: list[Event]) -> None:
        self.log, self.events = log, events
        self.asked: Callable[[], Any] = lambda: None

    def forward(self, limit: int = 1000) -> int:
        moved, self.events = self.events[:limit], self.events[limit:]
        self.log.events += moved
        return len(moved)

    def waiting(self, limit: int = 1000) -> list[Event]:
        waiting = self.events[:limit]
        self.asked()
        return waiting


def recommender(log: ListLog, relay: Waiting | None = None) -> Recommender:
    return Recommender(log, relay, ManualClock(NOON + timedelta(days=1)))


def begun(one: Recommender) -> set[str]:
    return set(one.progress("ada"))


def test_nothing_is_known_before_the_first_catch_up_and_everything_after_it() -> None:
    log = ListLog([heartbeat("ada", f"film-{number}") for number in range(450)] * 6)
    one = recommender(log)
    assert begun(one) == set()
    one.catch_up()
    assert len(begun(one)) == 450


def test_who_is_to_know_that_all_is_known_is_told_once() -> None:
    log, known = ListLog([heartbeat("ada", "tide")]), list[set[str]]()
    one = Recommender(log, None, ManualClock(NOON), begun=lambda: known.append(begun(one)))
    for _ in range(3):
        one.catch_up()
    assert known == [{"tide"}]


def watched_seconds(one: Recommender, title_id: str) -> float:
    return one._knowledge.histories.of("ada").plays[title_id].watched_seconds


def test_what_waits_to_be_moved_is_known_too_and_a_backlog_is_moved() -> None:
    log = ListLog()
    relay = Waiting(log, [heartbeat("ada", f"film-{number}") for number in range(3)])
    one = recommender(log, relay)
    one.catch_up()
    assert begun(one) == {"film-0", "film-1", "film-2"}
    assert log.events == []
    relay.events += [heartbeat("ada", f"film-{number % 400}") for number in range(2500)]
    one.catch_up()
    assert len(begun(one)) == 400
    assert relay.events == []


def test_an_event_counts_once_wherever_on_its_way_it_is_seen() -> None:
    log = ListLog()
    relay = Waiting(log, [heartbeat("ada", "tide")])
    one = recommender(log, relay)
    one.catch_up()
    one.catch_up()
    # It is moved between the look at what waits and the reading of the log.
    relay.asked = relay.forward
    one.catch_up()
    relay.events.append(heartbeat("ada", "reef"))
    one.catch_up()
    relay.asked = lambda: None
    one.catch_up()
    assert watched_seconds(one, "tide") == 120.0
    assert watched_seconds(one, "reef") == 120.0
    assert one._early == set()


def test_while_the_log_is_away_what_waits_is_known_all_the_same() -> None:
    log = ListLog()
    relay = Waiting(log, [])
    one = recommender(log, relay)
    log.away = True
    relay.events.append(heartbeat("ada", "tide"))
    one.catch_up()
    assert begun(one) == {"tide"}
    log.away = False
    relay.forward()
    one.catch_up()
    assert watched_seconds(one, "tide") == 120.0


def test_the_next_page_after_an_event_has_its_row() -> None:
    log = ListLog()
    one = recommender(log)
    one.catch_up()
    before = one.rows("ada", _SHELF, "europe", 18, NOON + timedelta(days=1))
    log.events += play("ada", "tide")
    one.catch_up()
    after = one.rows("ada", _SHELF, "europe", 18, NOON + timedelta(days=1))
    assert [row.id for row in before] == ["popular", "new"]
    assert [row.id for row in after] == ["continue", "because:tide", "popular", "new"]
    assert one.similar("tide", _SHELF, 5) == ("reef",)
    assert one.similar("not there", _SHELF, 5) == ()


def test_progress_tells_where_a_profile_is_and_what_is_done_is_at_its_end() -> None:
    one = recommender(ListLog([*play("ada", "tide"), *play("ada", "reef", to_the_end=True), *play("bob", "gear")]))
    one.catch_up()
    assert one.progress("ada") == {"tide": (120.0, 600.0), "reef": (600.0, 600.0)}


def test_while_one_reads_the_others_wait_and_share_one_reading_that_began_after_they_asked() -> None:
    log = ListLog()
    one = recommender(log)
    inside, go_on = threading.Event(), threading.Event()

    def pause() -> None:
        inside.set()
        assert go_on.wait(10)

    log.reading = pause
    first = threading.Thread(target=one.catch_up)
    first.start()
    assert inside.wait(10)
    # The first reading has seen an empty log by now; what is accepted from here on it will miss.
    log.events.append(heartbeat("ada", "tide"))
    known: list[bool] = []

    def ask() -> None:
        one.catch_up()
        known.append("tide" in begun(one))

    others = [threading.Thread(target=ask) for _ in range(8)]
    for other in others:
        other.start()
    while len(one._turn._waiters) < 8:  # type: ignore[attr-defined]
        time.sleep(0.001)
    go_on.set()
    for thread in (first, *others):
        thread.join(10)
    assert known == [True] * 8
    # One empty read by the first; of the eight, one read the event and found the end.
    assert log.reads == 3


def test_many_threads_that_write_and_ask_always_see_their_own_event() -> None:
    log = ListLog()
    one = recommender(log)
    missed: list[str] = []

    def watch(profile_id: str) -> None:
        for number in range(40):
            log.events.append(heartbeat(profile_id, f"film-{number}"))
            one.catch_up()
            if f"film-{number}" not in one.progress(profile_id):
                missed.append(f"{profile_id} {number}")

    threads = [threading.Thread(target=watch, args=(f"profile-{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert missed == []


def test_pages_go_on_while_the_log_is_away_which_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    # A logger of its own: what threads of other tests do to everybody's is no matter here.
    told, every = LogCapture(), structlog.make_filtering_bound_logger(0)
    monkeypatch.setattr(serving, "_log", structlog.wrap_logger(None, processors=[told], wrapper_class=every))
    log = ListLog(play("ada", "tide"))
    one = recommender(log)
    one.catch_up()
    told.entries.clear()
    log.away = True
    log.events += play("ada", "gear")
    for _ in range(3):
        one.catch_up()
    assert begun(one) == {"tide"}
    assert one.rows("ada", _SHELF, "europe", 18, NOON + timedelta(days=1))
    log.away = False
    one.catch_up()
    assert begun(one) == {"tide", "gear"}
    assert [entry["event"] for entry in told.entries] == ["recommender.log_away", "recommender.log_back"]


def test_an_error_that_is_not_the_logs_absence_is_told_and_does_not_block_the_next() -> None:
    log = ListLog(play("ada", "tide"))
    one = recommender(log)

    def fail() -> None:
        raise RuntimeError("a bug")

    log.reading = fail
    with pytest.raises(RuntimeError):
        one.catch_up()
    log.reading = lambda: None
    one.catch_up()
    assert begun(one) == {"tide"}


def test_in_the_background_it_keeps_up_without_being_asked() -> None:
    log = ListLog()
    one = recommender(log)
    one.start()
    log.events.append(heartbeat("ada", "tide"))
    deadline = time.monotonic() + 5
    while "tide" not in begun(one) and time.monotonic() < deadline:
        time.sleep(0.02)
    one.stop()
    assert begun(one) == {"tide"}
    assert not [thread for thread in threading.enumerate() if thread.name == "recommender"]
