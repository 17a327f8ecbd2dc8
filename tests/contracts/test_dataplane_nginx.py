"""nginx as the edge's child: reloaded, killed, left behind, full; and nothing of it is lost or cut."""

import asyncio
import os
import random
import signal
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from deploy.local.certificates import make_certificates

from edge_here import EdgeHere, edge_here, needs_nginx, stored, token, until
from matinee.adapters import dataplane_nginx_process as processes
from matinee.compose.edge_plane import open_plane
from matinee.compose.tls import Identity
from matinee.edge.health import Orders
from matinee.model.errors import Unavailable
from matinee.settings import Settings
from running_edge import RunningEdge, running
from running_edge import until as until_then

SEGMENT = random.Random(7).randbytes(200_000)
LONG = random.Random(8).randbytes(6_000_000)


@pytest.fixture(autouse=True)
def _nginx_is_here() -> None:
    needs_nginx()


def _on(folder: Path, ask: Callable[[EdgeHere], Awaitable[None]], *, shown: Identity | None = None) -> None:
    async def run() -> None:
        objects = stored({"1.m4s": SEGMENT, "long.m4s": LONG})
        async with asyncio.timeout(300), edge_here("nginx:", folder, objects, shown=shown) as edge:
            await edge.held("1.m4s", "long.m4s")
            await ask(edge)

    asyncio.run(run())


def _pids(folder: Path) -> list[int]:
    return processes.left_over(folder / "nginx")


def _master(folder: Path) -> int:
    return min(_pids(folder))


async def _slowly(edge: EdgeHere, seconds: float) -> bytes:
    """The long file, over a connection that takes it in pieces for so long."""
    loop = asyncio.get_running_loop()
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        connection.settimeout(0)
        await loop.sock_connect(connection, ("127.0.0.1", edge.port))
        request = f"GET {edge.target('long.m4s', token('long'))} HTTP/1.1\r\nHost: e\r\nConnection: close\r\n\r\n"
        await loop.sock_sendall(connection, request.encode())
        answer, begun = bytearray(), loop.time()
        while piece := await loop.sock_recv(connection, 100_000):
            answer += piece
            if loop.time() - begun < seconds:
                await asyncio.sleep(0.2)
    return bytes(answer).partition(b"\r\n\r\n")[2]


def test_ten_reloads_under_load_fail_no_request_and_cut_no_transfer(tmp_path: Path) -> None:
    made = make_certificates(tmp_path / "certificates")

    async def ask(edge: EdgeHere) -> None:
        plane, ended = edge.plane, asyncio.Event()
        asked = 0

        async def load() -> None:
            nonlocal asked
            while not ended.is_set():
                # A connection each: who waits on a kept one when nginx lets it go asks again (RFC 9112 §9.3.1).
                async with httpx.AsyncClient(trust_env=False, verify=False, timeout=60) as client:
                    address = f"http://127.0.0.1:{edge.port}{edge.target('1.m4s', token('load'))}"
                    assert (await client.get(address)).content == SEGMENT
                    asked += 1

        long = [asyncio.create_task(_slowly(edge, 6.0)) for _ in range(4)]
        loads = [asyncio.create_task(load()) for _ in range(3)]
        masters = set()
        for _ in range(10):
            workers = set(_pids(tmp_path))
            plane.renew()  # type: ignore[attr-defined]  # nginx's own
            await until("there are new workers", lambda workers=workers: set(_pids(tmp_path)) - workers)
            masters.add(_master(tmp_path))
            await asyncio.sleep(0.1)
        ended.set()
        await asyncio.gather(*loads)
        assert [body == LONG for body in await asyncio.gather(*long)] == [True] * 4
        assert len(masters) == 1
        assert asked > 20
        booked = await edge.booked({"long": 4 * len(LONG), "load": asked * len(SEGMENT)})
        assert (booked["long", "demand"], booked["load", "demand"]) == (4 * len(LONG), asked * len(SEGMENT))

    assert made.certificate.exists()
    _on(tmp_path, ask)


def test_a_renewed_certificate_is_shown_after_a_reload(tmp_path: Path) -> None:
    first, second = make_certificates(tmp_path / "first"), make_certificates(tmp_path / "second")
    certificate, key = tmp_path / "shown.pem", tmp_path / "shown.key"
    certificate.write_bytes(first.certificate.read_bytes())
    key.write_bytes(first.key.read_bytes())

    async def trusted(edge: EdgeHere, authorities: Path) -> bool:
        url = f"https://127.0.0.1:{edge.port}/healthz"
        command = ["curl", "-s", "-o", "/dev/null", "--cacert", str(authorities), url]
        return await (await asyncio.create_subprocess_exec(*command)).wait() == 0

    async def ask(edge: EdgeHere) -> None:
        assert await trusted(edge, first.authorities)
        assert not await trusted(edge, second.authorities)
        certificate.write_bytes(second.certificate.read_bytes())
        key.write_bytes(second.key.read_bytes())
        workers = set(_pids(tmp_path))
        edge.plane.renew()  # type: ignore[attr-defined]  # nginx's own
        await until("there are new workers", lambda: set(_pids(tmp_path)) - workers)
        await until("the new one is shown", lambda: trusted(edge, second.authorities))
        # One that cannot be read is not taken up: the old one stays.
        key.write_text("no key")
        edge.plane.renew()  # type: ignore[attr-defined]  # nginx's own
        await asyncio.sleep(1)
        assert await trusted(edge, second.authorities)

    _on(tmp_path, ask, shown=Identity(certificate, key))


