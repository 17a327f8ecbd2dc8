"""``ports.DataPlane``, sentence by sentence, on every engine that moves bytes; and what viewers get of both alike."""

import asyncio
import random
import socket
import subprocess
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from deploy.local.certificates import make_certificates
from obstore.store import S3Store

from edge_here import PLANES, PREFIX, EdgeHere, edge_here, handed_to_the_kernel, needs_nginx, stored, token, until
from matinee.adapters.dataplane_embedded import EmbeddedDataPlane
from matinee.adapters.dataplane_nginx import NginxDataPlane
from matinee.compose.edge_plane import words
from matinee.compose.tls import Identity
from matinee.edge.gate import Gate
from matinee.model.errors import Unavailable
from matinee.model.plans import KeyRing, Origin, Revocation
from matinee.ports import AsgiApplication, DataPlane, Receive, Scope, Send
from running_edge import Manner, SlowOrigin, free_port

Make = Callable[..., DataPlane]
Ask = Callable[[httpx.AsyncClient, DataPlane], Awaitable[None]]

SEGMENT = random.Random(7).randbytes(1_000_000)
LONG = random.Random(8).randbytes(8_000_000)
OBJECTS = {"1.m4s": SEGMENT, "2.m4s": SEGMENT[::-1], "long.m4s": LONG, "empty.vtt": b"", "master.m3u8": b"#EXTM3U\n"}
OPEN = {
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "Accept-Ranges, Content-Length, Content-Range, Date, ETag, X-Cache",
    "cross-origin-resource-policy": "cross-origin",
    "timing-allow-origin": "*",
    "x-content-type-options": "nosniff",
}
KEPT = {**OPEN, "cache-control": "private, max-age=31536000, immutable"}
TEXT = {**OPEN, "cache-control": "no-store", "content-type": "text/plain; charset=utf-8"}


class _NoTally:
    def hit(self, path: str, times: int) -> None: ...
    def sent(self, playback_id: str, origin: str, size_bytes: int) -> None: ...
    def settle(self, name: str, size_bytes: int) -> None: ...
    def refused(self, fault: str, times: int) -> None: ...
    def connected(self, connections: int) -> None: ...


