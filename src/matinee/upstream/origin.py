"""The origin as a source of files: the object store that publications are written to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError
from obstore.store import ObjectStore

from matinee.model.errors import MatineeError, NotFound, Unavailable
from matinee.model.plans import Origin
from matinee.upstream.deliveries import Delivery, Patience

if TYPE_CHECKING:
    from obstore import GetOptions, GetResult  # a stub's names alone

ORIGIN_FOLDER = "media/"
"""The one folder of the object store that edges read."""

_PATIENCE = Patience(answer_seconds=10.0, stall_seconds=10.0)


class ObjectOrigin:
    """``Upstream`` to an object store."""

    name = "origin"
    origin = Origin.ORIGIN

    def __init__(self, objects: ObjectStore, patience: Patience = _PATIENCE) -> None:
        self._objects, self.patience = objects, patience

    @asynccontextmanager
    async def deliver(self, path: str, start: int, via: tuple[str, ...], tag: str | None) -> AsyncIterator[Delivery]:
        """See ``Upstream``. No edge lies behind an object store, so nobody reads ``via``."""
        del via
        options: GetOptions = {}
        if start:
            options["range"] = {"offset": start}
            if tag:
                options["if_match"] = tag
        try:
            result = await obstore.get_async(self._objects, ORIGIN_FOLDER + path, options=options)
        except (BaseError, OSError) as error:
            raise _translated(path, error) from error
        yield Delivery(result.meta["size"], _chunks(path, result), result.meta["e_tag"])

    async def size_of(self, path: str) -> int:
        """See ``Upstream``."""
        try:
            meta = await obstore.head_async(self._objects, ORIGIN_FOLDER + path)
        except (BaseError, OSError) as error:
            raise _translated(path, error) from error
        return meta["size"]


async def _chunks(path: str, result: "GetResult") -> AsyncIterator[bytes]:
    try:
        # The smallest chunks there are, so that the first byte waits for no second one.
        async for chunk in result.stream(min_chunk_size=1):
            yield bytes(chunk)
    except (BaseError, OSError) as error:
        raise _translated(path, error) from error


def _translated(path: str, error: Exception) -> MatineeError:
    if isinstance(error, FileNotFoundError):
        return NotFound(f"There is no {path}.")
    return Unavailable(f"The origin does not give {path}: {str(error).partition(chr(10))[0]}")