@pytest.mark.parametrize("whom", ["master", "workers"])
def test_an_nginx_that_dies_is_brought_back_knows_the_gate_again_and_keeps_its_counts(
    whom: str, tmp_path: Path
) -> None:
    async def ask(edge: EdgeHere) -> None:
        async def answer() -> int:
            try:
                return (await edge.get("1.m4s")).status_code
            except httpx.TransportError:
                return 0

        async def answers(status: int) -> bool:
            return await answer() == status

        edge.gate.down = True
        await until("it is down", lambda: answers(503))
        before, master = _pids(tmp_path), _master(tmp_path)
        for pid in [master] if whom == "master" else [pid for pid in before if pid != master]:
            os.kill(pid, signal.SIGKILL)

        await until("all are new but who lives", lambda: not {*before} - {master} & {*_pids(tmp_path)})
        await until("it is down, still", lambda: answers(503))
        edge.gate.down = False
        await until("it is back", lambda: answers(200))
        assert (await edge.get("1.m4s", token("after"))).content == SEGMENT
        assert (await edge.booked({"after": len(SEGMENT)}))["after", "demand"] == len(SEGMENT)

    _on(tmp_path, ask)


def test_what_was_sent_a_moment_before_the_end_is_booked(tmp_path: Path) -> None:
    async def run() -> None:
        async with edge_here("nginx:", tmp_path, stored({"1.m4s": SEGMENT})) as edge:
            await edge.held("1.m4s")
            ledger = edge.ledger
            for _ in range(3):
                await edge.get("1.m4s", token("last"))
            edge.plane.stop()
            await until("nginx ended", lambda: not _pids(tmp_path))
            await until("it is booked", lambda: ledger.totals.total() >= 4 * len(SEGMENT))
            booked = await edge.booked()
            assert booked["last", "demand"] == 3 * len(SEGMENT)

    asyncio.run(run())


def test_a_full_dictionary_loses_no_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matinee.adapters.dataplane_nginx_configuration._COUNTS", "64k")

    async def ask(edge: EdgeHere) -> None:
        for number in range(1500):
            await edge.get(
                "1.m4s", token(f"a playback with a long name, which takes room {number:05}"), Range="bytes=0-9"
            )
        sent = 15_000 + len(SEGMENT) + len(LONG)
        await until("all of it is booked", lambda: edge.ledger.totals.total() >= sent)
        assert edge.ledger.totals.total() == sent
        # It was full: whose some of the bytes were is not known, but that they went out.
        assert 0 < (await edge.booked()).get(("", "demand"), 0) < 15_000

    _on(tmp_path, ask)


def test_an_edge_that_is_killed_takes_its_nginx_along_and_the_next_one_serves(tmp_path: Path) -> None:
    (tmp_path / "objects" / "media").mkdir(parents=True)
    first = RunningEdge(
        tmp_path / "data", f"file://{tmp_path}/objects", environment={"MATINEE_DATAPLANE": "nginx:"}
    ).start()
    assert len(_pids(tmp_path / "data")) >= 2
    first.kill()
    first.client.close()
    until_then("nginx ends", lambda: not _pids(tmp_path / "data"))
    second = RunningEdge(first.data, first.objects, environment={"MATINEE_DATAPLANE": "nginx:"}, port=first.port)
    with running(second):
        assert second.client.get("/readyz").status_code == 200
    assert not _pids(tmp_path / "data")


def test_a_left_over_nginx_is_ended_before_a_new_one_listens(tmp_path: Path) -> None:
    folder = tmp_path / "nginx"
    folder.mkdir()
    port_of = RunningEdge(tmp_path, "").port
    (folder / "old.conf").write_text(
        f"daemon off; pid {folder}/old.pid; {'user root;' if os.geteuid() == 0 else ''} events {{ }}\n"
        f"http {{ access_log off; server {{ listen 127.0.0.1:{port_of}; }} }}\n"
    )

    async def run() -> None:
        program = processes.find("")
        command = processes.command(program, folder, folder / "old.conf")
        old = await asyncio.create_subprocess_exec(*command, cwd=folder)
        await until("the old one runs", lambda: len(processes.left_over(folder)) >= 2)
        async with edge_here("nginx:", tmp_path, stored({"1.m4s": SEGMENT}), port=port_of) as edge:
            assert await old.wait() == 0
            assert (await edge.get("1.m4s")).content == SEGMENT

    asyncio.run(run())


def test_an_nginx_that_is_missing_or_refuses_is_one_sentence(tmp_path: Path) -> None:
    async def run() -> None:
        for dataplane, sentence in (("nginx:///nowhere/nginx", "There is no /nowhere/nginx"),):
            plane = open_plane(
                Settings(data=tmp_path, dataplane=dataplane),
                Identity(),
                gate=None,  # type: ignore[arg-type]  # it is not come so far
                orders=Orders(),
                bills=None,  # type: ignore[arg-type]  # as above
            )
            with pytest.raises(Unavailable, match=sentence):
                await plane.serve(lambda *_: asyncio.sleep(0))
        (tmp_path / "bad.conf").write_text("events { } http { lua_nothing on; }")
        with pytest.raises(Unavailable, match=r"unknown directive .lua_nothing. .*libnginx-mod-http-lua"):
            processes.try_out(processes.find(""), tmp_path, tmp_path / "bad.conf")

    asyncio.run(run())
