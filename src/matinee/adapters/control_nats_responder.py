"""The control plane's side of control channels over NATS: a member of a queue group that answers edges' verbs.

Any number of copies listen; NATS gives each request to one of them. Work is done in a few threads, as the rooms are
synchronous. A request that waited so long that its edge has given up is passed over.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from pathlib import Path

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from matinee.adapters.control_nats_messages import CONTROL, CREDENTIAL, FAULT, asked, fault_of
from matinee.adapters.events_jetstream_address import Address
from matinee.adapters.events_jetstream_connection import Connection
from matinee.model.errors import MatineeError, Unavailable

_log = structlog.get_logger()
_QUEUE = "control"
_THREADS = 8
# As long as an edge waits.
_PATIENCE_SECONDS = 3.0
_AGAIN_SECONDS = 2.0

Answer = Callable[[str, str, str, bytes], bytes]
"""The answer's body for an edge's id, a verb, the credential shown and the request's body; or an error of ours."""


class NatsControlResponder:
    """Listens from ``start`` to ``stop`` on the hub's servers, and again whenever they come back."""

    def __init__(self, address: Address, answer: Answer, authorities: Path | None = None) -> None:
        self._connection = Connection(address, authorities)
        self._answer = answer
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="control nats")
        self._listening = threading.Event()
        self._subscription: Subscription | None = None
        self._leaving = False
        # A task that nobody holds on to may be collected before it ends.
        self._flying: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Listen in the background, as soon as a server answers."""
        asyncio.run_coroutine_threadsafe(self._listen(), self._connection.loop)

    def wait(self, seconds: float) -> bool:
        """Whether it listens, or does so within a time."""
        return self._listening.wait(seconds)

    def stop(self) -> None:
        """Take no more requests, answer those that were taken, and let the servers go."""
        leaving = asyncio.run_coroutine_threadsafe(self._leave(), self._connection.loop)
        try:
            leaving.result(2 * _PATIENCE_SECONDS)
        except (FutureTimeoutError, nats.errors.Error, OSError):
            _log.warning("control.not_all_answered", address=str(self._connection.address))
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._connection.close()

    async def _leave(self) -> None:
        self._leaving = True
        if self._subscription is not None:
            # Out of the group first: what comes from now on goes to other copies.
            await self._subscription.drain()  # type: ignore[no-untyped-call] # nats-py gives it no types
        if self._flying:
            await asyncio.wait(self._flying, timeout=_PATIENCE_SECONDS)

    async def _listen(self) -> None:
        here: Client | None = None
        while not self._leaving:
            try:
                client = await self._connection.client()
                if client is not here:
                    # The client itself listens again after a break; a new one does not know of it.
                    self._subscription = await client.subscribe(f"{CONTROL}.>", queue=_QUEUE, cb=self._hear)
                    await client.flush()
                    here = client
                    self._listening.set()
                    _log.info("control.listening", address=str(self._connection.address))
            except (MatineeError, nats.errors.Error, TimeoutError, OSError) as error:
                _log.warning("control.not_listening", reason=str(error) or type(error).__name__)
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _hear(self, message: Msg) -> None:
        if not message.reply:
            return
        loop = asyncio.get_running_loop()
        given_up = loop.time() + _PATIENCE_SECONDS
        try:
            work = loop.run_in_executor(self._threads, self._work, message, lambda: loop.time() > given_up)
        except RuntimeError:
            return  # stopping: the edge asks again, and another copy answers
        # Not awaited here: the next request need not wait for this one.
        task = asyncio.ensure_future(self._send(message, work))
        self._flying.add(task)
        task.add_done_callback(self._flying.discard)

    async def _send(self, message: Msg, work: "asyncio.Future[bytes | MatineeError | None]") -> None:
        try:
            answer = await work
            if answer is None:
                return
            client = await self._connection.client()
            if isinstance(answer, bytes) and len(answer) > client.max_payload:
                size_bytes, most_bytes = len(answer), client.max_payload
                _log.error("control.too_large", subject=message.subject, answer_bytes=size_bytes)
                answer = Unavailable(
                    f"The answer's {size_bytes} bytes are more than the {most_bytes} that NATS carries."
                )
            if isinstance(answer, bytes):
                await client.publish(message.reply, answer)
            else:
                await client.publish(message.reply, str(answer).encode(), headers={FAULT: fault_of(answer)})
        except (MatineeError, nats.errors.Error, TimeoutError, OSError) as error:
            _log.warning("control.not_answered", subject=message.subject, reason=str(error) or type(error).__name__)

    def _work(self, message: Msg, late: Callable[[], bool]) -> bytes | MatineeError | None:
        """The answer; None if nobody waits for it any more."""
        if late():
            return None
        try:
            edge_id, verb = asked(message.subject)
            return self._answer(edge_id, verb, (message.headers or {}).get(CREDENTIAL, ""), message.data)
        except MatineeError as error:
            return error
        except Exception:  # noqa: BLE001 - an edge is to hear that something failed, and the log why
            _log.exception("control.failed", subject=message.subject)
            return Unavailable("The control plane met an error of its own.")