@pytest.fixture(params=["embedded", "nginx"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """A data plane on a port, which gives who is inside so long to finish."""
    if request.param == "embedded":
        return lambda port, seconds=1.0: EmbeddedDataPlane("127.0.0.1", port, finish_seconds=seconds)
    needs_nginx()
    return lambda port, seconds=1.0: NginxDataPlane(
        "127.0.0.1",
        port,
        program="",
        folder=tmp_path / f"nginx-{port}",
        cache=tmp_path / "cache",
        words=words(),
        doorkeeper=Gate(now=lambda: 0.0),
        # Everything is the application's, whatever it is that is asked for.
        paced=lambda: True,
        tally=_NoTally(),
        finish_seconds=seconds,
    )


def _file_sender(file: Path, inside: asyncio.Event | None = None, go: asyncio.Event | None = None) -> AsgiApplication:
    """Answers by path; ``inside`` tells that one came that is slow or hangs, ``go`` lets the slow one end."""
    inside, go = inside or asyncio.Event(), go or asyncio.Event()
    size = file.stat().st_size
    content = file.read_bytes() if file.is_file() else b""

    async def application(scope: Scope, _receive: Receive, send: Send) -> None:
        path = scope["raw_path"]
        length = b"%d" % size if path == b"/file" else b"%d" % len(path)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
        if path == b"/file":
            await send({"type": "http.response.body", "body": content})
        elif path == b"/cut":
            await send({"type": "http.response.body", "body": path[:2], "more_body": True})
        elif path == b"/slow":
            await send({"type": "http.response.body", "body": path[:2], "more_body": True})
            inside.set()
            await go.wait()
            await send({"type": "http.response.body", "body": path[2:]})
        elif path == b"/hangs":
            await send({"type": "http.response.body", "body": path[:2], "more_body": True})
            inside.set()
            await asyncio.sleep(600)
        else:
            await send({"type": "http.response.body", "body": path})

    return application


def _while_serving(
    make: Make, application: AsgiApplication, ask: Callable[[httpx.AsyncClient, DataPlane], Awaitable[None]]
) -> None:
    async def run() -> None:
        port = free_port()
        plane = make(port)
        serving = asyncio.create_task(plane.serve(application))
        client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, verify=False, timeout=60)
        async with asyncio.timeout(120), client:
            while not serving.done():
                with suppress(httpx.TransportError):
                    await client.get("/up")
                    break
                await asyncio.sleep(0.01)
            await ask(client, plane)
            plane.stop()
            await serving

    asyncio.run(run())


def test_requests_are_answered_until_stop(make: Make, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"0123456789" * 50_000)

    async def ask(client: httpx.AsyncClient, plane: DataPlane) -> None:
        assert (await client.get("/as%2Fit%20came")).content == b"/as%2Fit%20came"
        assert (await client.get("/file")).content == file.read_bytes()
        plane.stop()

    _while_serving(make, _file_sender(file), ask)


def test_a_body_that_is_left_unfinished_is_a_cut_connection(make: Make, tmp_path: Path) -> None:
    async def ask(client: httpx.AsyncClient, _plane: DataPlane) -> None:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/cut")

    _while_serving(make, _file_sender(tmp_path), ask)


def test_after_stop_nobody_is_let_in_and_who_is_inside_finishes(make: Make, tmp_path: Path) -> None:
    inside, go = asyncio.Event(), asyncio.Event()

    async def ask(client: httpx.AsyncClient, plane: DataPlane) -> None:
        async def shut() -> bool:
            try:
                async with httpx.AsyncClient(base_url=client.base_url, trust_env=False, timeout=60) as late:
                    await late.get("/late")
            except httpx.ConnectError:
                return True
            except httpx.TransportError:  # it had queued before the door was shut
                return False
            return False

        slow = asyncio.create_task(client.get("/slow"))
        await inside.wait()
        plane.stop()
        await until("nobody is let in", shut)
        go.set()
        assert (await slow).content == b"/slow"

    _while_serving(lambda port: make(port, 60.0), _file_sender(tmp_path, inside, go), ask)


def test_stop_does_not_wait_for_ever_for_an_answer_that_hangs(make: Make, tmp_path: Path) -> None:
    inside = asyncio.Event()

    async def ask(client: httpx.AsyncClient, _plane: DataPlane) -> None:
        hanging = asyncio.create_task(client.get("/hangs", timeout=60))
        await inside.wait()
        hanging.add_done_callback(lambda task: task.exception())

    _while_serving(make, _file_sender(tmp_path, inside), ask)


def test_a_taken_port_is_told_with_its_address(make: Make, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match=f"127.0.0.1:{port}"):
            asyncio.run(make(port).serve(_file_sender(tmp_path)))


def test_a_port_taken_by_another_data_plane_is_taken_too(make: Make, tmp_path: Path) -> None:
    async def ask(client: httpx.AsyncClient, _plane: DataPlane) -> None:
        assert client.base_url.port is not None
        other = EmbeddedDataPlane("127.0.0.1", client.base_url.port)
        with pytest.raises(Unavailable):
            await other.serve(_file_sender(tmp_path))

    _while_serving(make, _file_sender(tmp_path), ask)


# --- what viewers get, of either plane ---


@pytest.fixture(params=PLANES)
def plane(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _on(
    plane: str,
    folder: Path,
    ask: Callable[[EdgeHere], Awaitable[None]],
    *,
    shown: Identity | None = None,
) -> None:
    async def run() -> None:
        async with asyncio.timeout(300), edge_here(plane, folder, stored(OBJECTS), shown=shown) as edge:
            await ask(edge)

    asyncio.run(run())


def _said(answer: httpx.Response) -> dict[str, str]:
    """An answer's headers, without those that say who answered when, and how the connection goes on."""
    return {k: v for k, v in answer.headers.items() if k not in {"date", "server", "connection", "keep-alive"}}


def test_a_miss_and_the_hit_after_it_are_one_answer(plane: str, tmp_path: Path) -> None:
    async def ask(edge: EdgeHere) -> None:
        missed = await edge.get("1.m4s")
        await edge.held("1.m4s")
        hit = await edge.get("1.m4s")
        whole = {
            **KEPT,
            "accept-ranges": "bytes",
            "content-length": "1000000",
            "content-type": "video/iso.segment",
            "etag": missed.headers["etag"],
        }
        assert missed.content == hit.content == SEGMENT
        assert _said(missed) == {**whole, "x-cache": "MISS"}
        assert _said(hit) == {**whole, "x-cache": "HIT"}
        assert (await edge.get("master.m3u8")).headers["content-type"] == "application/vnd.apple.mpegurl"
        await edge.held("empty.vtt")
        empty = await edge.get("empty.vtt")
        assert (empty.content, empty.headers["content-length"]) == (b"", "0")
        assert empty.headers["content-type"] == "text/vtt; charset=utf-8"

    _on(plane, tmp_path, ask)


@pytest.mark.parametrize("cache", ["MISS", "HIT"])
def test_parts_conditions_and_heads_go_by_the_book(plane: str, cache: str, tmp_path: Path) -> None:
    async def ask(edge: EdgeHere) -> None:
        if cache == "HIT":
            await edge.held("1.m4s")
        etag = (await edge.client.head(edge.target("1.m4s"))).headers["etag"]

        async def answer(**headers: str) -> httpx.Response:
            return await edge.get("1.m4s", **headers)

        for asked, start, end in (
            ("bytes=0-99", 0, 100),
            ("bytes=0-0", 0, 1),
            ("bytes=999000-", 999_000, 1_000_000),
            ("bytes=-5", 999_995, 1_000_000),
            ("bytes=-5000000", 0, 1_000_000),
            ("bytes=500000-9999999", 500_000, 1_000_000),
        ):
            part = await answer(Range=asked)
            assert (part.status_code, part.content) == (206, SEGMENT[start:end]), asked
            assert {k: v for k, v in _said(part).items() if k != "x-cache"} == {
                **KEPT,
                "content-length": str(end - start),
                "content-range": f"bytes {start}-{end - 1}/1000000",
                "content-type": "video/iso.segment",
                "etag": etag,
            }
            assert (await answer(Range=asked, If_Range=etag)).status_code == 206
            for other in ('"other"', "Sun, 01 Nov 2026 00:00:00 GMT", f"W/{etag}"):
                assert (await answer(Range=asked, If_Range=other)).content == SEGMENT, other
        for beyond in ("bytes=1000000-", "bytes=-0"):
            none = await answer(Range=beyond)
            assert none.status_code == 416, beyond
            assert _said(none) == {
                **OPEN,
                "cache-control": "no-store",
                "content-length": "0",
                "content-range": "bytes */1000000",
                "etag": etag,
            }
        for ignored in ("bytes=5-4", "bytes=0-1,5-6", "items=0-1", "bytes=a-b", "bytes=" + "9" * 30 + "-"):
            assert (await answer(Range=ignored)).content == SEGMENT, ignored
        for names in (etag, f"W/{etag}", f'"x", {etag}', "*"):
            kept = await answer(If_None_Match=names, Range="bytes=0-1")
            assert (kept.status_code, kept.content) == (304, b""), names
            assert _said(kept) == {**KEPT, "etag": etag}
        assert (await answer(If_None_Match='"x"')).content == SEGMENT
        # RFC 9110 §13.1.3: no dates here, so a date decides nothing.
        assert (await answer(If_Modified_Since="Sun, 01 Nov 2037 00:00:00 GMT")).content == SEGMENT
        head = await edge.client.head(edge.target("1.m4s"), headers={"Range": "bytes=0-1"})
        assert (head.status_code, head.headers["content-length"], head.content) == (200, "1000000", b"")

    _on(plane, tmp_path, ask)


def test_preflights_and_refusals_are_said_in_the_same_words(plane: str, tmp_path: Path) -> None:
    async def ask(edge: EdgeHere) -> None:
        preflight = await edge.client.options(
            edge.target("1.m4s"), headers={"Access-Control-Request-Private-Network": "true"}
        )
        assert (preflight.status_code, preflight.content) == (204, b"")
        assert preflight.headers["access-control-allow-methods"] == "GET, HEAD, OPTIONS"
        assert preflight.headers["access-control-allow-private-network"] == "true"
        assert {k: preflight.headers[k] for k in OPEN} == OPEN
        refused = await edge.get("1.m4s", "x" * 40)
        assert (refused.status_code, refused.text) == (403, "This address opens nothing here.\n")
        assert _said(refused) == {**TEXT, "content-length": "33"}
        posted = await edge.client.post(edge.target("1.m4s"))
        assert (posted.status_code, posted.text) == (405, "An edge answers GET, HEAD and OPTIONS.\n")
        assert _said(posted) == {**TEXT, "content-length": "39", "allow": "GET, HEAD, OPTIONS"}
        absent = await edge.get("nothing.m4s")
        assert (absent.status_code, absent.text) == (404, "There is no such file.\n")
        assert _said(absent) == {**TEXT, "content-length": "23"}

    _on(plane, tmp_path, ask)


def test_a_connection_is_kept_for_many_requests(plane: str, tmp_path: Path) -> None:
    async def ask(edge: EdgeHere) -> None:
        await edge.held("master.m3u8")
        request = f"GET {edge.target('master.m3u8')} HTTP/1.1\r\nHost: e\r\n".encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", edge.port)
        for _ in range(200):
            writer.write(request + b"\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            assert await reader.readexactly(8) == b"#EXTM3U\n"
        # Two at once are answered in turn (RFC 9112 §9.3.2).
        writer.write((request + b"\r\n") * 2)
        for _ in range(2):
            await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(8) == b"#EXTM3U\n"
        writer.close()

    _on(plane, tmp_path, ask)


@pytest.mark.parametrize("held", [True, False], ids=["held", "while it fills"])
def test_a_slow_reader_gets_every_byte(plane: str, held: bool, tmp_path: Path) -> None:
    async def ask(edge: EdgeHere) -> None:
        if held:
            await edge.held("long.m4s")
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 * 1024)
            connection.settimeout(0)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(connection, ("127.0.0.1", edge.port))
            request = f"GET {edge.target('long.m4s')} HTTP/1.1\r\nHost: e\r\nConnection: close\r\n\r\n"
            await loop.sock_sendall(connection, request.encode())
            answer = bytearray()
            for pause in range(10**6):
                piece = await loop.sock_recv(connection, 128 * 1024)
                if not piece:
                    break
                answer += piece
                if pause < 20:
                    await asyncio.sleep(0.05)
        assert bytes(answer).partition(b"\r\n\r\n")[2] == LONG

    _on(plane, tmp_path, ask)


def test_over_tls_http_2_is_spoken_and_1_1_to_who_knows_no_newer(plane: str, tmp_path: Path) -> None:
    made = make_certificates(tmp_path / "certificates")

    async def ask(edge: EdgeHere) -> None:
        await edge.held("1.m4s")
        for asked, version in (("--http2", "2"), ("--http1.1", "1.1")):
            url = f"https://127.0.0.1:{edge.port}{edge.target('1.m4s', token('over-tls'))}"
            told = await asyncio.to_thread(
                subprocess.run,
                ["curl", "-sS", asked, "--cacert", str(made.authorities), "-w", "%{stderr}%{http_version}", url],
                capture_output=True,
                check=True,
            )
            assert (told.stdout, told.stderr.decode()) == (SEGMENT, version)
        assert (await edge.booked({"over-tls": 2_000_000}))["over-tls", "demand"] == 2_000_000

    _on(plane, tmp_path, ask, shown=Identity(made.certificate, made.key))


def test_over_http_2_an_edge_that_knows_its_name_answers_to_no_other(plane: str, tmp_path: Path) -> None:
    made = make_certificates(tmp_path / "certificates")

    async def run() -> None:
        shown = Identity(made.certificate, made.key)
        async with edge_here(plane, tmp_path, stored(OBJECTS), shown=shown, edge_url="https://one.example") as edge:
            for name, expected in (("one.example", "200"), ("two.example", "421"), ("one.example.evil", "421")):
                command = ["curl", "-s", "--http2", "-k", "-o", "/dev/null", "-w", "%{http_version} %{http_code}"]
                command += ["--connect-to", f"{name}:{edge.port}:127.0.0.1:{edge.port}"]
                command += [f"https://{name}:{edge.port}{edge.target('1.m4s')}"]
                told = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=True)
                assert told.stdout.decode() == f"2 {expected}", name

    asyncio.run(run())


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_a_fetch_that_breaks_breaks_its_reader_over_either_version(plane: str, version: str, tmp_path: Path) -> None:
    made = make_certificates(tmp_path / "certificates")
    origin = SlowOrigin({f"media/{PREFIX}breaks.m4s": SEGMENT})
    origin.manners[f"media/{PREFIX}breaks.m4s"] = Manner(breaks=100, break_after_bytes=600_000)
    store = S3Store(
        "bucket",
        endpoint=f"http://127.0.0.1:{origin.server_port}",
        region="us-east-1",
        skip_signature=True,
        client_options={"allow_http": True},
    )

    async def run() -> None:
        async with edge_here(plane, tmp_path, store, shown=Identity(made.certificate, made.key)) as edge:
            url = f"https://127.0.0.1:{edge.port}{edge.target('breaks.m4s')}"
            command = ["curl", "-s", version, "-k", "-w", "%{stderr}%{http_code}", url]
            told = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=False)
            # 18: a body shorter than its length; 92: a stream that was reset.
            assert (told.stderr, told.returncode in {18, 56, 92}) == (b"200", True), told.returncode
            assert 0 < len(told.stdout) < len(SEGMENT)
            assert SEGMENT.startswith(told.stdout)

    asyncio.run(run())
    origin.close()


