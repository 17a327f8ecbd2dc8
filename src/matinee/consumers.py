"""Who reacts to which event: the table below is the whole of it.

A reaction may see an event more than once, so doing it twice is doing it once. One that fails is tried again after
growing pauses, and meanwhile the group waits, because order is promised. While a part of the world does not answer
(Unavailable, or the database's own word for it) nothing is given up. Any other failure has a few tries; then the event
is set aside: left unhandled in the log, with its position said at level error and counted in
``matinee_reactions_total{outcome="set_aside"}``, and the group goes on.

A group that takes many events at once goes through them one by one where all at once failed, so that one bad event is
set aside alone.
"""

import threading
import time
from collections import Counter as Tally
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa
import structlog
from prometheus_client import Counter

from matinee.catalogue.titles import Catalogue
from matinee.model.errors import Unavailable
from matinee.model.events import (
    DemandExpected,
    Event,
    Facts,
    MemberForgotten,
    TitleEncoded,
    TitleEncodingFailed,
    TitleWithdrawn,
    WatchForgotten,
)
from matinee.model.media import presentation_from_json
from matinee.playback.telemetry import Telemetry
from matinee.ports import EventLog, Recorded

Reactions = Mapping[type[Facts], Callable[[Any], object]]
"""What a group does at each class of facts, event by event; facts of other classes are passed over."""

Together = Callable[[Sequence[Event]], object]
"""What a group does with many events at once, of all classes, in their order."""


def _nowhere(_prefix: str) -> None:
    """What purges where there are no edges."""


def _nobody(_profile_id: str, _until_seconds: float) -> None:
    """What forgets where there is no archive."""


def _unplanned(_region: str, _plays: Mapping[str, float], _from_seconds: float) -> None:
    """What expects demand where nobody makes plans."""


def reactions(
    catalogue: Catalogue,
    telemetry: Telemetry,
    forget: Callable[[str, float], object] = _nobody,
    purge: Callable[[str], object] = _nowhere,
    expect: Callable[[str, Mapping[str, float], float], object] = _unplanned,
    forget_pages: Callable[[str, float], object] = _nobody,
) -> Mapping[str, Reactions | Together]:
    """Every group by its name. A group handles its events in order, in one process at a time."""

    def encoded(facts: TitleEncoded) -> None:
        catalogue.publish(facts.title_id, facts.revision, presentation_from_json(facts.presentation))

    def encoding_failed(facts: TitleEncodingFailed) -> None:
        catalogue.mark_failed(facts.title_id, facts.message)

    def forgotten(facts: MemberForgotten) -> None:
        forget(facts.profile_id, facts.until_seconds)

    def unwatched(facts: WatchForgotten) -> None:
        # Pages that were shown say what was watched.
        forget_pages(facts.profile_id, facts.until_seconds)

    def withdrawn(facts: TitleWithdrawn) -> None:
        purge(f"{facts.title_id}/")

    def expected(facts: DemandExpected) -> None:
        expect(facts.region, facts.day, facts.from_seconds)

    return {
        "archive": {
            MemberForgotten: forgotten,
            WatchForgotten: unwatched,
        },
        "catalogue": {
            TitleEncoded: encoded,
            TitleEncodingFailed: encoding_failed,
            # Every group reads past every player's events: what is rare goes along with its like.
            TitleWithdrawn: withdrawn,
            DemandExpected: expected,
        },
        "playback": telemetry.apply,
    }


_log = structlog.get_logger()
_reacted = Counter("matinee_reactions", "Tries to react to an event.", ["group", "type", "outcome"])

_BATCH = 500
_TOGETHER = 2_000
_WAIT_SECONDS = 0.5
_PAUSES_SECONDS = (0.2, 0.5, 1.0, 2.0)
_INTERRUPTED_SECONDS = 1.0
_LONGEST_FACTS = 1000
_WORLD = (Unavailable, sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError)


class _Stopped(Exception):
    """The process ends while an event waits for its next try."""


