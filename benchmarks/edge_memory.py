"""How much memory an edge takes that holds a million files and has ten thousand connections open.

A real ``matinee edge`` process over a million small files, with a control plane that it tells of all of them. Then ten
thousand connections, each of which has got a file and stays open, and as many requests more for files drawn by chance.
Memory is what the kernel says of the process (PSS and RSS), page cache not counted; the client is another process.
"""

import asyncio
import multiprocessing
import random
import resource
import sys
import time
from contextlib import suppress
from multiprocessing.synchronize import Barrier

import psutil

from benchmarks.machine import report
from benchmarks.million_files import FILES, PLACED, ControlPlane, Edge, folder

SEED = 20261126
CONNECTIONS, ROUNDS = 10_000, 3
LIMIT_MIB = 512
_AT_ONCE = 200


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head[:100]
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(int(length.partition(b":")[2]))


async def _hold_open(edge: Edge, met: Barrier) -> None:
    chance, gate = random.Random(SEED), asyncio.Semaphore(_AT_ONCE)
    streams: dict[int, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}

    async def ask(place: int) -> None:
        async with gate:
            if place in streams:
                # One that nothing was asked on for long the edge has closed meanwhile.
                with suppress(asyncio.IncompleteReadError, ConnectionError):
                    await _ask(*streams[place], edge.request(chance.randrange(FILES)))
                    return
                streams[place][1].close()
            streams[place] = await asyncio.open_connection("127.0.0.1", edge.port)
            await _ask(*streams[place], edge.request(chance.randrange(FILES)))

    await asyncio.gather(*(ask(place) for place in range(CONNECTIONS)))
    await asyncio.to_thread(met.wait)
    for _ in range(ROUNDS - 1):
        await asyncio.gather(*(ask(place) for place in range(CONNECTIONS)))
    await asyncio.to_thread(met.wait)
    await asyncio.to_thread(met.wait)


def _client(edge: Edge, met: Barrier) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(_hold_open(edge, met))


def main() -> None:
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < CONNECTIONS + 100:
        print("edge_memory is skipped: this process may not open ten thousand files (ulimit -Hn).")
        return
    rows: list[dict[str, object]] = []
    with folder() as data:
        control = ControlPlane()
        edge = Edge(data, control.address)
        process = psutil.Process(edge.process.pid)

        def note(when: str) -> float:
            memory = process.memory_full_info()
            sockets = sum(one.status == psutil.CONN_ESTABLISHED for one in process.net_connections("tcp"))
            pss, rss = memory.pss / 2**20, memory.rss / 2**20
            rows.append({"when": when, "PSS, MiB": f"{pss:.0f}", "RSS, MiB": f"{rss:.0f}", "connections": sockets})
            return max(pss, rss)

        edge.first_byte_at(0)
        note("it serves")
        deadline = time.monotonic() + 120
        while control.told_at is None and time.monotonic() < deadline:
            time.sleep(0.05)
        note("all holdings are told" if control.told_at else "two minutes later (no holdings were told)")
        met = multiprocessing.get_context("fork").Barrier(2)
        client = multiprocessing.get_context("fork").Process(target=_client, args=(edge, met))
        client.start()
        met.wait(120)
        note(f"{CONNECTIONS} connections have got a file each")
        met.wait(180)
        most = note(f"{CONNECTIONS * ROUNDS} files were asked for")
        met.wait(10)
        client.join(30)
        edge.stop()
        control.shutdown()
    report(
        "edge_memory",
        "what memory does an edge take that holds a million files and ten thousand connections?",
        rows,
        bar=f"at most {LIMIT_MIB} MiB at any of these moments",
        files=f"{PLACED} placed, {FILES - PLACED} in the demand cache",
        seed=SEED,
    )
    if most > LIMIT_MIB:
        sys.exit(f"The edge takes {most:.0f} MiB.")


if __name__ == "__main__":
    main()