def test_what_completed_is_booked_to_the_byte_by_playback_and_origin(plane: str, tmp_path: Path) -> None:
    async def ask(edge: EdgeHere) -> None:
        got: dict[str, int] = {}

        async def play(number: int) -> None:
            playback = f"playback-{number % 7}"
            headers = {"Range": f"bytes={number}-{number * 1000}"} if number % 3 else {}
            answer = await edge.get(f"{1 + number % 2}.m4s", token(playback), **headers)
            got[playback] = got.get(playback, 0) + len(answer.content)

        await asyncio.gather(*(play(number) for number in range(30)))
        await edge.held("1.m4s", "2.m4s")
        await asyncio.gather(*(play(number) for number in range(60)))
        await edge.get("1.m4s", "x" * 90)
        for _ in range(3):
            got["a-playback"] = got.get("a-playback", 0) + len((await edge.get("1.m4s")).content)
        got["a-playback"] += 2_000_000  # what `held` asked for
        booked: dict[str, int] = {}
        for (playback, _), size in (await edge.booked(got)).items():
            booked[playback] = booked.get(playback, 0) + size
        assert booked == got
        assert edge.counters.sent_bytes == sum(got.values()) == sum(edge.ledger.totals.values())
        assert edge.ledger.totals[Origin.DEMAND] > 0 < edge.ledger.totals[Origin.ORIGIN]
        assert edge.counters.refused.total() == 1

    _on(plane, tmp_path, ask)


