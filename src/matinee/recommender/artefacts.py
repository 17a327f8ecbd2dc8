"""Knowledge as one object: what a process that starts has not to learn event by event.

``artefacts/recommender/<position>.json.gz`` is all that was known at a position of the log (``taste.writing``). A new
one is another object, and the newest that can be read wins.
"""

import re
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import obstore
import structlog
from obstore.store import ObjectStore
from prometheus_client import Gauge

from matinee.model.errors import Invalid
from matinee.model.events import MemberForgotten, WatchForgotten
from matinee.ports import Clock, EventLog
from matinee.recommender.archive import Archive, objects_answer
from matinee.taste.knowledge import Knowledge
from matinee.taste.writing import from_bytes, to_bytes

PREFIX = "artefacts/recommender/"

_log = structlog.get_logger()
_position = Gauge("matinee_artefact_position", "The position of the newest artefact this process wrote or read.")

_BATCH = 1000
_WAIT_SECONDS = 1.0
_WORTH_EVENTS = 10_000
_KEPT = 2
# What waits for its place in the log gets it soon.
_EARLY_EVENTS = 20_000
_NAMED = re.compile(re.escape(PREFIX) + r"(\d{16})\.json\.gz")


@dataclass(frozen=True, slots=True)
class Beginning:
    """What is known, the position after which the log has the rest, and how many events the archive told of it."""

    knowledge: Knowledge
    position: int
    learned: int


class Artefacts:
    """The recommender's artefacts in the object store, with the archive and the log they stand between.

    ``tell`` is told all that is known and the time, whenever ``renew`` has caught up.
    """

    def __init__(
        self,
        objects: ObjectStore,
        archive: Archive,
        log: EventLog,
        clock: Clock,
        worth_events: int = _WORTH_EVENTS,
        tell: Callable[[Knowledge, datetime], object] | None = None,
    ) -> None:
        self._objects = objects
        self._archive = archive
        self._log = log
        self._clock = clock
        self._worth_events = worth_events
        self._tell = tell

    def begin(self) -> Beginning:
        """What is known without the log.

        The newest artefact; where the log let go of what came after it, or where there is none, the archive tells on.
        What is of another log, for it lies beyond the end of this one, does not say where to go on in this one.
        Unavailable if a part of the world does not answer.
        """
        return self._begin(self._newest() or (Knowledge(), 0))

    def _begin(self, newest: tuple[Knowledge, int]) -> Beginning:
        knowledge, position = newest
        if position >= self._archive.dropped_through():
            return Beginning(knowledge, position, learned=0)
        through, now, learned = self._archive.written_through(), self._clock.now(), 0
        for place, event in self._archive.events(position):
            # What is archived while this reads is for the log to tell.
            if place <= through:
                knowledge.learn(event, now)
                learned += 1
        _log.info("recommender.archive_read", after=position, through=through, events=learned)
        return Beginning(knowledge, through if through <= self._log.end() else 0, learned)

    def at(self, through: int, now: datetime, early: Collection[str] = ()) -> Knowledge:
        """What was known at a position of the log, and of the events ``early`` beyond it, which waited by then.

        As far as it still stands: who was forgotten since is not in it. Unavailable as ``begin``.
        """
        knowledge, position = self._newest(through) or (Knowledge(), 0)
        for _, event in self._archive.told(position, through):
            knowledge.learn(event, now)
        waiting = set(early)
        if waiting:
            for _, event in self._archive.told(through, min(self._log.end(), through + _EARLY_EVENTS)):
                if event.id in waiting:
                    knowledge.learn(event, now)
        return knowledge

    def renew(self) -> bool:
        """Write a new artefact if enough was learned since the last one, or if somebody was forgotten."""
        newest = max(self._positions(), default=0)
        if newest > self._log.end():
            # It is of another log, and would be taken for one of this log as soon as that is as long.
            newest = 0
        found = self.begin()
        knowledge, position, learned = found.knowledge, found.position, found.learned
        now, end, tail = self._clock.now(), self._log.end(), self._log.tail(position)
        forgot = False
        while position < end and (batch := tail.read(_BATCH, _WAIT_SECONDS)):
            for recorded in batch:
                knowledge.learn(recorded.event, now)
                forgot = forgot or isinstance(recorded.event.facts, MemberForgotten | WatchForgotten)
            position, learned = batch[-1].position, learned + len(batch)
        if self._tell is not None:
            self._tell(knowledge, now)
        if position <= newest or not (forgot or learned >= self._worth_events):
            return False
        body = to_bytes(knowledge, position)
        with objects_answer():
            obstore.put(self._objects, _key(position), body)
        _position.set(position)
        _log.info("recommender.artefact_written", position=position, bytes=len(body), profiles=len(knowledge.histories))
        # Older ones still know who was forgotten.
        standing, end = sorted(self._positions(), reverse=True), self._log.end()
        foreign = [one for one in standing if one > end]
        for old in foreign + standing[len(foreign) + (1 if forgot else _KEPT) :]:
            with objects_answer(), suppress(FileNotFoundError):
                obstore.delete(self._objects, _key(old))
        return True

    def _newest(self, through: int | None = None) -> tuple[Knowledge, int] | None:
        # In this order: the log may only have grown since.
        standing, end = sorted(self._positions(), reverse=True), self._log.end()
        for position in (one for one in standing if through is None or one <= through):
            key = _key(position)
            if position > end:
                _log.warning("recommender.artefact_passed_over", key=key, reason=f"The event log ends at {end}.")
                continue
            with objects_answer():
                try:
                    body = bytes(obstore.get(self._objects, key).bytes())
                except FileNotFoundError:
                    continue
            try:
                found = from_bytes(body)
            except Invalid as error:
                _log.warning("recommender.artefact_passed_over", key=key, reason=str(error))
                continue
            _position.set(found[1])
            return found
        return None

    def _positions(self) -> list[int]:
        with objects_answer():
            listed = [one["path"] for chunk in obstore.list(self._objects, PREFIX) for one in chunk]
        return [int(found[1]) for key in listed if (found := _NAMED.fullmatch(key))]


def _key(position: int) -> str:
    return f"{PREFIX}{position:016d}.json.gz"
