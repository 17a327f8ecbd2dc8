"""The control channel of an edge as NATS request and reply, through the server of its site.

The site's server is a leaf of the hub's: it carries requests to whichever copy of the control plane takes them
(``control_nats_responder``), and knows at once when the line to the hub is cut. ``control_nats_messages`` says what is
sent. The connection is that of the event log: a thread of its own that connects again by itself.
"""

import asyncio
import zlib
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import nats.errors
from nats.aio.client import Client

from matinee.adapters.control_nats_messages import CREDENTIAL, FAULT, error_of, reply_prefix, subject
from matinee.adapters.events_jetstream_address import Address
from matinee.adapters.events_jetstream_connection import Connection
from matinee.model.errors import NotFound, Unavailable
from matinee.model.plans import Account, EdgeOrders, EdgeReport, HoldingsUpdate, KeyRing, PlanPage

T = TypeVar("T")
_TIMEOUT_SECONDS = 3.0
# Far more than a page unpacked is: 2,000 files of the longest names.
_MOST_BYTES = 16 * 1024 * 1024
_GZIP = 16 + zlib.MAX_WBITS
_write = msgspec.json.Encoder().encode


class _Through(msgspec.Struct):
    through: int


class _Said(msgspec.Struct):
    """Everything in orders has a default; an answer that says none of it is none."""

    draining: bool
    egress_limit_bps: int | None


class NatsControlChannel:
    """``ports.ControlChannel`` of one edge, shown ``credential``. ``address`` is the site's server.

    A verb that is not answered within ``timeout_seconds`` is Unavailable; one is at once while the site's server says
    that nobody listens, or is away itself. So is what is larger than the servers carry. Invalid if the site's server
    refuses us, or cannot be trusted.
    """

    def __init__(
        self,
        address: Address,
        edge_id: str,
        credential: str,
        *,
        authorities: Path | None = None,
        timeout_seconds: float = _TIMEOUT_SECONDS,
    ) -> None:
        self._edge_id = edge_id
        self._credential = credential
        self._timeout_seconds = timeout_seconds
        self._where = f"The control plane behind the NATS server at {address}"
        self._connection = Connection(address, authorities, reply_prefix(edge_id))
        self._opening: asyncio.Task[Client] | None = None

    async def enrol(self, join_token: str) -> None:
        """Show a one-time join token, and from then on be known by the channel's own credential."""
        await self._ask("enrolment", {"token": join_token, "credential": self._credential})

    async def report(self, report: EdgeReport) -> EdgeOrders:
        """Say how the edge is; hear what it is to do."""
        answer = await self._ask("report", report)
        self._read(answer, _Said)
        return self._read(answer, EdgeOrders)

    async def keys(self) -> KeyRing:
        """The keys that open media tokens now."""
        return self._read(await self._ask("keys", {}), KeyRing)

    async def plan(self, generation: int, page: int) -> PlanPage:
        """One page of the edge's plan of that generation; NotFound if there is a newer one by now."""
        packed = await self._ask("plan", {"generation": generation, "page": page})
        unpacking = zlib.decompressobj(_GZIP)
        try:
            body = unpacking.decompress(packed, _MOST_BYTES)
        except zlib.error as error:
            raise Unavailable(f"{self._where} answers with a page that cannot be unpacked: {error}.") from error
        found = self._read(body, PlanPage)
        if (found.generation, found.page) != (generation, page):
            raise Unavailable(f"{self._where} answers with another page than was asked for.")
        return found

    async def hold(self, update: HoldingsUpdate) -> int:
        """Tell what the edge holds. The last update that was kept; -1 if the edge is to begin anew."""
        return self._read(await self._ask("holdings", update), _Through).through

    async def account(self, account: Account) -> int:
        """Tell what was sent. The last sequence that was counted."""
        return self._read(await self._ask("accounts", account), _Through).through

    async def close(self) -> None:
        """Let the connection go."""
        await asyncio.to_thread(self._connection.close)

    def _read(self, body: bytes, kind: type[T]) -> T:
        # Names that this version does not know are passed over.
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise Unavailable(f"{self._where} answers with no {kind.__name__.strip('_')}: {error}.") from error

    async def _ask(self, verb: str, body: object) -> bytes:
        if self._connection.closed:
            raise Unavailable(f"{self._where} is asked no more: the channel is closed.")
        try:
            async with asyncio.timeout(self._timeout_seconds):
                fault, answer = await self._there(self._request(verb, _write(body)))
        except nats.errors.MaxPayloadError as error:
            raise Unavailable(f"What the edge says with {verb!r} is larger than its NATS server carries.") from error
        except nats.errors.NoRespondersError as error:
            raise Unavailable(f"{self._where} is not there: nobody listens.") from error
        except (nats.errors.Error, TimeoutError, OSError) as error:
            raise Unavailable(f"{self._where} does not answer.") from error
        if not fault:
            return answer
        raise error_of(fault if verb == "plan" or fault != NotFound.__name__ else "", answer)

    async def _there(self, work: Coroutine[Any, Any, T]) -> T:
        """What a coroutine returns that runs in the connection's thread."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._connection.loop))

    async def _request(self, verb: str, body: bytes) -> tuple[str, bytes]:
        """Fault (none: empty) and body of an answer."""
        if self._opening is None or self._opening.done():
            # Opening goes on when this verb has waited for it long enough: the next one finds it further on.
            self._opening = asyncio.ensure_future(self._connection.client())
            self._opening.add_done_callback(lambda task: task.cancelled() or task.exception())
        client = await asyncio.shield(self._opening)
        if not client.is_connected:
            # What is sent now would wait for the server to come back, long after its time.
            raise nats.errors.ConnectionClosedError
        where, shown = subject(self._edge_id, verb), {CREDENTIAL: self._credential}
        answer = await client.request(where, body, timeout=self._timeout_seconds, headers=shown)
        return (answer.headers or {}).get(FAULT, ""), bytes(answer.data)
