"""How events lie in a stream: a message holds what was appended together, one line of JSON an event.

The last event of the message with stream sequence s has position s * 1024 + 1023, the one before it one less, and so
on: the stream's last sequence tells the log's end, and every position leads back to its message.
"""

import re
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple

from prometheus_client import Counter

from matinee.adapters.events_tables import recorded
from matinee.model.errors import Invalid
from matinee.ports import Recorded

PLACES = 1024
_REMEMBERED = 500_000

_repeated = Counter("matinee_events_passed_over", "Events that readers passed over because they had come before.")
# The id as ``to_json`` writes it, before anything that a client chose.
_id = re.compile(r'"id":"((?:[^"\\]|\\.)*)"')


class Line(NamedTuple):
    """An event's place and its JSON."""

    position: int
    body: str


def message_of(bodies: Mapping[str, str]) -> tuple[bytes, str]:
    """What is published for events by id, and the message's own id; Invalid if they are too many for one message."""
    if len(bodies) > PLACES:
        raise Invalid(f"{len(bodies)} events are too many at once: the log takes {PLACES} together.")
    return "\n".join(bodies.values()).encode(), message_id(bodies)


def message_id(event_ids: Iterable[str]) -> str:
    """By which the stream knows a message again: the same events in the same order."""
    return blake2b("\n".join(event_ids).encode(), digest_size=16).hexdigest()


def lines_of(sequence: int, data: bytes) -> list[Line]:
    """A message's events in order."""
    bodies = data.decode(errors="replace").split("\n")
    first = (sequence + 1) * PLACES - len(bodies)
    return [Line(first + place, body) for place, body in enumerate(bodies)]


def marks_of(types: Collection[str]) -> tuple[bytes, ...]:
    """What a message has somewhere if an event of these types is in it."""
    return tuple(f'"type":"{kind}"'.encode() for kind in types)


def concerns(data: bytes, marks: Sequence[bytes]) -> bool:
    """Whether a message may have such an event; without marks any has."""
    return not marks or any(mark in data for mark in marks)


def last_place(sequence: int) -> int:
    """The position of a message's last event; 0 before the first message."""
    return sequence * PLACES + PLACES - 1 if sequence > 0 else 0


def whole_messages(through: int) -> int:
    """The last sequence whose events all have positions up to this one."""
    return (through + 1) // PLACES - 1


class Memory:
    """Where each event was first seen by the readers that share this: a repeat is one that was seen further up.

    It holds the last half million ids at least, a hash of eight bytes each. Threads share it.
    """

    def __init__(self, remembered: int = _REMEMBERED) -> None:
        self._remembered = remembered
        self._now: dict[int, int] = {}
        self._before: dict[int, int] = {}
        self._lock = threading.Lock()
        self._passed: set[int] = set()

    def another(self) -> "Memory":
        """One that has seen nothing yet; what either passes over is known to both."""
        made = Memory(self._remembered)
        made._passed = self._passed
        return made

    def shown(self, lines: Sequence[Line]) -> set[int]:
        """The positions of those lines that no reader passed over."""
        return {line.position for line in self.unseen(lines) if line.position not in self._passed}

    def unseen(self, lines: Sequence[Line]) -> list[Line]:
        """The lines whose event did not come at a lower position; all of them are remembered."""
        chosen = []
        with self._lock:
            for line in lines:
                found = _id.search(line.body)
                if found is None or self._first(hash(found[1]), line.position) == line.position:
                    chosen.append(line)
                else:
                    self._passed.add(line.position)
            if len(self._passed) > self._remembered:
                self._passed.clear()
        return chosen

    def _first(self, key: int, position: int) -> int:
        first = self._now.get(key)
        if first is None:
            first = min(self._before.get(key, position), position)
            self._now[key] = first
            if len(self._now) >= self._remembered:
                self._before, self._now = self._now, {}
        elif position < first:
            first = self._now[key] = position
        return first


def events_of(lines: Sequence[Line], memory: Memory, after: int, types: Collection[str] = ()) -> tuple[Recorded, ...]:
    """What a reader that stands at a position is given of some lines: no repeats, nothing that it cannot read.

    Lines up to that position are remembered only.
    """
    unseen = memory.unseen(lines)
    _repeated.inc(len(lines) - len(unseen))
    return recorded([line for line in unseen if line.position > after], types)
