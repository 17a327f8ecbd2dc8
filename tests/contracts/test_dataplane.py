"""``ports.DataPlane``, sentence by sentence, on every engine that moves bytes."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from matinee.adapters.dataplane_embedded import EmbeddedDataPlane
from matinee.model.errors import Unavailable
from matinee.ports import AsgiApplication, DataPlane, Receive, Scope, Send
from running_edge import free_port

Make = Callable[[int], DataPlane]
Ask = Callable[[httpx.AsyncClient, DataPlane], Awaitable[None]]


@pytest.fixture(params=["embedded"])
def make(request: pytest.FixtureRequest) -> Make:
    return lambda port: EmbeddedDataPlane("127.0.0.1", port, finish_seconds=1.0)


def _file_sender(file: Path) -> AsgiApplication:
    size = file.stat().st_size

    async def application(scope: Scope, _receive: Receive, send: Send) -> None:
        path = scope["raw_path"]
        length = b"%d" % size if path == b"/file" else b"%d" % len(path)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
        if path == b"/file":
            await send({"type": "http.response.pathsend", "path": str(file)})
        elif path == b"/cut":
            await send({"type": "http.response.body", "body": path[:2], "more_body": True})
        elif path == b"/slow":
            await send({"type": "http.response.body", "body": path[:2], "more_body": True})
            await asyncio.sleep(0.4)
            await send({"type": "http.response.body", "body": path[2:]})
        elif path == b"/hangs":
            await send({"type": "http.response.body", "body": path[:2], "more_body": True})
            await asyncio.sleep(60)
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
        client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, verify=False)
        async with asyncio.timeout(10), client:
            while True:
                with suppress(httpx.ConnectError):
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
    async def ask(client: httpx.AsyncClient, plane: DataPlane) -> None:
        slow = asyncio.create_task(client.get("/slow"))
        await asyncio.sleep(0.1)
        plane.stop()
        await asyncio.sleep(0.1)
        with pytest.raises(httpx.ConnectError):
            async with httpx.AsyncClient(base_url=client.base_url, trust_env=False, verify=False) as late:
                await late.get("/late")
        assert (await slow).content == b"/slow"

    _while_serving(make, _file_sender(tmp_path), ask)


def test_stop_does_not_wait_for_ever_for_an_answer_that_hangs(make: Make, tmp_path: Path) -> None:
    async def ask(client: httpx.AsyncClient, _plane: DataPlane) -> None:
        hanging = asyncio.create_task(client.get("/hangs", timeout=30))
        await asyncio.sleep(0.1)
        hanging.add_done_callback(lambda task: task.exception())

    _while_serving(make, _file_sender(tmp_path), ask)


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
        with pytest.raises(Unavailable):
            await make(client.base_url.port).serve(_file_sender(tmp_path))

    _while_serving(make, _file_sender(tmp_path), ask)
