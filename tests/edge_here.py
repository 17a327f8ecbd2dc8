"""A whole edge in this process, on either data plane, so that a test can turn its keys and read its ledger."""

import asyncio
import inspect
import os
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from obstore.store import MemoryStore, ObjectStore

from engines import missing
from matinee.adapters import dataplane_nginx_process
from matinee.cache.bodies import Bodies
from matinee.cache.cache import Cache
from matinee.compose.edge_plane import is_nginx, open_plane, own_names
from matinee.compose.tls import Identity
from matinee.edge.bills import Bills
from matinee.edge.fill import Fills
from matinee.edge.gate import Gate
from matinee.edge.health import Counters, Health, Orders
from matinee.edge.ledger import Ledger
from matinee.edge.serving import EdgeApplication
from matinee.model.plans import Source
from matinee.model.tokens import Token, sign
from matinee.ports import DataPlane
from matinee.settings import Settings
from matinee.upstream.deliveries import Upstream
from matinee.upstream.origin import ORIGIN_FOLDER, ObjectOrigin
from matinee.upstream.upstreams import Upstreams
from running_edge import free_port

PLANES = ("embedded:", "nginx:")
KEY_ID, KEY = "k1", b"an edge's test key of 32 bytes or more"
PREFIX = "title/revision/"


def needs_nginx() -> None:
    """Skip, or in CI fail, where there is no nginx with Lua."""
    with suppress(Exception):
        dataplane_nginx_process.find("")
        if dataplane_nginx_process.modules():
            return
    missing("nginx with Lua", dataplane_nginx_process.INSTALL)


def token(
    playback_id: str = "a-playback",
    *,
    prefix: str = PREFIX,
    seconds: float = 600,
    starts_in: float | None = None,
    key_id: str = KEY_ID,
    key: bytes = KEY,
) -> str:
    now = time.time()
    starts = 0 if starts_in is None else int(now + starts_in)
    return sign(Token(key_id, int(now + seconds), playback_id, prefix, starts=starts), key)


