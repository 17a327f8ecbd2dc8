import asyncio
from pathlib import Path

import obstore
import pytest
from obstore.store import LocalStore, MemoryStore, ObjectStore

from matinee.model.errors import NotFound, Unavailable
from matinee.upstream.origin import ObjectOrigin

PATH = "title/revision/file.m4s"


@pytest.fixture(params=["memory", "folder"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    store: ObjectStore = MemoryStore() if request.param == "memory" else LocalStore(tmp_path)
    obstore.put(store, f"media/{PATH}", b"0123456789")
    return store


async def _read(objects: ObjectStore, start: int = 0, tag: str | None = None) -> tuple[int, bytes, str | None]:
    async with ObjectOrigin(objects).deliver(PATH, start, ("below",), tag) as delivery:
        return delivery.size_bytes, b"".join([chunk async for chunk in delivery.chunks]), delivery.tag


def test_a_file_comes_whole_or_from_any_byte_on_with_its_whole_size(objects: ObjectStore) -> None:
    size, body, tag = asyncio.run(_read(objects))
    assert (size, body) == (10, b"0123456789")
    assert asyncio.run(_read(objects, 7, tag)) == (10, b"789", tag)
    assert asyncio.run(ObjectOrigin(objects).size_of(PATH)) == 10


def test_the_rest_of_an_object_that_was_replaced_is_not_given(objects: ObjectStore) -> None:
    _, _, tag = asyncio.run(_read(objects))
    obstore.put(objects, f"media/{PATH}", b"9876543210987")
    with pytest.raises(Unavailable):
        asyncio.run(_read(objects, 7, tag))


def test_what_is_not_there_is_not_found(objects: ObjectStore) -> None:
    obstore.delete(objects, f"media/{PATH}")
    with pytest.raises(NotFound):
        asyncio.run(_read(objects))
    with pytest.raises(NotFound):
        asyncio.run(ObjectOrigin(objects).size_of(PATH))
