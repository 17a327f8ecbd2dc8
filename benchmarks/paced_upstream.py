"""A source of files that sends each answer at one pace: what stands behind the caches of ``cold_herd``.

``python -m benchmarks.paced_upstream PORT BYTES BYTES_PER_SECOND``: every path that ends in ``.m4s`` is a file of
so many bytes, and ``/gets/<path>`` says how often that path was asked for. It is a process of its own, so that nobody
who is measured waits for it, and plain enough for an S3 client to read from.
"""

import asyncio
import sys
from collections import Counter
from contextlib import suppress

_SLICE_SECONDS = 0.01
_ABSENT = b"<Error><Code>NoSuchKey</Code><Message>There is no such object.</Message></Error>"
_HEAD = (
    "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nContent-Type: video/iso.segment\r\n"
    'ETag: "one"\r\nLast-Modified: Sun, 01 Nov 2026 00:00:00 GMT\r\n\r\n'
)


class PacedUpstream:
    """Files of ``size_bytes``, each answer at ``bytes_per_second``."""

    def __init__(self, size_bytes: int, bytes_per_second: int) -> None:
        self._body, self._bytes_per_second = bytes(range(256)) * (size_bytes // 256 + 1), bytes_per_second
        self._body = self._body[:size_bytes]
        self._gets: Counter[str] = Counter()

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                method, path, _ = head.split(b" ", 2)
                await self._answer(method.decode(), path.decode(), writer)
        writer.close()

    async def _answer(self, method: str, path: str, writer: asyncio.StreamWriter) -> None:
        if path.startswith("/gets/"):
            count = str(self._gets[path.removeprefix("/gets")]).encode()
            writer.write(_HEAD.format(status="200 OK", length=len(count)).encode() + count)
            return
        if not path.endswith(".m4s"):
            body = _ABSENT if method == "GET" else b""
            writer.write(_HEAD.format(status="404 Not Found", length=len(_ABSENT)).encode() + body)
            return
        self._gets[path] += method == "GET"
        writer.write(_HEAD.format(status="200 OK", length=len(self._body)).encode())
        if method != "GET":
            return
        loop, sent = asyncio.get_running_loop(), 0
        started = loop.time()
        while sent < len(self._body):
            due = int((loop.time() - started + _SLICE_SECONDS) * self._bytes_per_second)
            writer.write(self._body[sent:due])
            sent = min(max(sent, due), len(self._body))
            await writer.drain()
            await asyncio.sleep(_SLICE_SECONDS)


async def serve(port: int, size_bytes: int, bytes_per_second: int) -> None:
    """Until the process is ended."""
    upstream = PacedUpstream(size_bytes, bytes_per_second)
    server = await asyncio.start_server(upstream.converse, "127.0.0.1", port, backlog=512)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(*(int(argument) for argument in sys.argv[1:4])))
