import asyncio
import hashlib
from pathlib import Path
from typing import cast

import pytest

from matinee.cache.bodies import LARGEST_BYTES, Bodies
from matinee.cache.cache import Cache, Held
from matinee.edge.ranges import Part
from matinee.edge.readiness import Readiness
from matinee.model.errors import Unavailable
from matinee.model.plans import Origin

BODY = bytes(range(256)) * 2000


class _Cache:
    def __init__(self) -> None:
        self.discredited: list[Held] = []

    def discredit(self, held: Held) -> None:
        self.discredited.append(held)


def held(file: Path, body: bytes) -> Held:
    return Held("t/r/f", len(body), str(file), Origin.DEMAND, hashlib.sha256(body).hexdigest(), 1)


async def asked(readiness: Readiness, file: Held, times: int) -> list[bytes | None]:
    """Whole bodies, one after another, with time for what goes on at the side."""
    got = []
    for _ in range(times):
        got.append(readiness.piece(file, Part(0, file.size_bytes)))
        await asyncio.get_running_loop().run_in_executor(None, lambda: None)
        await asyncio.sleep(0.05)
    return got


def test_a_file_that_is_asked_for_again_is_given_from_memory_whole_and_in_part(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(BODY)
    bodies = Bodies(10**6)
    readiness = Readiness(cast("Cache", _Cache()), bodies)
    assert asyncio.run(asked(readiness, held(file, BODY), 2)) == [BODY, BODY]
    assert len(bodies) == 1
    file.unlink()
    assert readiness.piece(held(file, BODY), Part(0, len(BODY))) == BODY
    assert readiness.piece(held(file, BODY), Part(100, 300)) == BODY[100:300]


def test_a_body_that_is_not_what_was_verified_is_not_kept_and_its_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(BODY[:-1] + b"?")
    bodies, cache = Bodies(10**6), _Cache()
    asyncio.run(asked(Readiness(cast("Cache", cache), bodies), held(file, BODY), 2))
    assert len(bodies) == 0
    assert [found.path for found in cache.discredited] == ["t/r/f"]


def test_parts_and_empty_files_are_given_and_large_ones_are_not(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(bytes(LARGEST_BYTES) + b"end")
    readiness = Readiness(cast("Cache", _Cache()), Bodies(10**7))
    large = held(file, file.read_bytes())
    assert readiness.piece(large, Part(0, large.size_bytes)) is None
    assert readiness.piece(large, Part(LARGEST_BYTES - 1, LARGEST_BYTES + 3)) == b"\0end"
    file.write_bytes(b"")
    assert readiness.piece(held(file, b""), Part(0, 0)) == b""


def test_a_file_that_is_shorter_than_it_should_be_is_not_given(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(BODY[:1000])
    assert Readiness(cast("Cache", _Cache()), Bodies(0)).piece(held(file, BODY), Part(0, len(BODY))) is None


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        Readiness(cast("Cache", _Cache()), Bodies(0)).piece(held(tmp_path / "f", BODY), Part(0, 5))
