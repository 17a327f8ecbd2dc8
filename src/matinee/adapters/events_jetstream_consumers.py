"""The durable consumer of a group, by generations: ``group-NAME-00000001`` and so on; the last one counts."""

import json
import re

import nats.errors
from nats.aio.client import Client
from nats.js import JetStreamContext, api
from nats.js.errors import APIError, NotFoundError

from matinee.adapters.events_jetstream_pulls import Message, Pull
from matinee.adapters.events_jetstream_streams import PATIENCE_SECONDS, EventStream
from matinee.model.errors import Invalid, Unavailable

_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")
_GENERATION = re.compile(r"group-(.+)-(\d{8})")
# What is given out waits for its acknowledgement until another member takes over: longer than any body runs.
_NEVER_SECONDS = 30 * 86400
# More than most events take, with their share of a message's envelope.
_EVENT_BYTES = 600
_ACKNOWLEDGED_SECONDS = 2.0
# How long the consumer's server may lag behind the stream's leader.
_LAG_SECONDS = 0.5


async def generations(stream: EventStream) -> dict[str, list[str]]:
    """The consumers of each group, oldest first."""

    async def ask(client: Client) -> list[str]:
        names: list[str] = []
        while True:
            request = json.dumps({"offset": len(names)}).encode()
            said = json.loads((await client.request(f"$JS.API.CONSUMER.NAMES.{stream.name}", request, timeout=2)).data)
            if error := said.get("error"):
                raise APIError.from_error(error)
            names += said["consumers"] or []
            if len(names) >= said["total"] or not said["consumers"]:
                return names

    found: dict[str, list[str]] = {}
    for name in sorted(await stream.connection.patiently(ask, PATIENCE_SECONDS)):
        if parts := _GENERATION.fullmatch(name):
            found.setdefault(parts[1], []).append(name)
    return found


async def handled_by_all(stream: EventStream, through: int) -> int:
    """The last sequence, up to ``through``, that every group has acknowledged."""
    for names in (await generations(stream)).values():
        info = await _info(stream, names[-1])
        if info is not None and (floor := _floor(info)) < through:
            if subject := info.config.filter_subject:
                # Where it is given a part of the messages only, it stands before the next of those.
                following = await stream.kept_from(floor + 1, subject)
                floor = through if following is None else following - 1
            through = min(through, floor)
    return through


