"""What no good token asks for gets nothing out of an edge, on either data plane, and no log has its secret."""

import asyncio
import random
import resource
import ssl
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest
from deploy.local.certificates import make_certificates
from obstore.store import S3Store

from edge_here import PLANES, PREFIX, EdgeHere, edge_here, stored, token, until
from matinee.compose.tls import Identity
from matinee.model.plans import Revocation
from running_edge import Manner, SlowOrigin

SEGMENT = random.Random(7).randbytes(100_000)
REFUSED = {400, 403, 404, 405, 408, 413, 414, 421, 431, 501, 505}


@pytest.fixture(params=PLANES)
def plane(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _on(plane: str, folder: Path, ask: Callable[[EdgeHere], Awaitable[None]]) -> None:
    """Ask an edge that holds the segment, so that nginx could send it by itself."""

    async def run() -> None:
        objects = stored({"v720/1.m4s": SEGMENT})
        async with asyncio.timeout(300), edge_here(plane, folder, objects) as edge:
            for place in (folder, folder / "cache", folder / "cache" / "demand"):
                (place / "secret.txt").write_text("nobody's business")
            await edge.held("v720/1.m4s")
            await ask(edge)

    asyncio.run(run())


def _forged() -> str:
    raw = bytearray(urlsafe_b64decode(token() + "=="))
    raw[-1] ^= 1
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _widened() -> str:
    raw = urlsafe_b64decode(token(prefix="title/r/") + "==")
    return urlsafe_b64encode(raw.replace(b"title/r/", b"title/revision/")).rstrip(b"=").decode()


def _respelled() -> str:
    text = token()
    # The last letter of 32 bytes and more has bits to spare; another spelling of the same bytes is not taken.
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    spare = len(text) % 4
    return text[:-1] + letters[letters.index(text[-1]) ^ 1] if spare else text + "A"


TOKENS: dict[str, Callable[[], str]] = {
    "no token": lambda: "title",
    "an empty one": str,
    "expired": lambda: token(seconds=-1),
    "not yet valid": lambda: token(starts_in=300),
    "forged": _forged,
    "made wider": _widened,
    "spelt otherwise": _respelled,
    "another key's": lambda: token(key=b"x" * 40),
    "an unknown key's": lambda: token(key_id="k9"),
    "another title's": lambda: token(prefix="another/revision/"),
    "another revision's": lambda: token(prefix="title/older/"),
    "a revoked playback's": lambda: token("revoked"),
    "a revoked edge's": lambda: token("edge:revoked"),
    "cut": lambda: token()[:-2],
    "padded": lambda: token() + "=",
    "too long": lambda: "A" * 600,
    "of another alphabet": lambda: token().replace("_", "/").replace("-", "+") + "+",
    "in per cent": lambda: "".join(f"%{ord(letter):02x}" for letter in token()),
}

TAILS = [
    b"../../../secret.txt",
    b"v720/../../../title/revision/v720/1.m4s",
    b"v720/../v720/1.m4s",
    b"..%2f..%2f..%2fsecret.txt",
    b"%2e%2e/%2e%2e/%2e%2e/secret.txt",
    b"%2E%2E%5C%2E%2E%5Csecret.txt",
    b"%252e%252e%252fsecret.txt",
    b"%c0%ae%c0%ae/%c0%ae%c0%ae/secret.txt",
    b"\xc0\xae\xc0\xae/secret.txt",
    b"\xef\xbc\x8e\xef\xbc\x8e/secret.txt",
    b"..\\..\\secret.txt",
    b"..;/..;/secret.txt",
    b"./v720/1.m4s",
    b"v720/./1.m4s",
    b"v720//1.m4s",
    b"/v720/1.m4s",
    b"v720/1.m4s/",
    b"v720/1.m4s/.",
    b"v720%2f1.m4s",
    b"v720/1%2em4s",
    b"v720/1.m4s%00",
    b"v720/1.m4s\x00",
    b"v720/1.m4s%0a",
    b"v720/1.m4s%20",
    b".hidden",
    b"v720/",
    b"",
    b"a" * 2000,
    b"a" * 8192,
    b"a" * 70_000,
]

HEADS = {
    "TE after CL": "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
    "CL after TE": "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
    "two lengths": "Content-Length: 0\r\nContent-Length: 40\r\n",
    "an unknown coding": "Transfer-Encoding: xchunked\r\n",
    "chunked and more": "Transfer-Encoding: chunked, identity\r\n",
    "a space before the colon": "Transfer-Encoding : chunked\r\n",
    "a body by chunks": "Transfer-Encoding: chunked\r\n",
    "a negative length": "Content-Length: -1\r\n",
    "64 KB of headers": f"X-Much: {'y' * 65536}\r\n",
    "64 KB in a thousand headers": "".join(f"X-{n}: {'y' * 56}\r\n" for n in range(1000)),
}


def test_no_bad_token_opens_a_held_file(plane: str, tmp_path: Path) -> None:
    async def ask(edge: EdgeHere) -> None:
        edge.gate.revoke([Revocation(1, "revoked", 4e9), Revocation(2, "edge:revoked", 4e9)])

        async def refused() -> bool:
            both = (token("revoked"), token("edge:revoked"))
            # Again and again: until nginx is told anything, the edge process answers, which knows at once.
            for by in both * 20:
                if (await edge.asked(edge.target("v720/1.m4s", by)))[0] not in REFUSED:
                    return False
                await asyncio.sleep(0.05)
            return True

        await until("what was revoked is refused", refused)
        for name, made in TOKENS.items():
            for method in ("GET", "HEAD"):
                status, answer = await edge.asked(f"/{made()}/{PREFIX}v720/1.m4s", method)
                assert status in REFUSED, (name, method, status)
                assert SEGMENT[:64] not in answer, name
        assert (await edge.asked(edge.target("v720/1.m4s")))[0] == 200

    _on(plane, tmp_path, ask)


def test_no_spelling_of_a_path_leads_anywhere_else(plane: str, tmp_path: Path) -> None:
    async def ask(edge: EdgeHere) -> None:
        for tail in TAILS:
            for before in (b"", b"http://elsewhere"):
                target = before + b"/" + token().encode() + b"/" + PREFIX.encode() + tail
                status, answer = await edge.asked(target)
                assert status in REFUSED, (tail[:40], status)
                assert b"nobody's business" not in answer
                assert SEGMENT[:64] not in answer, tail[:40]

    _on(plane, tmp_path, ask)


def test_a_request_that_two_servers_could_read_two_ways_is_not_read_at_all(plane: str, tmp_path: Path) -> None:
    async def ask(edge: EdgeHere) -> None:
        inner = f"GET {edge.target('v720/1.m4s')} HTTP/1.1\r\nHost: e\r\n\r\n".encode()
        for name, more in HEADS.items():
            head = f"GET {edge.target('v720/1.m4s')} HTTP/1.1\r\nHost: e\r\n{more}\r\n".encode()
            for body in (b"0\r\n\r\n" + inner, inner):
                answer = b""
                with suppress(TimeoutError):
                    answer = await edge.raw(head + body, seconds=2.0)
                assert SEGMENT[:64] not in answer, name
                assert b"HTTP/1.1 200" not in answer, (name, answer[:300])

    _on(plane, tmp_path, ask)


METHODS = ("POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND", "PURGE", "get")


def test_other_methods_do_nothing(plane: str, tmp_path: Path) -> None:
    async def ask(edge: EdgeHere) -> None:
        for method in METHODS:
            status, answer = await edge.asked(edge.target("v720/1.m4s"), method)
            assert status in {400, 405}, method
            assert SEGMENT[:64] not in answer, method
        assert edge.cache.find(f"{PREFIX}v720/1.m4s") is not None

    _on(plane, tmp_path, ask)


def test_an_edge_that_knows_its_name_answers_to_no_other(plane: str, tmp_path: Path) -> None:
    async def run() -> None:
        objects = stored({"v720/1.m4s": SEGMENT})
        async with edge_here(plane, tmp_path, objects, edge_url="https://one.example:8443") as edge:
            target = edge.target("v720/1.m4s")
            for _ in range(2):
                for host in ("one.example", "ONE.example:8443"):
                    status, answer = await edge.asked(target, more=f"Host: {host}\r\n")
                    assert (status, SEGMENT[:64] in answer) == (200, True)
                for host in ("two.example", "one.example.evil", "127.0.0.1"):
                    status, answer = await edge.asked(target, more=f"Host: {host}\r\n")
                    assert (status, SEGMENT[:64] in answer) == (421, False)
                await until("it is held", lambda: edge.cache.find(f"{PREFIX}v720/1.m4s"))
            assert (await edge.asked("/healthz", more="Host: 127.0.0.1\r\n"))[0] == 200

    asyncio.run(run())


def test_no_token_and_no_key_is_in_any_log_or_file(
    plane: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    origin = SlowOrigin({f"media/{PREFIX}{name}.m4s": SEGMENT * 20 for name in ("breaks", "whole")})
    origin.manners[f"media/{PREFIX}breaks.m4s"] = Manner(breaks=9, break_after_bytes=300_000)
    shown = [token("good"), token(seconds=-1), token(key=b"x" * 40), _forged(), "not-a-token-but-as-long" * 9]

    async def run() -> None:
        store = S3Store(
            "bucket",
            endpoint=f"http://127.0.0.1:{origin.server_port}",
            access_key_id="x",
            secret_access_key="x",
            region="us-east-1",
            skip_signature=True,
            client_options={"allow_http": True},
        )
        async with edge_here(plane, tmp_path, store) as edge:
            for opened_by in shown:
                for file in ("whole.m4s", "breaks.m4s", "../x", "%2e%2e", "a" * 9000):
                    await edge.asked(edge.target(file, opened_by))
                await edge.asked(edge.target("1.m4s", opened_by), "POST", "Host: e\r\nContent-Length: 70000\r\n")
            edge.application.tick()
            # There was something to take out of what nginx said.
            await until("it is said", lambda: plane != "nginx:" or "prematurely closed" in hear())

    said = ""

    def hear() -> str:
        nonlocal said
        said += "".join(capfd.readouterr())
        return said

    asyncio.run(run())
    origin.close()
    hear()
    assert "media.refused" in said or "media.cut" in said or "fill.broken" in said
    if plane == "nginx:":
        assert "nginx.said" in said
    written = said + "".join(
        file.read_bytes().decode("latin-1")
        for file in tmp_path.rglob("*")
        if file.is_file() and "cache" not in file.parts
    )
    for secret in (*shown, "an edge's test key"):
        assert secret[:32] not in written


def test_two_thousand_connections_that_trickle_leave_room_for_everybody_else(plane: str, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 8192:
        pytest.skip(f"This process may open {hard} files.")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 8192), hard))

    async def ask(edge: EdgeHere) -> None:
        writers = []
        for number in range(2000):
            _, writer = await asyncio.open_connection("127.0.0.1", edge.port)
            writer.write(b"GET /x HTTP/1.1\r\nHost: e\r\nX-Slow: " + b"s" * (number % 50))
            writers.append(writer)
        for number in range(200):
            if number % 20 == 0:
                for writer in writers[number::100]:
                    writer.write(b"s")
            assert (await edge.get("v720/1.m4s")).content == SEGMENT
        for writer in writers:
            writer.close()

    try:
        _on(plane, tmp_path, ask)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def _trickled(port: int, begun: bytes, rest: list[bytes]) -> bool:
    """Whether a request over HTTP/2 that comes a byte or a frame a second is cut before it is done."""
    client = ssl.create_default_context()
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    client.set_alpn_protocols(["h2"])
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client)
    writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(4, 0, b"", stream=0))
    settings = await reader.readexactly(9)
    await reader.readexactly(int.from_bytes(settings[:3], "big"))
    reading = asyncio.create_task(reader.read(-1))
    writer.write(_frame(4, 1, b"", stream=0) + begun)
    try:
        for place, piece in enumerate(rest):
            done, _ = await asyncio.wait({reading}, timeout=1)
            if done:
                # Not at once: that would be for another reason.
                return place > 1
            with suppress(ConnectionError):
                writer.write(piece)
                await writer.drain()
        return False
    finally:
        reading.cancel()
        writer.close()


def _frame(kind: int, flags: int, body: bytes, *, stream: int = 1) -> bytes:
    return len(body).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + body


def test_a_request_that_trickles_in_over_http_2_is_cut_by_the_embedded_plane(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the two it is this one: nginx 1.22 waits anew after each byte (decision 16)."""
    monkeypatch.setattr("matinee.adapters.dataplane_embedded._HEADER_SECONDS", 4)
    made = make_certificates(tmp_path / "certificates")
    # RFC 7541: GET, https, / and one long header, of which the end never comes.
    head = b"\x82\x87\x84\x41\x01e\x00\x01x\x7f\x80\x01" + b"y" * 200

    async def run() -> None:
        shown = Identity(made.certificate, made.key)
        async with asyncio.timeout(300), edge_here("embedded:", tmp_path, stored({}), shown=shown) as edge:
            half = _frame(1, 5, head)
            letters = [half[place : place + 1] for place in range(60)]
            continued = [_frame(9, 0, head[place : place + 1]) for place in range(4, 64)]
            manners = (_trickled(edge.port, b"", letters), _trickled(edge.port, _frame(1, 1, head[:4]), continued))
            assert all(await asyncio.gather(*manners))

    asyncio.run(run())
