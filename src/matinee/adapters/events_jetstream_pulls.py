"""Messages out of a consumer, in order and without a hole, as many as are asked for and no more."""

import asyncio
import json
import time
from collections import deque
from contextlib import suppress
from typing import NamedTuple

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription


class Message(NamedTuple):
    """A message's sequence in the stream, its events, and where an acknowledgement goes."""

    sequence: int
    data: bytes
    reply: str


class Pull:
    """A subscription that asks one consumer for messages, one request at a time. Lives in the connection's loop.

    A server that dies says nothing, and messages on their way to it are lost: ``broken`` tells a hole in the consumer's
    own count, ``silent`` that a request was not answered in its time. Either way a new consumer is to be made.
    """

    def __init__(self, client: Client, stream: str, consumer: str, delivered: int = 0, reached: int = 0) -> None:
        self.client = client
        self.consumer = consumer
        self.messages: deque[Message] = deque()
        self.broken = False
        # The last request ended without what it might have given.
        self.refused = False
        self._asked = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._inbox = client.new_inbox()
        self._subscription: Subscription | None = None
        self._next = delivered + 1
        self.reached = reached
        self._open = 0
        self._deadline = 0.0
        self._changed = asyncio.Event()

    @property
    def asking(self) -> bool:
        """Whether a request is open, so that messages come without another."""
        return self._open > 0 and not self.silent

    @property
    def silent(self) -> bool:
        """Whether the last request should have ended by now."""
        return self._open > 0 and time.monotonic() > self._deadline

    def fits(self, client: Client, consumer: str, delivered: int) -> bool:
        """Whether this goes on where a consumer is that has given out so many messages."""
        whole = not self.broken and not self.silent and not self.messages
        return whole and self.client is client and self.consumer == consumer and self._next == delivered + 1

    async def ask(self, count: int, seconds: float, *, linger: bool, most_bytes: int = 0) -> None:
        """Ask for so many messages; waits for a first one up to ``seconds`` (0: not at all).

        ``linger``: the request stays open for all of its time, for messages yet to come; else it ends once it has given
        what there is. ``most_bytes`` bounds what comes; a single message that is larger does not come then.
        """
        if self._subscription is None:
            self._subscription = await self.client.subscribe(self._inbox, cb=self._hear, pending_bytes_limit=0)
        request: dict[str, object] = {"batch": count}
        if seconds > 0:
            request["expires"] = int(seconds * 1e9)
        if not linger:
            request["no_wait"] = True
        if most_bytes:
            request["max_bytes"] = most_bytes
        self.refused = False
        self._open = count
        self._deadline = time.monotonic() + seconds + 1.0
        await self.client.publish(self._asked, json.dumps(request).encode(), self._inbox)

    async def change(self, seconds: float) -> None:
        """Wait until a message or the end of the request came, at most so long."""
        self._changed.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return

    async def close(self) -> None:
        """Take no more messages."""
        if self._subscription is not None and not self.client.is_closed:
            # A client that lost the line for good has let go of it already.
            with suppress(nats.errors.Error):
                await self._subscription.unsubscribe()

    async def _hear(self, message: Msg) -> None:
        status = (message.headers or {}).get("Status") if not message.data else None
        if status is None:
            # "$JS.ACK.<stream>.<consumer>.<tries>.<stream's count>.<consumer's count>.<time>.<left>", with domain and
            # account before the stream on newer servers (ADR-15).
            parts = message.reply.split(".")
            place = 5 if len(parts) == 9 else 7  # noqa: PLR2004 - the two forms above
            if int(parts[place + 1]) != self._next:
                self.broken = True
            else:
                self._next += 1
                self.reached = int(parts[place])
                self._open -= 1
                self.messages.append(Message(self.reached, message.data, message.reply))
        elif status != "100":
            # 404, 408, 409: nothing there, time is over, the consumer is gone or moved.
            self._open = 0
            self.refused = status == "409"
        self._changed.set()
