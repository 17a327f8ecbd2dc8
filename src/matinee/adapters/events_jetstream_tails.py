"""A tail on JetStream: an ephemeral consumer, which any server keeps in memory and anybody can make anew."""

import asyncio
import threading
import time
import weakref
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from nats.js import JetStreamContext, api
from nats.js.errors import APIError

from matinee.adapters.events_jetstream_messages import PLACES, Memory, events_of, lines_of
from matinee.adapters.events_jetstream_pulls import Message, Pull
from matinee.adapters.events_jetstream_streams import DUPLICATES_SECONDS, PATIENCE_SECONDS, EventStream
from matinee.model.errors import Unavailable
from matinee.ports import Recorded

_MESSAGES = 500
_LINGER_SECONDS = 2.0
# A page waits for a tail: while a leader dies it goes on with what is known, and asks again a little later.
_PATIENCE_SECONDS = 2.0
_AWAY_SECONDS = 2.0
# How long a consumer's server may lag behind the stream's leader before the leader is asked what there is.
_LAG_SECONDS = 0.5
# An ephemeral consumer is forgotten when nobody asked it for so long.
_FORGOTTEN_SECONDS = 60.0
# A reader that begins half way first reads what may be repeated further on: ten minutes back, so many messages at most.
_MOST_READ_BACK = 10_000


async def read_back_from(stream: EventStream, sequence: int) -> int:
    """Where a reader of a sequence begins, so that it knows the events that may be repeated there."""
    if sequence <= 1:
        return 1
    begun = datetime.now(UTC) - timedelta(seconds=DUPLICATES_SECONDS)
    config = api.ConsumerConfig(
        deliver_policy=api.DeliverPolicy.BY_START_TIME,
        opt_start_time=begun,
        ack_policy=api.AckPolicy.NONE,
        num_replicas=1,
        mem_storage=True,
        inactive_threshold=1.0,
    )
    try:
        made = await stream.connection.manage(lambda each: each.add_consumer(stream.name, config), PATIENCE_SECONDS)
    except APIError as error:
        raise Unavailable(f"The event log's stream {stream.name}: {error.description}.") from None
    recent = (made.delivered.stream_seq if made.delivered else 0) + 1
    return max(1, min(sequence, max(recent, sequence - _MOST_READ_BACK)))