@pytest.mark.parametrize("held", [True, False], ids=["held", "passed on"])
def test_of_what_was_broken_off_what_the_kernel_took_is_booked(plane: str, held: bool, tmp_path: Path) -> None:
    async def ask(edge: EdgeHere) -> None:
        if held:
            await edge.held("long.m4s")
        await edge.booked()
        loop = asyncio.get_running_loop()
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.settimeout(0)
            await loop.sock_connect(connection, ("127.0.0.1", edge.port))
            request = f"GET {edge.target('long.m4s', token('leaves'))} HTTP/1.1\r\nHost: e\r\n\r\n"
            await loop.sock_sendall(connection, request.encode())
            read = await loop.sock_recv(connection, 10_000)
            before, handed = -1, 0
            while handed > before:  # until every buffer on the way is full
                await asyncio.sleep(0.7)
                before, handed = handed, handed_to_the_kernel(edge.port, connection)
            handed -= read.index(b"\r\n\r\n") + 4
        assert 0 < handed < len(LONG)
        least = handed if edge.nginx else handed - 2 * 256 * 1024
        [booked] = [size for (who, _), size in (await edge.booked({"leaves": least})).items() if who == "leaves"]
        if edge.nginx:
            assert booked == handed
        else:
            # granian does not say what the kernel took; how much it holds itself is known to a slice or two.
            assert abs(booked - handed) <= 2 * 256 * 1024

    _on(plane, tmp_path, ask)