class Consumers:
    """Every group's member in this process, a thread each.

    An event has as many tries as there are ``pauses_seconds``, and one more.
    """

    def __init__(
        self,
        log: EventLog,
        catalogue: Catalogue,
        telemetry: Telemetry,
        pauses_seconds: Sequence[float] = _PAUSES_SECONDS,
        forget: Callable[[str, float], object] = _nobody,
        purge: Callable[[str], object] = _nowhere,
        expect: Callable[[str, Mapping[str, float], float], object] = _unplanned,
        forget_pages: Callable[[str, float], object] = _nobody,
    ) -> None:
        self._log = log
        self._reactions = reactions(catalogue, telemetry, forget, purge, expect, forget_pages)
        self._pauses_seconds = pauses_seconds

    def run(self, stop: threading.Event) -> None:
        """React until ``stop``; returns when every group has left its batch."""
        threads = [
            threading.Thread(target=self._consume, args=(name, what, stop), name=f"consumers {name}")
            for name, what in self._reactions.items()
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _consume(self, name: str, what: Reactions | Together, stop: threading.Event) -> None:
        group = self._log.group(name, [facts.type for facts in what] if isinstance(what, Mapping) else ())
        while not stop.is_set():
            try:
                with group.batch(_BATCH if isinstance(what, Mapping) else _TOGETHER, _WAIT_SECONDS) as batch:
                    if isinstance(what, Mapping):
                        self._one_by_one(name, batch, what, stop)
                    elif batch:
                        self._together(name, batch, what, stop)
            except _Stopped:
                return
            except _WORLD as error:
                _log.warning("consumers.interrupted", group=name, reason=str(error))
                stop.wait(_INTERRUPTED_SECONDS)
            except Exception:  # noqa: BLE001 - whatever it is, the group goes on: its batch is given again
                _log.exception("consumers.interrupted", group=name)
                stop.wait(_INTERRUPTED_SECONDS)

    def _one_by_one(self, name: str, batch: Sequence[Recorded], table: Reactions, stop: threading.Event) -> None:
        for recorded in batch:
            if reaction := table.get(type(recorded.event.facts)):
                self._react(name, recorded, partial(reaction, recorded.event.facts), stop)

    def _together(self, name: str, batch: Sequence[Recorded], reaction: Together, stop: threading.Event) -> None:
        events = [recorded.event for recorded in batch]
        started = time.perf_counter()
        try:
            reaction(events)
        except _WORLD:
            # The whole batch is given again.
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, each event has its own tries now
            _log.warning("events.failed", group=name, events=len(batch), reason=str(error))
            for recorded in batch:
                self._react(name, recorded, partial(reaction, [recorded.event]), stop)
        else:
            for kind, count in Tally(event.type for event in events).items():
                _reacted.labels(name, kind, "handled").inc(count)
            seconds = round(time.perf_counter() - started, 3)
            _log.debug("events.handled", group=name, events=len(batch), position=batch[-1].position, seconds=seconds)

    def _react(self, name: str, recorded: Recorded, reaction: Callable[[], object], stop: threading.Event) -> None:
        event = recorded.event
        named = {"group": name, "type": event.type, "event_id": event.id, "position": recorded.position}
        tries = 0
        while True:
            started = time.perf_counter()
            try:
                reaction()
            except Exception as error:
                tries += 1
                patient = isinstance(error, _WORLD)
                if tries > len(self._pauses_seconds) and not patient:
                    _reacted.labels(name, event.type, "set_aside").inc()
                    _log.exception("event.set_aside", **named, tries=tries, facts=str(event.facts)[:_LONGEST_FACTS])
                    return
                pause_seconds = self._pauses_seconds[min(tries, len(self._pauses_seconds)) - 1]
                _reacted.labels(name, event.type, "failed").inc()
                _log.warning("event.failed", **named, tries=tries, reason=str(error), pause_seconds=pause_seconds)
                if stop.wait(pause_seconds):
                    raise _Stopped from error
            else:
                _reacted.labels(name, event.type, "handled").inc()
                _log.info("event.handled", **named, seconds=round(time.perf_counter() - started, 3))
                return
