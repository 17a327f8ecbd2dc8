"""The stream that is the log: made or checked when the log is opened, asked for its ends, shortened from its start.

Messages with nothing but what players say have a subject of their own, so that a group of other types is not given
them: each message that a durable consumer is given costs its servers an agreement of their own.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import structlog
from nats.js import JetStreamContext, api
from nats.js.errors import APIError, NotFoundError

from matinee.adapters.events_jetstream_address import site_stream
from matinee.adapters.events_jetstream_connection import Connection
from matinee.model.errors import Invalid, Unavailable
from matinee.model.events import PLAYER_TYPES, SCHEMA_VERSION

_log = structlog.get_logger()

# An election takes four to nine seconds.
PATIENCE_SECONDS = 10.0
# A message that comes again within this time is known by its id (https://docs.nats.io, "Message Deduplication").
DUPLICATES_SECONDS = 600.0
_DAY_SECONDS = 86400.0
_SIGN = "Matinee events, schema "
_NO_JETSTREAM_FOR_ACCOUNT = 10039
_NO_MESSAGE = 10037
_PLAYERS = "players"


@dataclass(frozen=True, slots=True)
class Keeping:
    """How the stream keeps events: on how many servers, for how many days, in how many bytes; from which sites.

    Full, it takes no more (Unavailable) rather than forget what a group has still to handle.
    """

    replicas: int = 3
    days: float = 30.0
    stream_bytes: int = 8 * 1024**3
    sites: tuple[str, ...] = ()


class EventStream:
    """One stream of one account. A site's own stream has one replica and no sources."""

    def __init__(self, connection: Connection, keeping: Keeping) -> None:
        self.connection = connection
        self.name = connection.address.own_stream
        self._keeping = keeping

    def subject(self, types: Iterable[str]) -> str:
        """Under which subject a message with events of these types goes."""
        told_by_players = not self.connection.address.site and PLAYER_TYPES.issuperset(types)
        return f"{self.name}.{_PLAYERS}" if told_by_players else self.name

    def filter(self, types: Collection[str]) -> str:
        """Which subjects may have events of these types (of all, where there are none); empty for every subject."""
        if self.connection.address.site or not types or not PLAYER_TYPES.isdisjoint(types):
            return ""
        # What was fetched from a site has the site's subject.
        return "*" if self._keeping.sites else self.name

    async def prepare(self) -> None:
        """Make the stream, or see that it is ours, and keeps what it is to keep."""
        wanted = self._config()
        try:
            found = await self.connection.manage(self._found, PATIENCE_SECONDS)
            if found is None:
                await self.connection.manage(lambda streams: streams.add_stream(wanted), PATIENCE_SECONDS)
                _log.info("events.stream_made", stream=self.name, replicas=wanted.num_replicas)
            elif change := self._change(found, wanted):
                await self.connection.manage(lambda streams: streams.update_stream(change), PATIENCE_SECONDS)
                _log.info("events.stream_changed", stream=self.name, replicas=change.num_replicas)
        except APIError as error:
            raise self._sentence(error) from None

    async def examine(self) -> str:
        """How the stream is, in words; makes nothing. Errors as ``prepare``."""
        try:
            found = await self.connection.manage(self._info, PATIENCE_SECONDS)
        except APIError as error:
            raise self._sentence(error) from None
        if found is None:
            return f"no stream {self.name} yet"
        self._change(found.config, self._config())
        copies = f"{found.config.num_replicas} replicas" if (found.config.num_replicas or 1) > 1 else "one replica"
        behind = [str(peer.name) for peer in (found.cluster and found.cluster.replicas) or [] if not peer.current]
        late = f", {', '.join(sorted(behind))} behind" if behind else ""
        return f"stream {self.name}, {copies}{late}, {found.state.messages} messages, {found.state.bytes} bytes"

    async def ends(self, seconds: float = PATIENCE_SECONDS) -> tuple[int, int]:
        """The sequences of the first message that is kept and of the last that was taken, from the stream's leader.

        The first is above the last if nothing is kept. Whatever was acknowledged before the call lies below.
        """
        try:
            found = await self.connection.manage(lambda streams: streams.stream_info(self.name), seconds)
        except APIError as error:
            raise self._sentence(error) from None
        first = found.state.first_seq if found.state.messages else found.state.last_seq + 1
        return first, found.state.last_seq

    async def kept_from(self, sequence: int, subject: str = "") -> int | None:
        """The first message from a sequence on that the leader has under a subject; None if there is none."""

        async def ask(streams: JetStreamContext) -> int | None:
            try:
                return (await streams.get_msg(self.name, seq=sequence, subject=subject or ">", next=True)).seq
            except NotFoundError:
                return None

        return await self.connection.manage(ask, PATIENCE_SECONDS)

    async def drop(self, through: int) -> None:
        """Forget messages up to a sequence."""
        if through < 1:
            return
        try:
            await self.connection.manage(
                lambda streams: streams.purge_stream(self.name, seq=through + 1), PATIENCE_SECONDS
            )
        except APIError as error:
            raise self._sentence(error) from None

    async def _found(self, streams: JetStreamContext) -> api.StreamConfig | None:
        found = await self._info(streams)
        return None if found is None else found.config

    async def _info(self, streams: JetStreamContext) -> api.StreamInfo | None:
        try:
            return await streams.stream_info(self.name)
        except NotFoundError:
            return None

    def _config(self) -> api.StreamConfig:
        site = self.connection.address.site
        return api.StreamConfig(
            name=self.name,
            description=f"{_SIGN}{SCHEMA_VERSION}",
            subjects=[self.name] if site else [self.name, f"{self.name}.{_PLAYERS}"],
            num_replicas=1 if site else self._keeping.replicas,
            max_age=self._keeping.days * _DAY_SECONDS,
            max_bytes=self._keeping.stream_bytes,
            discard=api.DiscardPolicy.NEW,
            duplicate_window=DUPLICATES_SECONDS,
            sources=None if site else self._sources(self._keeping.sites),
        )

    def _sources(self, sites: Sequence[str]) -> list[api.StreamSource]:
        hub = self.connection.address.stream
        return [
            api.StreamSource(name=site_stream(hub, site), external=api.ExternalStream(api=f"$JS.{site}.API"))
            for site in sites
        ]

    def _change(self, found: api.StreamConfig, wanted: api.StreamConfig) -> api.StreamConfig | None:
        """What the stream is to become; None if it is that. Invalid if it is not ours, or of another schema."""
        said = found.description or ""
        if not said.startswith(_SIGN) or self.name not in (found.subjects or ()):
            raise Invalid(f"The stream {self.name} at {self.connection.address} is not one of Matinee's.")
        if said != wanted.description:
            raise Invalid(
                f"The stream {self.name} at {self.connection.address} has events of schema {said.removeprefix(_SIGN)}; "
                f"this version reads {SCHEMA_VERSION}."
            )
        # A site that is no longer named may have events on their way: an operator takes it out of the stream.
        known = {source.name for source in found.sources or []}
        added = [source for source in wanted.sources or [] if source.name not in known]
        names = ("subjects", "num_replicas", "max_age", "max_bytes", "discard", "duplicate_window")
        if not added and all(getattr(found, name) == getattr(wanted, name) for name in names):
            return None
        values = {name: getattr(wanted, name) for name in names}
        return found.evolve(**values, sources=[*(found.sources or []), *added] or None)

    def _sentence(self, error: APIError) -> Invalid | Unavailable:
        where = self.connection.address
        if error.err_code == _NO_JETSTREAM_FOR_ACCOUNT:
            return Invalid(f"The NATS servers at {where} have no JetStream for the user {where.user!r}.")
        return Unavailable(f"The event log's stream {self.name} at {where}: {error.description}.")
