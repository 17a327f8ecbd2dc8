"""A group on JetStream: a durable consumer that knows how far the group is, and a lease for one member at a time.

A member takes the lease, asks the consumer for messages, and acknowledges the last of them when its body is left, which
acknowledges all before it. Messages that were given out and not acknowledged tell of a member that failed or died: the
next one makes the consumer anew from where acknowledgements end, so that order holds, and takes the old one away. Each
consumer's name is its own, so a member that stood still meanwhile acknowledges nothing.
"""

import secrets
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import structlog

from matinee.adapters.events_jetstream_consumers import GroupConsumer
from matinee.adapters.events_jetstream_messages import Memory, concerns, events_of, lines_of, marks_of
from matinee.adapters.events_jetstream_pulls import Message
from matinee.adapters.events_jetstream_streams import PATIENCE_SECONDS, EventStream
from matinee.adapters.events_jetstream_tails import Feed, read_back_from
from matinee.model.errors import Unavailable
from matinee.ports import Leases, Recorded

_log = structlog.get_logger()

# Another member's lease is looked at again after so long.
_AGAIN_SECONDS = 0.2
_MOST_READ_AT_ONCE = 500
# A group of rare types that found nothing looks through more at once, up to so many events.
_MOST_PASSED_OVER = 8_000


class _Lease:
    """One taking of the group's lease, renewed in the background until it is released."""

    def __init__(self, leases: Leases, name: str, seconds: float) -> None:
        self._leases = leases
        self._name = name
        self._seconds = seconds
        self._owner = secrets.token_hex(8)
        self._ends = 0.0
        self._ended = threading.Event()
        self._renewing = threading.Thread(target=self._renew, name=f"lease {name}", daemon=True)

    def take(self) -> bool:
        """Take it, if it is free."""
        if not self._extended():
            return False
        self._renewing.start()
        return True

    def holds(self) -> bool:
        """Whether it is ours still; asks if it may have ended meanwhile."""
        return time.monotonic() < self._ends or self._extended()

    def release(self) -> None:
        """Give it back."""
        self._ended.set()
        self._renewing.join()
        try:
            self._leases.release(self._name, self._owner)
        except Unavailable as error:
            _log.warning("events.lease_not_given_back", lease=self._name, reason=str(error))

    def _extended(self) -> bool:
        asked = time.monotonic()
        taken = self._leases.take(self._name, self._owner, self._seconds)
        if taken:
            self._ends = asked + self._seconds
        return taken

    def _renew(self) -> None:
        while not self._ended.wait(self._seconds / 3):
            try:
                if not self._extended():
                    _log.warning("events.lease_lost", lease=self._name)
                    return
            except Unavailable as error:
                _log.warning("events.lease_not_renewed", lease=self._name, reason=str(error))


@dataclass(frozen=True, slots=True)
class _Held:
    """Events that were given with a lease, and the message that acknowledges them all."""

    lease: _Lease
    events: tuple[Recorded, ...]
    last: Message


class JetStreamGroup:
    """``ports.Group``. Threads share it."""

    def __init__(
        self,
        stream: EventStream,
        name: str,
        leases: Leases,
        memory: Memory,
        lease_seconds: float,
        types: Collection[str] = (),
    ) -> None:
        self._stream = stream
        self._name = name
        self._leases = leases
        self._memory = memory
        self._lease_seconds = lease_seconds
        self._types = frozenset(types)
        self._marks = marks_of(self._types)
        self._consumer = GroupConsumer(stream, name, stream.filter(self._types))
        # The last sequence whose events this member's memory has.
        self._known = 0
        self._lock = threading.Lock()

    def batch(self, limit: int = 100, wait_seconds: float = 0.0) -> AbstractContextManager[Sequence[Recorded]]:
        """The group's next events; Unavailable if stream or leases do not answer, or the group went on without us."""
        return self._batch(limit, wait_seconds)

    @contextmanager
    def _batch(self, limit: int, wait_seconds: float) -> Iterator[Sequence[Recorded]]:
        held = self._take(limit, wait_seconds)
        if held is None:
            yield ()
            return
        try:
            yield held.events
            self._acknowledge(held.lease, held.last)
        finally:
            held.lease.release()

    def _take(self, limit: int, wait_seconds: float) -> _Held | None:
        deadline = time.monotonic() + wait_seconds
        while True:
            lease = _Lease(self._leases, f"events {self._stream.name} {self._name}", self._lease_seconds)
            if lease.take():
                held = None
                try:
                    with self._lock:
                        held = self._next(lease, limit, deadline)
                finally:
                    if held is None:
                        lease.release()
                return held
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            time.sleep(min(left, _AGAIN_SECONDS))

    def _next(self, lease: _Lease, limit: int, deadline: float) -> _Held | None:
        call = self._stream.connection.call
        wanted = limit
        while True:
            self._remember(call(self._consumer.ready(), 2 * PATIENCE_SECONDS))
            # A request that is open at the server does not outlive the lease of the member that made it.
            wait_seconds = min(max(0.0, deadline - time.monotonic()), self._lease_seconds / 3)
            messages = call(self._consumer.messages(wanted, wait_seconds), wait_seconds + PATIENCE_SECONDS)
            if not lease.holds():
                raise self._went_on()
            if messages:
                self._known = messages[-1].sequence
                concerned = (message for message in messages if concerns(message.data, self._marks))
                lines = [line for message in concerned for line in lines_of(message.sequence, message.data)]
                if events := events_of(lines, self._memory, after=0, types=self._types):
                    return _Held(lease, events, messages[-1])
                # Nothing but repeats, other types, and what this version cannot read.
                self._acknowledge(lease, messages[-1])
                wanted = min(2 * wanted, _MOST_PASSED_OVER)
            elif time.monotonic() >= deadline:
                return None

    def _acknowledge(self, lease: _Lease, last: Message) -> None:
        acknowledging = self._consumer.acknowledge(last)
        if not lease.holds():
            acknowledging.close()
            raise self._went_on()
        if not self._stream.connection.call(acknowledging, PATIENCE_SECONDS):
            raise self._went_on()

    def _remember(self, handled: int) -> None:
        """Read the ids of what other members handled, so that their repeats are known here."""
        if self._known >= handled:
            return
        call = self._stream.connection.call
        first = max(self._known + 1, call(read_back_from(self._stream, handled + 1), PATIENCE_SECONDS))
        feed = Feed(self._stream, first)
        while first <= handled:
            messages, all_of_them = call(feed.available(_MOST_READ_AT_ONCE), 2 * PATIENCE_SECONDS)
            for message in messages:
                if message.sequence <= handled:
                    self._memory.unseen(lines_of(message.sequence, message.data))
                first = message.sequence + 1
            if all_of_them:
                break
        call(feed.close(), PATIENCE_SECONDS)
        self._known = handled

    def _went_on(self) -> Unavailable:
        return Unavailable(f"The group {self._name!r} went on without this member, which stood still for too long.")