@dataclass
class EdgeHere:
    """The parts of a running edge, and a client that is at its door."""

    settings: Settings
    plane: DataPlane
    cache: Cache
    gate: Gate
    ledger: Ledger
    counters: Counters
    orders: Orders
    application: EdgeApplication
    client: httpx.AsyncClient

    @property
    def port(self) -> int:
        return self.settings.port

    @property
    def nginx(self) -> bool:
        return is_nginx(self.settings)

    def target(self, file: str, opened_by: str | None = None) -> str:
        return f"/{opened_by or token()}/{PREFIX}{file}"

    async def get(self, file: str, opened_by: str | None = None, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.get(self.target(file, opened_by), headers=named)

    async def held(self, *files: str) -> None:
        """Have files in the cache."""
        for file in files:
            (await self.get(file)).raise_for_status()
            await until(f"{file} is held", lambda file=file: self.cache.find(PREFIX + file) is not None)

    async def raw(self, request: bytes, seconds: float = 30.0) -> bytes:
        """What comes back, until the connection ends, to bytes that go over the wire as they are."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(request)
            async with asyncio.timeout(seconds):
                with suppress(ConnectionError):
                    return await reader.read(-1)
                return b""
        finally:
            writer.close()

    async def asked(self, target: str | bytes, method: str = "GET", more: str = "Host: e\r\n") -> tuple[int, bytes]:
        """Status and whole answer of one raw request."""
        target = target.encode() if isinstance(target, str) else target
        head = method.encode() + b" " + target + b" HTTP/1.1\r\n" + more.encode() + b"Connection: close\r\n\r\n"
        answer = await self.raw(head)
        return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/") else 0, answer

    async def booked(self, wanted: Mapping[str, int] | None = None) -> dict[tuple[str, str], int]:
        """Bytes by playback and origin since the last time this was asked.

        Waits until of each playback that is wanted so many are there, and whatever would come with them.
        """
        found: Counter[tuple[str, str]] = Counter()

        def enough() -> bool:
            account = self.ledger.interval()
            if account is not None:
                self.ledger.settle(account.sequence)
                found.update({(line.playback_id, line.origin): line.size_bytes for line in account.lines})
            playbacks: Counter[str] = Counter()
            for (playback, _), size in found.items():
                playbacks[playback] += size
            return all(playbacks[playback] >= least for playback, least in (wanted or {}).items())

        await until(f"{wanted} is booked", enough)
        if wanted:
            # nginx tells of whole seconds that are over: what is told twice would be there after the next.
            await asyncio.sleep(1.5 if self.nginx else 0.1)
            enough()
        return dict(found)


async def until(what: str, true: Any, seconds: float = 60.0) -> None:
    """Wait for something to come true, which may be awaited; AssertionError names it if it does not."""
    deadline = time.monotonic() + seconds
    while not ((await answer) if inspect.isawaitable(answer := true()) else answer):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        await asyncio.sleep(0.02)


def stored(objects: Mapping[str, bytes]) -> ObjectStore:
    """An origin with these files under the prefix that tests use."""
    store = MemoryStore()
    for file, data in objects.items():
        store.put(f"{ORIGIN_FOLDER}{PREFIX}{file}", data)
    return store


def _nobody(source: Source) -> Upstream:
    raise AssertionError(f"This edge has no neighbours, and was told of {source.edge_id}.")


@asynccontextmanager
async def edge_here(
    dataplane: str, folder: Path, origin: ObjectStore, *, shown: Identity | None = None, **changes: Any
) -> AsyncIterator[EdgeHere]:
    """An edge that serves while the block runs."""
    if dataplane.startswith("nginx"):
        needs_nginx()
    shown = shown or Identity()
    settings = Settings(data=folder, dataplane=dataplane, port=changes.pop("port", None) or free_port(), **changes)
    counters, orders, started = Counters(), Orders(), time.time()
    cache = Cache(folder / "cache", 256 * 1024 * 1024)
    cache.open()
    gate = Gate(now=time.time, keys={KEY_ID: KEY}, names=own_names(settings))
    ledger = Ledger(folder / "ledger.db", edge_id="here", started=started)
    bills = Bills(
        ledger=ledger,
        counters=counters,
        cache=cache,
        run=f"{started:.6f}",
        steady=time.monotonic,
        settled_by_plane=is_nginx(settings),
    )
    upstreams = Upstreams(edge_id="here", origin=ObjectOrigin(origin), neighbour=_nobody)
    fills = Fills(upstreams=upstreams, cache=cache, counters=counters)
    application = EdgeApplication(
        edge_id="here",
        cache=cache,
        fills=fills,
        gate=gate,
        bills=bills,
        counters=counters,
        orders=orders,
        health=Health(edge_id="here", counters=counters, cache=cache, orders=orders),
        bodies=Bodies(settings.edge_memory_bytes),
    )
    plane = open_plane(settings, shown, gate=gate, orders=orders, bills=bills)
    scheme = "http" if shown.certificate is None else "https"
    client = httpx.AsyncClient(
        base_url=f"{scheme}://127.0.0.1:{settings.port}", trust_env=False, verify=False, timeout=60
    )
    serving = asyncio.create_task(plane.serve(application))
    try:
        while not serving.done():
            with suppress(httpx.TransportError):
                if (await client.get("/healthz")).is_success:
                    break
            await asyncio.sleep(0.02)
        if serving.done():
            serving.result()
        if is_nginx(settings):
            await asyncio.sleep(0.3)  # until nginx knows the gate, the application answers
        yield EdgeHere(settings, plane, cache, gate, ledger, counters, orders, application, client)
    finally:
        plane.stop()
        await client.aclose()
        await serving
        application.close()
        await fills.close()
        ledger.close()
        cache.close()


def handed_to_the_kernel(server_port: int, client: socket.socket) -> int:
    """Bytes that a standing connection's server gave its kernel: those the client's has, and those still queued."""
    # tcp(7): tcp_info.tcpi_bytes_received lies at 136 (Linux 4.1 and later).
    information = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    received = int.from_bytes(information[128:136], "little")
    client_port = client.getsockname()[1]
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        local, remote = int(fields[1].split(":")[1], 16), int(fields[2].split(":")[1], 16)
        if (local, remote) == (server_port, client_port):
            return received + int(fields[4].split(":")[0], 16)
    raise AssertionError(f"The server's end of port {client_port} is gone (this process is {os.getpid()}).")
