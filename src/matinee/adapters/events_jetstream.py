"""The event log on NATS JetStream: one stream, by default on three servers, for every process of the service.

Durable means acknowledged by a majority of the stream's servers, each of which has written the message to its file. A
message is not synced to the disk by itself: the servers sync every two minutes (``sync_interval``), so what a majority
that loses its power in that time had acknowledged may be lost. A killed server, or all of them killed, loses nothing.

A message holds what was appended together; while others are on their way, what several callers appended. The stream
knows it again for ten minutes by an id made of its events' ids. An event that comes again in other company is passed
over by the readers, each of which remembers the last half million ids at least; one that begins half way, or takes over
from another, first reads the ids of ten minutes back, ten thousand messages at most.

Lines to other parts: ``events_jetstream_connection`` is the one connection of a process, in a thread of its own;
``_streams`` the stream, ``_appends`` and ``_publisher`` what goes in, ``_tails``, ``_groups`` and ``_consumers`` what
comes out, ``_relay`` the outbox's way there, ``_messages`` how events lie in it.
"""

from collections.abc import Collection, Sequence
from pathlib import Path

from matinee.adapters.events_append import bodies_by_id
from matinee.adapters.events_jetstream_address import Address
from matinee.adapters.events_jetstream_appends import Appends
from matinee.adapters.events_jetstream_connection import Connection
from matinee.adapters.events_jetstream_consumers import handled_by_all
from matinee.adapters.events_jetstream_erasure import Erasure
from matinee.adapters.events_jetstream_groups import JetStreamGroup
from matinee.adapters.events_jetstream_messages import Memory, last_place, whole_messages
from matinee.adapters.events_jetstream_publisher import Publisher
from matinee.adapters.events_jetstream_relay import JetStreamRelay
from matinee.adapters.events_jetstream_streams import PATIENCE_SECONDS, EventStream, Keeping
from matinee.adapters.events_jetstream_tails import JetStreamTail
from matinee.model.errors import Invalid
from matinee.model.events import Event
from matinee.ports import Group, Leases, Tail

__all__ = ["Address", "JetStreamEventLog", "JetStreamGroup", "JetStreamRelay", "JetStreamTail", "Keeping", "examine"]

_LEASE_SECONDS = 10.0


class JetStreamEventLog:
    """``ports.EventLog`` on one stream. Threads share it and its readers; ``close`` ends its connection.

    Opening it makes the stream, or sees that it is ours and of this schema: Invalid or Unavailable, in a sentence,
    otherwise. At an edge site the address says ``?site=NAME``: events go to the site's own stream, whether the hub is
    there or not, and the hub's stream, opened with that site in ``keeping.sites``, fetches them.

    ``leases`` is what a group's members share, and ``lease_seconds`` how long one that died holds up the others.
    Without leases (an edge has none) there are no groups.
    """

    def __init__(
        self,
        address: Address,
        leases: Leases | None = None,
        authorities: Path | None = None,
        keeping: Keeping | None = None,
        lease_seconds: float = _LEASE_SECONDS,
    ) -> None:
        self._connection = Connection(address, authorities)
        self._stream = EventStream(self._connection, keeping or Keeping())
        self._leases = leases
        self._lease_seconds = lease_seconds
        self._memory = Memory()
        self._erasure = Erasure(self._stream, self._memory)
        self.publisher = Publisher(self._connection, self._stream.name)
        self._appends = Appends(self._connection, self.publisher)
        try:
            self._connection.call(self._stream.prepare(), 2 * PATIENCE_SECONDS)
        except BaseException:
            self._connection.close()
            raise

    def append(self, events: Sequence[Event]) -> int:
        """Accept at most 1024 events together (8 MB); how many were new, as far as the stream knows this message.

        Invalid for a wrong id, and for too many at once; Unavailable if no majority answers within about twelve
        seconds.
        """
        bodies = bodies_by_id(events)
        if not bodies:
            return 0
        subject = self._stream.subject({event.type for event in events})
        return self._appends.append(subject, bodies)

    def tail(self, after: int = 0) -> Tail:
        """A reader of every event after a position."""
        # Whoever reads a range twice is given the same twice, whatever other readers of this process saw meanwhile.
        return JetStreamTail(self._stream, self._memory.another(), after)

    def group(self, name: str, types: Collection[str] = ()) -> Group:
        """A member of the named group (letters, digits, _ and -); Invalid where there are no leases."""
        if self._leases is None:
            raise Invalid(f"The log at {self._connection.address} was opened without leases: it has no groups.")
        return JetStreamGroup(self._stream, name, self._leases, self._memory, self._lease_seconds, types)

    def end(self) -> int:
        """The position of the last event; 0 before the first."""
        _, last = self._connection.call(self._stream.ends(), PATIENCE_SECONDS)
        return last_place(last)

    def drop(self, through: int) -> None:
        """Forget events up to a position that every group has handled, whole messages only."""
        whole = whole_messages(through)
        handled = self._connection.call(handled_by_all(self._stream, whole), 4 * PATIENCE_SECONDS)
        self._connection.call(self._stream.drop(handled), PATIENCE_SECONDS)

    def erase(self, positions: Sequence[int]) -> None:
        """Remove events for good: a message when all of its events were named to this process, at once or by and by."""
        self._erasure.erase(positions)

    def close(self) -> None:
        """Let the connection go; the log and its readers are of no more use."""
        self._connection.close()


def examine(address: str, authorities: Path | None = None) -> tuple[str, str]:
    """The server's version (``2.9.10``), and one sentence about the stream, for ``matinee doctor`` and start-up checks.

    Makes nothing and changes nothing. Invalid or Unavailable says in a sentence what is wrong (no answer, wrong
    password, no TLS, too old, no JetStream, another schema), never with the password. Latency is the call's own time;
    ``str(Address.read(address))`` is the address as it may be shown.
    """
    connection = Connection(Address.read(address), authorities)
    try:
        stream = EventStream(connection, Keeping())
        version = connection.call(_version(connection), PATIENCE_SECONDS)
        return version, connection.call(stream.examine(), 2 * PATIENCE_SECONDS)
    finally:
        connection.close()


async def _version(connection: Connection) -> str:
    version = (await connection.client()).connected_server_version
    return f"{version.major}.{version.minor}.{version.patch}"