def test_what_is_asked_for_often_is_right_booked_and_gone_when_it_is_purged(plane: str, tmp_path: Path) -> None:
    async def ask(edge: EdgeHere) -> None:
        await edge.held("1.m4s")
        await edge.booked()
        for _ in range(4):
            assert (await edge.get("1.m4s", token("often"))).content == SEGMENT
            await asyncio.sleep(0.05)
        assert (await edge.get("1.m4s", token("often"), Range="bytes=5-9")).content == SEGMENT[5:10]
        assert (await edge.booked({"often": 4_000_005}))["often", "demand"] == 4_000_005

        async def missed() -> bool:
            again = await edge.get("1.m4s")
            assert again.content == SEGMENT
            return again.headers["x-cache"] == "MISS"

        edge.cache.purge(PREFIX)
        await until("what was purged is gone", missed)

    _on(plane, tmp_path, ask)


def test_a_revoked_playback_and_a_retired_key_open_nothing_soon_after(plane: str, tmp_path: Path) -> None:
    async def ask(edge: EdgeHere) -> None:
        await edge.held("1.m4s")
        theirs, mine, later = token("theirs"), token("mine"), token("mine", key_id="k2", key=b"2" * 32)

        async def opened(*wanted: int) -> bool:
            return [(await edge.get("1.m4s", by)).status_code for by in (theirs, mine, later)] == [*wanted]

        assert await opened(200, 200, 403)
        edge.gate.revoke([Revocation(1, "theirs", 4e9)])
        await until("theirs is revoked", lambda: opened(403, 200, 403))
        edge.gate.use_keys(KeyRing("2", {"k1": "an edge's test key of 32 bytes or more", "k2": "2" * 32}))
        await until("both keys open", lambda: opened(403, 200, 200))
        edge.gate.use_keys(KeyRing("3", {"k2": "2" * 32}))
        await until("the first key is retired", lambda: opened(403, 403, 200))

    _on(plane, tmp_path, ask)