class GroupConsumer:
    """A group's consumer, as the member uses it that holds the lease. Lives in the connection's loop."""

    def __init__(self, stream: EventStream, group: str, subject: str = "") -> None:
        if not _NAME.fullmatch(group):
            raise Invalid(f"The group's name {group!r} is not 1 to 100 letters, digits, _ and -.")
        self._stream = stream
        self._group = group
        # Which messages it is given; empty for all.
        self._subject = subject
        self._pull: Pull | None = None
        # Events in the largest message of the last batch.
        self._largest = 0

    async def ready(self) -> int:
        """Have a consumer that gave out nothing but what was acknowledged; returns the last acknowledged sequence."""
        info = None
        if self._pull is not None:
            info = await _info(self._stream, self._pull.consumer)
        if info is None:
            names = (await generations(self._stream)).get(self._group, [])
            info = await _info(self._stream, names[-1]) if names else None
        if info is None:
            info = await self._make(generation=1, first=1)
        elif (info.config.filter_subject or "") != self._subject:
            # A version that named other types, or sites that came in the meantime.
            info = await self._renew(info)
        elif info.num_ack_pending or _given(info) > (info.ack_floor.consumer_seq if info.ack_floor else 0):
            info = await self._renew(info)
        client = await self._stream.connection.client()
        pull = self._pull
        if pull is None or not pull.fits(client, info.name, _given(info)):
            if pull is not None:
                await pull.close()
            self._pull = Pull(client, self._stream.name, info.name, _given(info), _floor(info))
        return _floor(info)

    async def messages(self, limit: int, seconds: float) -> list[Message]:
        """Messages with about ``limit`` events together; waits up to ``seconds`` for a first one."""
        pull = self._pull
        assert pull is not None
        if seconds <= 0:
            following = await self._stream.kept_from(pull.reached + 1, self._subject)
            seconds = 0.0 if following is None else _LAG_SECONDS
        chosen: list[Message] = []
        events, largest = 0, self._largest or limit
        wanted = max(1, limit // largest)
        while wanted > 0:
            # Messages may be larger than those before: the batch is not to become many times what was asked for.
            most_bytes = (limit - events) * _EVENT_BYTES if wanted > 1 else 0
            await pull.ask(wanted, seconds, linger=False, most_bytes=most_bytes)
            while pull.asking and not pull.broken:
                await pull.change(0.2)
            if not pull.messages and pull.refused and not chosen and most_bytes:
                wanted = 1
                continue
            if not pull.messages or pull.broken:
                break
            counts = [message.data.count(b"\n") + 1 for message in pull.messages]
            chosen += pull.messages
            pull.messages.clear()
            events += sum(counts)
            largest = max(*counts, 1 if len(chosen) == len(counts) else largest)
            wanted, seconds = (limit - events) // largest, 0.0
        if chosen:
            self._largest = largest
        # A hole: what came is not acknowledged, and comes again.
        return [] if pull.broken else chosen

    async def acknowledge(self, last: Message) -> bool:
        """Acknowledge a message and all before it; False if the consumer is no longer there."""
        consumer = last.reply.split(".")[-6]

        async def ask(client: Client) -> bool:
            try:
                await client.request(last.reply, b"+ACK", timeout=_ACKNOWLEDGED_SECONDS)
            except (nats.errors.NoRespondersError, TimeoutError):
                # Its leader died, or another member took it away.
                if await _info(self._stream, consumer) is None:
                    return False
                raise
            return True

        return await self._stream.connection.patiently(ask, PATIENCE_SECONDS)

    async def _make(self, generation: int, first: int) -> api.ConsumerInfo:
        name = f"group-{self._group}-{generation:08}"
        config = api.ConsumerConfig(
            durable_name=name,
            deliver_policy=api.DeliverPolicy.BY_START_SEQUENCE if first > 1 else api.DeliverPolicy.ALL,
            opt_start_seq=first if first > 1 else None,
            ack_policy=api.AckPolicy.ALL,
            ack_wait=_NEVER_SECONDS,
            max_ack_pending=-1,
            filter_subject=self._subject or None,
        )

        async def make(streams: JetStreamContext) -> api.ConsumerInfo:
            return await streams.add_consumer(self._stream.name, config)

        try:
            return await self._stream.connection.manage(make, PATIENCE_SECONDS)
        except APIError as error:
            raise Unavailable(f"The group {self._group!r} has no consumer: {error.description}.") from None

    async def _renew(self, old: api.ConsumerInfo) -> api.ConsumerInfo:
        found = _GENERATION.fullmatch(old.name)
        assert found is not None
        # The new one first: a group is never without one, and would begin at the first event again.
        new = await self._make(int(found[2]) + 1, _floor(old) + 1)
        old_names = [name for name in (await generations(self._stream)).get(self._group, []) if name < new.name]

        async def delete(streams: JetStreamContext) -> None:
            for name in old_names:
                try:
                    await streams.delete_consumer(self._stream.name, name)
                except NotFoundError:
                    continue

        await self._stream.connection.manage(delete, PATIENCE_SECONDS)
        return new


def _floor(info: api.ConsumerInfo) -> int:
    acknowledged = info.ack_floor.stream_seq if info.ack_floor else 0
    return max(acknowledged, (info.config.opt_start_seq or 1) - 1)


def _given(info: api.ConsumerInfo) -> int:
    return info.delivered.consumer_seq if info.delivered else 0


async def _info(stream: EventStream, consumer: str) -> api.ConsumerInfo | None:
    async def ask(streams: JetStreamContext) -> api.ConsumerInfo | None:
        try:
            found: api.ConsumerInfo = await streams.consumer_info(stream.name, consumer)
        except NotFoundError:
            return None
        return found

    return await stream.connection.manage(ask, PATIENCE_SECONDS)
