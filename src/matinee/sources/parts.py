"""The bytes of an upload on their way: parts in the object store, put together when all are there.

A part is named for where it begins, and is there whole or not at all. How far an upload is, is how far its parts reach
without a gap: nothing else remembers it, so that a killed process forgets nothing that was said to have arrived.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import obstore
from obstore.store import ObjectStore

from matinee.sources.promise import Source, part_bytes

_LARGEST_PART = 32 * 1024**2  # it is held in memory, twice, until it is whole
_TOGETHER_AT_ONCE = 1


def piece_bytes(source: Source) -> int:
    """How large parts are; the last one before a pause is what came."""
    return min(part_bytes(source.size_bytes) // 2, _LARGEST_PART)


def part_key(source: Source, offset: int) -> str:
    """Where the part lies that begins at an offset."""
    return f"{_folder(source)}{offset:015}"


def reach(sizes: Mapping[int, int]) -> int:
    """How far parts reach without a gap; ``sizes`` are theirs, by their offsets."""
    offset = 0
    while sizes.get(offset):
        offset += sizes[offset]
    return offset


def arrived(objects: ObjectStore, source: Source) -> int:
    """How many bytes of an upload have arrived in parts."""
    return reach(_sizes(objects, source))


def put_together(objects: ObjectStore, source: Source) -> None:
    """Make a source of its parts, which reach to its end. Done again, it makes the same."""
    reading: list[str] = []
    sizes, offset = _sizes(objects, source), 0
    while sizes.get(offset):
        reading.append(part_key(source, offset))
        offset += sizes[offset]
    if not reading:
        obstore.put(objects, source.key, b"")
    else:
        # obstore asks for the bytes of a put in the thread that puts, where nothing else of it may be called meanwhile.
        with ThreadPoolExecutor(1, thread_name_prefix="parts") as pool:
            pieces = (pool.submit(_read, objects, key).result() for key in reading)
            # The store takes so many of its own parts, however many came.
            size = part_bytes(source.size_bytes)
            obstore.put(objects, source.key, pieces, chunk_size=size, max_concurrency=_TOGETHER_AT_ONCE)
    forget(objects, source)


def forget(objects: ObjectStore, source: Source) -> None:
    """Delete all parts of an upload."""
    for some in obstore.list(objects, _folder(source)):
        with suppress(FileNotFoundError):
            obstore.delete(objects, [entry["path"] for entry in some])


def _folder(source: Source) -> str:
    return f"uploads/{source.id}/"


def _sizes(objects: ObjectStore, source: Source) -> dict[int, int]:
    start = _folder(source)
    entries = (entry for some in obstore.list(objects, start) for entry in some)
    return {int(entry["path"].removeprefix(start)): int(entry["size"]) for entry in entries}


def _read(objects: ObjectStore, key: str) -> bytes:
    return bytes(obstore.get(objects, key).bytes())
