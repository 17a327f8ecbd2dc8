"""Publishes messages into the stream and waits for the majority's word, through leaders that die.

JetStream acknowledges by answering to the message's reply subject. One wildcard subscription takes all answers, as in
nats-py's own ``publish_async``; what that leaves out is here: a leader's death answers nothing, or "no responders".
"""

import asyncio
import itertools
from typing import Any

import msgspec
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from prometheus_client import Counter

from matinee.adapters.events_jetstream_connection import Connection
from matinee.adapters.events_jetstream_streams import PATIENCE_SECONDS
from matinee.model.errors import Invalid, Unavailable

_published = Counter("matinee_events_messages", "Messages that the stream acknowledged to this process.")
_again = Counter("matinee_events_messages_again", "Times a message was published again because no answer came.")

# How long a leader that lives may take.
_ANSWER_SECONDS = 2.0
_BUSY = 503
_FULL = 10077
# Answers of "I have it, at sequence 0" in a row until the message takes another id.
_STUCK = 5


class _NoAnswer(nats.errors.Error):
    """Nobody led the stream, or the line broke."""


class Publisher:
    """Messages into a stream, any number at once, under one subject unless told another. Lives in the loop."""

    def __init__(self, connection: Connection, subject: str, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._connection = connection
        self._subject = subject
        self._patience_seconds = patience_seconds
        self._client: Client | None = None
        self._prefix = ""
        self._tokens = itertools.count()
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        connection.on_break.append(self._break)

    def now(self, payload: bytes, message_id: str, subject: str = "") -> bool:
        """As ``publish``, for a thread that waits."""
        return self._connection.call(
            self.publish(payload, message_id, subject), self._patience_seconds + _ANSWER_SECONDS
        )

    async def publish(self, payload: bytes, message_id: str, subject: str = "") -> bool:
        """Durable when it returns: False if a message of this id was there already. Unavailable if none answers.

        A first try whose answer was lost counts as new when a second one finds it there.
        """
        tries = stuck = 0

        async def attempt(client: Client) -> bool:
            nonlocal tries, stuck
            if tries:
                _again.inc()
            tries += 1
            # A leader that was deposed half way remembers the id and has no message: readers tell repeats by event.
            chosen = message_id if stuck < _STUCK else f"{message_id}.{stuck}"
            said = await self._ask(client, subject or self._subject, payload, chosen)
            if error := said.get("error"):
                if error.get("code") == _BUSY and error.get("err_code") != _FULL:
                    raise _NoAnswer
                raise Unavailable(f"The event log at {self._connection.address}: {error.get('description')}.")
            if not said.get("seq"):
                stuck += 1
                raise _NoAnswer
            return tries > 1 or not said.get("duplicate")

        new = await self._connection.patiently(attempt, self._patience_seconds)
        _published.inc()
        return new

    async def _ask(self, client: Client, subject: str, payload: bytes, message_id: str) -> dict[str, Any]:
        if len(payload) > client.max_payload:
            raise Invalid(f"{len(payload)} bytes of events are too many at once: the log takes {client.max_payload}.")
        if self._client is not client:
            await self._listen(client)
        token = str(next(self._tokens))
        answer = self._connection.loop.create_future()
        self._waiting[token] = answer
        timer = self._connection.loop.call_later(_ANSWER_SECONDS, _give_up, answer)
        try:
            await client.publish(subject, payload, self._prefix + token, {"Nats-Msg-Id": message_id})
            said: dict[str, Any] = await answer
            return said
        finally:
            timer.cancel()
            del self._waiting[token]

    async def _listen(self, client: Client) -> None:
        self._client = client
        self._prefix = f"{client.new_inbox()}."
        await client.subscribe(f"{self._prefix}*", cb=self._hear)

    async def _hear(self, message: Msg) -> None:
        answer = self._waiting.get(message.subject.rpartition(".")[2])
        if answer is None or answer.done():
            return
        try:
            # "No responders" has a status and no data.
            answer.set_result(msgspec.json.decode(message.data))
        except (msgspec.DecodeError, ValueError):
            answer.set_exception(_NoAnswer())

    def _break(self) -> None:
        for answer in self._waiting.values():
            _give_up(answer)


def _give_up(answer: "asyncio.Future[dict[str, Any]]") -> None:
    if not answer.done():
        answer.set_exception(_NoAnswer())