class Feed:
    """A stream's messages from a sequence on, in order and without a hole. Lives in the connection's loop."""

    def __init__(self, stream: EventStream, first: int) -> None:
        self._stream = stream
        self._received = first - 1
        self._pull: Pull | None = None
        self._making = asyncio.Lock()

    async def available(self, limit: int) -> tuple[list[Message], bool]:
        """At most ``limit`` messages, and whether these were all that the stream's leader had at the call.

        No more than that: a consumer may live with a follower that is ahead of its busy leader, and the next reader
        would miss what this one was given. Unavailable if the stream does not answer in time.
        """
        first, last = await self._stream.ends(_PATIENCE_SECONDS)
        if self._received < first - 1 and not (self._pull and self._pull.messages):
            self._received = first - 1
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            chosen = self._take(limit, last)
            if chosen or self._received >= last:
                return chosen, self._received >= last
            if time.monotonic() > deadline:
                raise Unavailable(f"The event log at {self._stream.connection.address} does not give its events.")
            pull = await self._asking()
            if not pull.messages:
                await pull.change(_LAG_SECONDS)
            if not pull.messages and not pull.broken:
                kept = await self._stream.kept_from(self._received + 1)
                if kept is None:
                    # What was left up to there is deleted.
                    self._received = max(self._received, last)
                elif not pull.messages:
                    await self._renew(pull)

    async def arrival(self, seconds: float) -> None:
        """Wait for a message that was not taken yet, at most so long."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            pull = await self._asking()
            if pull.messages:
                return
            await pull.change(min(left, _LAG_SECONDS))

    async def close(self) -> None:
        """Take no more; the consumer is forgotten by itself."""
        if self._pull is not None:
            await self._pull.close()

    def _take(self, limit: int, last: int) -> list[Message]:
        chosen: list[Message] = []
        waiting: deque[Message] = self._pull.messages if self._pull is not None else deque()
        while waiting and waiting[0].sequence <= last and len(chosen) < limit:
            chosen.append(waiting.popleft())
        if chosen:
            self._received = chosen[-1].sequence
        return chosen

    async def _asking(self) -> Pull:
        """The pull, with a request open; a new one after the line broke or a message was lost."""
        async with self._making:
            client = await self._stream.connection.client()
            pull = self._pull
            if pull is None or pull.broken or pull.silent or pull.client is not client:
                pull = await self._made()
            if not pull.asking and not pull.messages:
                await pull.ask(_MESSAGES, _LINGER_SECONDS, linger=True)
            return pull

    async def _renew(self, pull: Pull) -> None:
        async with self._making:
            if self._pull is pull:
                await self._made()

    async def _made(self) -> Pull:
        # What lies in the old one and was not taken comes again.
        if self._pull is not None:
            await self._pull.close()
        config = api.ConsumerConfig(
            deliver_policy=api.DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=self._received + 1,
            ack_policy=api.AckPolicy.NONE,
            num_replicas=1,
            mem_storage=True,
            inactive_threshold=_FORGOTTEN_SECONDS,
        )

        async def make(streams: JetStreamContext) -> api.ConsumerInfo:
            return await streams.add_consumer(self._stream.name, config)

        try:
            made = await self._stream.connection.manage(make, PATIENCE_SECONDS)
        except APIError as error:
            raise Unavailable(f"The event log's stream {self._stream.name}: {error.description}.") from None
        self._pull = Pull(await self._stream.connection.client(), self._stream.name, made.name)
        return self._pull


class JetStreamTail:
    """``ports.Tail``. Threads share it."""

    def __init__(self, stream: EventStream, memory: Memory, after: int) -> None:
        self._stream = stream
        self._memory = memory
        self._after = after
        self._ready: deque[Recorded] = deque()
        self._feed: Feed | None = None
        self._lock = threading.Lock()
        self._away_until = 0.0

    def read(self, limit: int = 1000, wait_seconds: float = 0.0) -> Sequence[Recorded]:
        """The next events; all that were acknowledged before the call, up to ``limit``.

        Unavailable if the log does not answer within a few seconds, and at once for two seconds after that.
        """
        if time.monotonic() < self._away_until:
            raise Unavailable(f"The event log at {self._stream.connection.address} did not answer a moment ago.")
        try:
            return self._read(limit, wait_seconds)
        except Unavailable:
            self._away_until = time.monotonic() + _AWAY_SECONDS
            raise

    def _read(self, limit: int, wait_seconds: float) -> Sequence[Recorded]:
        deadline = time.monotonic() + wait_seconds
        call = self._stream.connection.call
        while True:
            with self._lock:
                feed = self._feed = self._feed or call(self._begin(), 2 * PATIENCE_SECONDS)
                while len(self._ready) < limit:
                    messages, all_of_them = call(feed.available(_MESSAGES), 2 * PATIENCE_SECONDS)
                    lines = [line for message in messages for line in lines_of(message.sequence, message.data)]
                    self._ready.extend(events_of(lines, self._memory, self._after))
                    if all_of_them:
                        break
                events = tuple(self._ready.popleft() for _ in range(min(limit, len(self._ready))))
            left = deadline - time.monotonic()
            if events or left <= 0:
                return events
            call(feed.arrival(left), left)

    async def _begin(self) -> Feed:
        feed = Feed(self._stream, await read_back_from(self._stream, (self._after + 1) // PLACES))
        weakref.finalize(self, _let_go, self._stream, feed).atexit = False
        return feed


def _let_go(stream: EventStream, feed: Feed) -> None:
    if not stream.connection.closed:
        asyncio.run_coroutine_threadsafe(feed.close(), stream.connection.loop)
