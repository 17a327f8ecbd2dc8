"""One connection to NATS for a whole process: asyncio in a background thread, called from any thread."""

import asyncio
import contextlib
import logging
import ssl
import threading
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import CancelledError as FutureCancelledError
from concurrent.futures import TimeoutError as FutureTimeoutError
from pathlib import Path
from typing import Any, TypeVar

import nats.errors
import structlog
import uvloop
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.errors import APIError

from matinee.adapters.events_jetstream_address import Address
from matinee.model.errors import Invalid, Unavailable

_log = structlog.get_logger()
_Answer = TypeVar("_Answer")

OLDEST = (2, 9)
_BUSY = 503
_ASK_SECONDS = 2
_CONNECT_SECONDS = 2
_OPEN_SECONDS = 10.0
_CLOSE_SECONDS = 3.0
_LEAVE_SECONDS = 0.5
_AGAIN_SECONDS = 0.1
# A server that stands still is noticed after two pings that were not answered.
_PING_SECONDS = 3
_BUFFER_BYTES = 32 * 1024 * 1024


class NoEncryption(nats.errors.Error):
    """A server that was to speak TLS offers none."""


class Connection:
    """A client of the servers at an address. Once open it connects again by itself, for as long as it takes.

    Opening raises Unavailable if no server answers, and Invalid with a sentence if they refuse us, are too old, have no
    JetStream or cannot be trusted. ``call`` runs a coroutine in the connection's thread and waits for it. ``inbox`` is
    what the subjects begin with to which we are answered.
    """

    def __init__(self, address: Address, authorities: Path | None = None, inbox: str = "_INBOX") -> None:
        self.address = address
        self._inbox = inbox
        self._trust = _trust(authorities) if address.tls or authorities is not None else None
        self.loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
        logging.getLogger("asyncio").addFilter(_worth_saying)
        self._client: Client | None = None
        self._opening = asyncio.Lock()
        self._closing = False
        # Called in the loop whenever the line to a server breaks.
        self.on_break: list[Callable[[], None]] = []
        self._thread = threading.Thread(target=_run, args=(self.loop,), name="events nats", daemon=True)
        self._thread.start()
        self._ended = weakref.finalize(self, _end, self.loop, self._thread)

    @property
    def closed(self) -> bool:
        """Whether ``close`` was called."""
        return not self._ended.alive

    def call(self, work: Coroutine[Any, Any, _Answer], seconds: float) -> _Answer:
        """What a coroutine returns; Unavailable if it takes longer than it should, or the connection is closed."""
        if self.closed:
            work.close()
            raise Unavailable("The event log's connection is closed.")
        future = asyncio.run_coroutine_threadsafe(work, self.loop)
        try:
            return future.result(seconds + _OPEN_SECONDS)
        except FutureTimeoutError:
            future.cancel()
            raise Unavailable(f"The event log at {self.address} does not answer.") from None
        except FutureCancelledError:
            raise Unavailable("The event log's connection is closed.") from None
        except nats.errors.Error as error:
            if isinstance(error, APIError):
                raise  # an answer, which the caller knows how to take
            raise Unavailable(f"The event log at {self.address} does not answer.") from error
        except BaseException:
            future.cancel()
            raise

    async def client(self) -> Client:
        """The open client; opens it first, or anew after the servers closed it for good."""
        if self._client is not None and not self._client.is_closed:
            return self._client
        async with self._opening:
            if self._client is None:
                self._client = await self._open()
            elif self._client.is_closed:
                try:
                    self._client = await self._open()
                except (Invalid, Unavailable) as error:
                    # The address was right once: callers are to try again.
                    raise nats.errors.ConnectionClosedError from error
            return self._client

    async def patiently(self, ask: Callable[[Client], Awaitable[_Answer]], seconds: float) -> _Answer:
        """Ask, and ask again while the servers are busy with themselves: what is asked can bear being asked twice.

        A leader that died is followed by another after about four seconds; nats-py leaves waiting for that to us.
        Unavailable after ``seconds``. An answer that says no is raised as it is (``nats.js.errors.APIError``).
        """
        deadline = self.loop.time() + seconds
        while True:
            try:
                return await ask(await self.client())
            except (nats.errors.Error, TimeoutError, OSError) as error:
                if isinstance(error, APIError) and error.code != _BUSY:
                    raise
                if self.loop.time() > deadline:
                    raise Unavailable(f"The event log at {self.address} does not answer.") from error
            await asyncio.sleep(_AGAIN_SECONDS)

    async def manage(self, ask: Callable[[JetStreamContext], Awaitable[_Answer]], seconds: float) -> _Answer:
        """As ``patiently``, with JetStream's own interface for streams and consumers."""
        return await self.patiently(lambda client: ask(client.jetstream(timeout=_ASK_SECONDS)), seconds)

    def close(self) -> None:
        """Let the servers go; what still waits for an answer ends with Unavailable."""
        self._closing = True
        if self._client is not None and not self.closed:
            closing = asyncio.run_coroutine_threadsafe(self._client.close(), self.loop)
            try:
                closing.result(_CLOSE_SECONDS)
            except (FutureTimeoutError, nats.errors.Error, OSError):
                _log.warning("events.not_closed", address=str(self.address))
        self._ended()

    async def _open(self) -> Client:
        client = Client()
        opening = True
        last: list[Exception] = []

        async def on_error(error: Exception) -> None:
            last.append(error)
            del last[:-8]
            if opening and self._wrong(error) is not None:
                # Nothing that another try would mend: out of the client's own loop of them.
                raise error
            if client.is_connected:
                _log.warning("events.nats_error", address=str(self.address), reason=str(error) or type(error).__name__)

        async def on_break() -> None:
            if not self._closing:
                _log.warning("events.disconnected", address=str(self.address))
            for told in self.on_break:
                told()

        async def on_reconnect() -> None:
            _log.info("events.connected_again", server=_said(client, "server_name"))

        try:
            async with asyncio.timeout(_OPEN_SECONDS):
                await client.connect(
                    self.address.servers,
                    name="matinee",
                    user=self.address.user,
                    password=lambda: self._password_for(client),
                    tls=self._trust,
                    connect_timeout=_CONNECT_SECONDS,
                    reconnect_time_wait=0.2,  # type: ignore[arg-type] # it sleeps as long, fraction and all
                    max_reconnect_attempts=1,
                    inbox_prefix=self._inbox,
                    ping_interval=_PING_SECONDS,
                    max_outstanding_pings=1,
                    pending_size=_BUFFER_BYTES,
                    error_cb=on_error,
                    disconnected_cb=on_break,
                    reconnected_cb=on_reconnect,
                )
        except (OSError, nats.errors.Error, TimeoutError) as error:
            await _leave(client)
            wrong = (self._wrong(one) for one in reversed([*last, error]))
            silent = Unavailable(f"The NATS servers at {self.address} do not answer.")
            raise next((one for one in wrong if one is not None), silent) from None
        opening = False
        # Opening fails at once, with a sentence; from then on it is only a matter of time.
        client.options["max_reconnect_attempts"] = -1
        if lacking := self._lacking(client):
            await _leave(client)
            raise lacking
        return client

    def _lacking(self, client: Client) -> Invalid | None:
        version = client.connected_server_version
        if (version.major, version.minor) < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            said = _said(client, "version")
            return Invalid(f"The NATS server at {self.address} is {said}; Matinee needs {oldest} or newer.")
        if not _said(client, "jetstream"):
            return Invalid(f"The NATS server at {self.address} has no JetStream.")
        return None

    def _password_for(self, client: Client) -> str:
        # Asked for when a server has introduced itself and TLS, if it offers that, stands: never in the clear.
        if self.address.tls and not _said(client, "tls_required"):
            raise NoEncryption
        return self.address.password

    def _wrong(self, error: Exception) -> Invalid | None:
        """What an error says of the address, if it is not only that nobody answers."""
        said = str(error).lower()
        if isinstance(error, NoEncryption):
            return Invalid(f"The NATS server at {self.address} speaks no TLS, and the address says tls://.")
        if "authorization" in said or "authentication" in said:
            return Invalid(f"The NATS servers at {self.address} refuse {self.address.user!r} or its password.")
        if isinstance(error, ssl.SSLError):
            reason = getattr(error, "verify_message", "") or getattr(error, "reason", "") or "TLS failed"
            return Invalid(f"The NATS servers at {self.address} cannot be trusted: {reason}.")
        return None


def _said(client: Client, name: str) -> Any:
    """What the server said of itself when it introduced itself."""
    return client._server_info.get(name)  # noqa: SLF001 - nats-py gives most of it no public name


async def _leave(client: Client) -> None:
    # Of a connection whose TLS failed the end may never come.
    with contextlib.suppress(TimeoutError, OSError, nats.errors.Error):
        async with asyncio.timeout(_LEAVE_SECONDS):
            await client.close()


def _worth_saying(record: logging.LogRecord) -> bool:
    # asyncio warns of this whenever a server ends a connection over TLS; it means nothing.
    return "eof_received()" not in record.getMessage()


def _trust(authorities: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(authorities) if authorities else None)
    except (OSError, ssl.SSLError) as error:
        raise Invalid(f"The authorities {authorities} cannot be read: {error}.") from error


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    loop.run_forever()
    if tasks := asyncio.all_tasks(loop):
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.wait(tasks, timeout=1))
    loop.close()


def _end(loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    loop.call_soon_threadsafe(loop.stop)
    if thread is not threading.current_thread():
        thread.join(_CLOSE_SECONDS)
