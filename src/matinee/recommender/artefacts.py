"""Knowledge as one object: what a process that starts has not to learn event by event.

``artefacts/recommender/<position>.json.gz`` is all that was known at a position of the log: columns, so that half a
million plays are a dozen long lists. JSON, because it needs nothing that serve has not loaded, and because a file from
a stranger can do no more than be wrong. (As Parquet, that of 600,000 events was as large, 0.9 MiB, and read in 0.04 s
instead of 0.2 s, after pyarrow had taken 0.1 s and 25 MiB.) A new one is another object, and the newest that can be
read wins.
"""

import gzip
import json
import re
import zlib
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import obstore
import structlog
from obstore.store import ObjectStore
from prometheus_client import Gauge

from matinee.model.errors import Invalid
from matinee.model.events import MemberForgotten, WatchForgotten
from matinee.ports import Clock, EventLog
from matinee.recommender.archive import Archive, objects_answer
from matinee.taste.interactions import History, Play
from matinee.taste.knowledge import Knowledge
from matinee.taste.signs import Signs

PREFIX = "artefacts/recommender/"
FORMAT = 2
"""Raised when what stands in an artefact means something else: older and newer ones are then passed over."""

_log = structlog.get_logger()
_position = Gauge("matinee_artefact_position", "The position of the newest artefact this process wrote or read.")

_LEVEL = 3
_BATCH = 1000
_WAIT_SECONDS = 1.0
_WORTH_EVENTS = 10_000
_KEPT = 2
# What waits for its place in the log gets it soon.
_EARLY_EVENTS = 20_000
_PLAY = tuple(field.name for field in fields(Play))
_SIGNS = tuple(field.name for field in fields(Signs))
_NAMED = re.compile(re.escape(PREFIX) + r"(\d{16})\.json\.gz")


def to_bytes(knowledge: Knowledge, position: int) -> bytes:
    """What is known at a position, as an artefact."""
    histories = knowledge.histories
    profiles = list(histories)
    known = [histories.of(profile_id) for profile_id in profiles]
    plays = [play for history in known for play in history.plays.values()]
    titles = {title_id: number for number, title_id in enumerate(sorted({t for one in known for t in one.plays}))}
    watchers, together = knowledge.transitions.counts()
    popularity = knowledge.popularity
    value = {
        "format": FORMAT,
        "position": position,
        "profiles": profiles,
        "regions": [history.region for history in known],
        "counts": [len(history.plays) for history in known],
        "titles": list(titles),
        "played": [titles[title_id] for history in known for title_id in history.plays],
        "plays": {name: [getattr(play, name) for play in plays] for name in _PLAY},
        "durations": histories.durations(),
        "popularity": popularity.overall.levels(),
        "popularity_by_region": {name: board.levels() for name, board in popularity.regions().items()},
        "usual": knowledge.usual.overall.levels(),
        "usual_by_region": {name: board.levels() for name, board in knowledge.usual.regions().items()},
        "approval": knowledge.approval.counts(),
        "signs": {
            number: [getattr(history.signs, name) for name in _SIGNS]
            for number, history in enumerate(known)
            if history.signs is not None
        },
        "watchers": watchers,
        "together": together,
        "artworks": knowledge.artworks.columns(),
        "traces": knowledge.traces.to_json(),
        "forgotten": knowledge.forgotten,
        "unwatched": knowledge.unwatched,
    }
    return gzip.compress(json.dumps(value, separators=(",", ":")).encode(), _LEVEL, mtime=0)


def from_bytes(body: bytes) -> tuple[Knowledge, int]:
    """What is known, and at which position. Invalid, with a sentence, for what is torn or of another format."""
    try:
        value = json.loads(gzip.decompress(body))
        if value["format"] != FORMAT:
            raise Invalid(f"It has format {value['format']!r}, and this version reads {FORMAT}.")
        return _restored(value), int(value["position"])
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise Invalid(f"It is not an artefact, or not whole: {error}.") from error


def _restored(value: dict[str, Any]) -> Knowledge:
    titles: list[str] = value["titles"]
    played = [titles[number] for number in value["played"]]
    plays = list(map(Play, *(value["plays"][name] for name in _PLAY)))
    if len(plays) != len(played) or len(plays) != sum(value["counts"]):
        raise Invalid("Its columns are not of one length.")
    histories: dict[str, History] = {}
    begin = 0
    told = zip(value["profiles"], value["regions"], value["counts"], strict=True)
    for number, (profile_id, region, count) in enumerate(told):
        end = begin + count
        signs = _signs(value["signs"].get(str(number)))
        histories[profile_id] = History(region, dict(zip(played[begin:end], plays[begin:end], strict=True)), signs)
        begin = end
    knowledge = Knowledge()
    knowledge.histories.restore(histories, value["durations"])
    knowledge.popularity.restore(value["popularity"], value["popularity_by_region"])
    knowledge.usual.restore(value["usual"], value["usual_by_region"])
    knowledge.approval.restore(value["approval"])
    knowledge.transitions.restore(value["watchers"], value["together"])
    # Written by the release before, an artefact knows nothing of pictures.
    if "artworks" in value:
        knowledge.artworks.restore(value["artworks"])
    knowledge.traces.restore(value.get("traces"))
    knowledge.forgotten = value["forgotten"]
    knowledge.unwatched = value.get("unwatched", {})
    return knowledge


def _signs(columns: list[dict[str, Any]] | None) -> Signs | None:
    """A profile's signs; pairs come back as lists."""
    if columns is None:
        return None
    pairs = ({key: tuple(held) if isinstance(held, list) else held for key, held in one.items()} for one in columns)
    told: dict[str, Any] = dict(zip(_SIGNS, pairs, strict=True))
    return Signs(**told)


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
        if not found.knowledge.traces.whole:
            # It grew out of one from before there were traces: all of it is learned anew, once.
            found = self._begin((Knowledge(), 0))
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
