import asyncio
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matinee.edge.spool import Spool


@settings(max_examples=40, deadline=None)
@given(
    chunks=st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=20),
    writes=st.sets(st.integers(0, 20)),
    reads=st.lists(st.tuples(st.integers(0, 1200), st.integers(1, 300)), max_size=20),
)
def test_every_byte_that_came_is_read_back_wherever_it_lies(
    tmp_path_factory: pytest.TempPathFactory,
    chunks: list[bytes],
    writes: set[int],
    reads: list[tuple[int, int]],
) -> None:
    file = tmp_path_factory.mktemp("spool") / "file"
    data = b"".join(chunks)

    async def fill() -> None:
        spool = Spool(len(data), os.open(file, os.O_RDWR | os.O_CREAT))
        for number, chunk in enumerate(chunks):
            spool.append(chunk)
            if number in writes:
                await spool.write()
            came = data[: spool.received_bytes]
            for offset, limit in reads:
                piece = spool.read(offset, limit)
                # A read may stop where memory begins, but it gives what is asked for or some of it.
                assert (
                    piece is None if offset >= len(came) else piece and came[offset : offset + limit].startswith(piece)
                )
        await spool.write(sync=True)
        assert spool.pending_bytes == 0
        spool.close()

    asyncio.run(fill())
    assert file.read_bytes() == data


def test_a_full_disk_leaves_the_rest_in_memory() -> None:
    async def fill() -> None:
        # Every write to it fails with ENOSPC (full(4)).
        spool = Spool(6, os.open("/dev/full", os.O_RDWR))
        spool.append(b"abc")
        await spool.write()
        assert spool.refused == "No space left on device"
        assert not spool.on_disk
        spool.append(b"def")
        await spool.write(sync=True)
        assert spool.read(1, 10) == b"bcdef"
        spool.close()

    asyncio.run(fill())


def test_a_spool_without_a_file_is_memory_alone() -> None:
    async def fill() -> None:
        spool = Spool(3, None)
        spool.append(b"abc")
        await spool.write(sync=True)
        assert (spool.read(0, 2), spool.read(3, 1), spool.unkept, spool.on_disk) == (b"ab", None, True, False)
        spool.close()

    asyncio.run(fill())


def test_a_writer_that_is_cancelled_writes_into_nobody_elses_file(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"

    async def cancel() -> None:
        spool = Spool(3, os.open(first, os.O_RDWR | os.O_CREAT))
        spool.append(b"abc")
        writing = asyncio.create_task(spool.write())
        await asyncio.sleep(0)
        writing.cancel()
        spool.close()
        # The descriptor's number is free again, and the next file takes it.
        descriptor = os.open(second, os.O_RDWR | os.O_CREAT)
        with pytest.raises(asyncio.CancelledError):
            await writing
        await asyncio.sleep(0.05)
        os.close(descriptor)

    asyncio.run(cancel())
    assert second.read_bytes() == b""


@settings(max_examples=30, deadline=None)
@given(
    chunks=st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=12),
    steps=st.lists(st.sampled_from(["write", "digest", "nothing"]), min_size=12, max_size=12),
    disk=st.sampled_from(["file", "/dev/full", None]),
)
def test_the_digest_is_that_of_every_byte_whatever_the_disk_took(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[bytes], steps: list[str], disk: str | None
) -> None:
    data = b"".join(chunks)
    file = tmp_path_factory.mktemp("spool") / "file" if disk == "file" else Path(disk or "/dev/null")

    async def fill() -> None:
        spool = Spool(len(data), os.open(file, os.O_RDWR | os.O_CREAT) if disk else None)
        spool.append(b"wrong")
        await spool.write()
        spool.restart()
        for chunk, step in zip(chunks, steps, strict=False):
            spool.append(chunk)
            if step != "nothing":
                await (spool.write() if step == "write" else spool.digest())
        assert await spool.digest() == hashlib.sha256(data).hexdigest()
        assert spool.undigested_bytes == 0
        await spool.write(sync=True)
        assert b"".join(_pieces(spool, len(data))) == data
        assert spool.on_disk == (disk == "file")
        spool.close()

    asyncio.run(fill())
    if disk == "file":
        # Only a test has something wrong that is longer than what is right: sizes are compared before.
        assert file.read_bytes()[: len(data)] == data


def _pieces(spool: Spool, size_bytes: int) -> Iterator[bytes]:
    at = 0
    while at < size_bytes:
        piece = spool.read(at, 1000)
        assert piece
        yield piece
        at += len(piece)
