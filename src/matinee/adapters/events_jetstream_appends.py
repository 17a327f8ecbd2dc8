"""Events of many callers in one message: while some messages are on their way, who comes waits for the next.

A message costs its servers, and each reader, about the same with a thousand events as with twenty. A caller that comes
alone is not held up. One that brings once more what another brought before waits for that one, and brought nothing new:
the stream would not know it again in other company. Lives in the connection's loop.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client import Histogram

from matinee.adapters.events_jetstream_connection import Connection
from matinee.adapters.events_jetstream_messages import PLACES, message_id, message_of
from matinee.adapters.events_jetstream_publisher import Publisher
from matinee.adapters.events_jetstream_streams import PATIENCE_SECONDS

_together = Histogram(
    "matinee_events_published_together", "Events that went in one message.", buckets=[1, 10, 20, 50, 100, 500, 1000]
)

_ON_THEIR_WAY = 4
_MOST_CHARACTERS = 500_000
_SECONDS = 2 * PATIENCE_SECONDS
# Callers that are known again: minutes, at any rate.
_REMEMBERED = 100_000


@dataclass(frozen=True, slots=True)
class _Caller:
    """What one caller brought; the future hears how many of its events were new."""

    bodies: Mapping[str, str]
    characters: int
    new: asyncio.Future[int]


class Appends:
    """Messages made of what waits under each subject. Threads share it."""

    def __init__(self, connection: Connection, publisher: Publisher) -> None:
        self._connection = connection
        self._publisher = publisher
        self._waiting: dict[str, deque[_Caller]] = {}
        self._on_their_way = 0
        self._sending: set[asyncio.Task[None]] = set()
        self._recent: dict[str, asyncio.Future[int]] = {}

    def append(self, subject: str, bodies: Mapping[str, str]) -> int:
        """Durable when it returns; how many were new. Invalid if they are too many, Unavailable if none answers."""
        if len(bodies) > PLACES:
            message_of(bodies)  # says so
        return self._connection.call(self._append(subject, bodies), _SECONDS)

    async def _append(self, subject: str, bodies: Mapping[str, str]) -> int:
        key = message_id(bodies)
        if (earlier := self._recent.get(key)) is not None:
            await asyncio.shield(earlier)
            return 0
        caller = _Caller(bodies, sum(map(len, bodies.values())), self._connection.loop.create_future())
        self._recent[key] = caller.new
        if len(self._recent) > _REMEMBERED:
            del self._recent[next(iter(self._recent))]
        self._waiting.setdefault(subject, deque()).append(caller)
        self._send()
        try:
            return await asyncio.shield(caller.new)
        except BaseException:
            # Not there, or not known to be: told again, it is published again.
            self._recent.pop(key, None)
            raise

    def _send(self) -> None:
        for subject, waiting in self._waiting.items():
            while waiting and self._on_their_way < _ON_THEIR_WAY:
                chosen = _next(waiting)
                self._on_their_way += 1
                task = self._connection.loop.create_task(self._publish(subject, chosen))
                self._sending.add(task)
                task.add_done_callback(self._sending.discard)

    async def _publish(self, subject: str, chosen: list[_Caller]) -> None:
        bodies: dict[str, str] = {}
        counts = []
        for caller in chosen:
            known = len(bodies)
            bodies.update(_missing(bodies, caller.bodies))
            counts.append(len(bodies) - known)
        try:
            new = await self._publisher.publish(*message_of(bodies), subject)
        except BaseException as error:  # noqa: BLE001 - whatever it is, nobody may wait for ever
            for caller in chosen:
                if not caller.new.done():
                    caller.new.set_exception(error)
        else:
            _together.observe(len(bodies))
            for caller, count in zip(chosen, counts, strict=True):
                if not caller.new.done():
                    caller.new.set_result(count if new else 0)
        finally:
            self._on_their_way -= 1
            self._send()


def _missing(known: Mapping[str, str], bodies: Mapping[str, str]) -> dict[str, str]:
    return {event_id: body for event_id, body in bodies.items() if event_id not in known}


def _next(waiting: deque[_Caller]) -> list[_Caller]:
    """Who goes in the next message: the first, and those behind it as long as there is room."""
    chosen = [waiting.popleft()]
    events, characters = len(chosen[0].bodies), chosen[0].characters
    while waiting:
        events, characters = events + len(waiting[0].bodies), characters + waiting[0].characters
        if events > PLACES or characters > _MOST_CHARACTERS:
            break
        chosen.append(waiting.popleft())
    return chosen
