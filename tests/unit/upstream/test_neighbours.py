"""Another edge as a source, over a real socket: what is asked, and which answers are believed."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from deploy.local.certificates import make_certificates

from matinee.model.addresses import entity_tag
from matinee.model.errors import NotFound, Unavailable
from matinee.model.plans import Source
from matinee.model.tokens import Token, check
from matinee.upstream.deliveries import NotHeld
from matinee.upstream.hops import HopTokens
from matinee.upstream.neighbours import Neighbour, Neighbourhood

PATH = "title/revision/file.m4s"
KEYS = {"k1": b"a key of thirty-two bytes or more, for hops"}


class Asked:
    """What came over the wire: the target, and the headers by their names in lower case."""

    def __init__(self, head: bytes) -> None:
        first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        self.method, self.target, _ = first.split(" ")
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _against(
    answer: bytes, ask: Callable[[Neighbour], Awaitable[None]], kind: str = "parent", *, leave: bool = True
) -> list[Asked]:
    """Ask a neighbour that answers each request so; what it was asked."""
    asked: list[Asked] = []

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(Asked(await reader.readuntil(b"\r\n\r\n")))
        writer.write(answer)
        await writer.drain()
        if leave:
            writer.close()
        else:
            await reader.read()
            writer.close()

    async def run() -> None:
        server = await asyncio.start_server(converse, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        around = Neighbourhood("own", HopTokens("own", lambda: KEYS, lambda: 1000.0), ssl.create_default_context)
        try:
            async with asyncio.timeout(10):
                await ask(around.neighbour(Source("other", kind, f"http://127.0.0.1:{port}")))
        finally:
            await around.close()
            server.close()

    asyncio.run(run())
    return asked


def _answer(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", *(headers or [f"content-length: {len(body)}"])]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def _read(neighbour: Neighbour, start: int = 0, via: tuple[str, ...] = ()) -> tuple[int, bytes]:
    async with neighbour.deliver(PATH, start, via, None) as delivery:
        return delivery.size_bytes, b"".join([chunk async for chunk in delivery.chunks])


def test_a_parent_is_shown_the_edges_own_token_and_the_way_that_the_request_came() -> None:
    async def ask(parent: Neighbour) -> None:
        assert await _read(parent, via=("below", "lower")) == (4, b"four")

    (asked,) = _against(_answer("200 OK", b"four"), ask)
    _, shown, path = asked.target.split("/", 2)
    assert (asked.method, path) == ("GET", PATH)
    assert check(shown, PATH, 1000.0, KEYS) == Token("k1", 1300, "edge:own", "title/revision/")
    assert asked.headers["cdn-loop"] == "below, lower, own"
    assert "cache-control" not in asked.headers
    assert "range" not in asked.headers


def test_a_peer_is_asked_for_what_it_holds_and_says_so_when_it_does_not() -> None:
    async def ask(peer: Neighbour) -> None:
        with pytest.raises(NotHeld):
            await _read(peer)

    (asked,) = _against(_answer("504 Gateway Timeout"), ask, "peer")
    assert asked.headers["cache-control"] == "only-if-cached"
    assert asked.headers["cdn-loop"] == "own"


def test_the_rest_is_asked_for_by_a_range_of_the_same_file() -> None:
    async def ask(parent: Neighbour) -> None:
        assert await _read(parent, start=2) == (4, b"ur")

    rest = _answer("206 Partial Content", b"ur", "content-length: 2", "content-range: bytes 2-3/4")
    (asked,) = _against(rest, ask)
    assert (asked.headers["range"], asked.headers["if-range"]) == ("bytes=2-", entity_tag(PATH).decode())


@pytest.mark.parametrize(
    ("answer", "start"),
    [
        (_answer("403 Forbidden"), 0),
        (_answer("504 Gateway Timeout"), 0),  # of a parent this is no "not held"
        (_answer("508 Loop Detected"), 0),
        (_answer("302 Found", b"", "location: http://127.0.0.1:1/", "content-length: 0"), 0),
        (_answer("200 OK", b"0\r\n\r\n", "transfer-encoding: chunked"), 0),
        (_answer("200 OK", b"four"), 2),
        (_answer("206 Partial Content", b"fo", "content-length: 2", "content-range: bytes 0-1/4"), 2),
        (_answer("206 Partial Content", b"u", "content-length: 1", "content-range: bytes 2-2/4"), 2),
        (_answer("206 Partial Content", b"ur", "content-length: 2"), 2),
        (_answer("206 Partial Content", b"ur", "content-length: 2", "content-range: bytes 2-3/4"), 0),
        (_answer("200 OK", b"fo", "content-length: 4"), 0),
        (b"this is no HTTP\r\n\r\n", 0),
        (b"", 0),
    ],
)
def test_an_answer_that_is_not_the_one_asked_for_is_no_file(answer: bytes, start: int) -> None:
    async def ask(parent: Neighbour) -> None:
        with pytest.raises(Unavailable) as told:
            await _read(parent, start=start)
        assert not isinstance(told.value, NotHeld)
        # The address holds a credential.
        assert f"/{PATH}" not in str(told.value)

    _against(answer, ask)


def test_what_a_parent_does_not_find_is_not_found() -> None:
    async def ask(parent: Neighbour) -> None:
        with pytest.raises(NotFound):
            await _read(parent)

    _against(_answer("404 Not Found"), ask)


def test_a_size_is_asked_for_without_the_file() -> None:
    async def ask(parent: Neighbour) -> None:
        assert await parent.size_of(PATH) == 1234

    (asked,) = _against(_answer("200 OK", b"", "content-length: 1234"), ask)
    assert asked.method == "HEAD"


def test_over_tls_the_neighbour_is_whom_this_edge_was_told_to_trust_or_it_is_nobody(tmp_path: Path) -> None:
    made = make_certificates(tmp_path)
    shown = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    shown.load_cert_chain(made.certificate, made.key)

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(_answer("200 OK", b"four"))
        await writer.drain()
        writer.close()

    async def read(port: int, trust: ssl.SSLContext) -> tuple[int, bytes]:
        around = Neighbourhood("own", HopTokens("own", lambda: KEYS, lambda: 1000.0), lambda: trust)
        try:
            return await _read(around.neighbour(Source("other", "peer", f"https://127.0.0.1:{port}")))
        finally:
            await around.close()

    async def run() -> None:
        server = await asyncio.start_server(converse, "127.0.0.1", 0, ssl=shown)
        port = server.sockets[0].getsockname()[1]
        assert await read(port, ssl.create_default_context(cafile=made.authorities)) == (4, b"four")
        with pytest.raises(Unavailable, match="peer other"):
            await read(port, ssl.create_default_context())
        server.close()

    asyncio.run(run())


def test_nobody_at_an_address_is_told_with_the_neighbours_name_and_no_address() -> None:
    async def run() -> None:
        around = Neighbourhood("own", HopTokens("own", lambda: KEYS, lambda: 1000.0), ssl.create_default_context)
        for url in ("http://127.0.0.1:1", "no address", "http://[", "ftp://127.0.0.1"):
            with pytest.raises(Unavailable, match="parent other") as told:
                await _read(around.neighbour(Source("other", "parent", url)))
            assert f"/{PATH}" not in str(told.value)
        await around.close()

    asyncio.run(run())