def test_an_edge_that_is_down_answers_nobody_and_comes_back(plane: str, tmp_path: Path) -> None:
    async def ask(edge: EdgeHere) -> None:
        await edge.held("1.m4s")

        async def says(status: int) -> bool:
            answer = await edge.get("1.m4s")
            assert answer.content in {SEGMENT, b"This edge is down.\n"}
            return answer.status_code == status

        edge.gate.down = True
        await until("it is down", lambda: says(503))
        down = await edge.get("1.m4s")
        assert (down.status_code, down.text) == (503, "This edge is down.\n")
        assert (await edge.client.get("/readyz")).status_code == 503
        assert (await edge.client.get("/healthz")).status_code == 200
        edge.gate.down = False
        await until("it is back", lambda: says(200))
        assert (await edge.get("1.m4s")).content == SEGMENT

    _on(plane, tmp_path, ask)


def test_a_clock_that_is_off_is_borne_as_far_as_the_gate_bears_it(plane: str, tmp_path: Path) -> None:
    async def ask(edge: EdgeHere) -> None:
        await edge.held("1.m4s")
        # By the control plane's clock ten minutes have gone by that this machine has not seen yet.
        ended, begins = token("a", seconds=300), token("b", seconds=3600, starts_in=300)

        async def opened(*wanted: int) -> bool:
            return [(await edge.get("1.m4s", by)).status_code for by in (ended, begins)] == [*wanted]

        assert await opened(200, 403)
        edge.gate.skew_seconds = 600
        await until("the other clock counts", lambda: opened(403, 200))

    _on(plane, tmp_path, ask)
