"""A real cache in a real folder, for tests: its clock is turned by hand, and its upkeep is called by them."""

import hashlib
import os
from pathlib import Path

from matinee.cache.cache import Cache, Reservation
from matinee.model.plans import PlannedFile, PlanPage

BLOCK = 4096


class Hands:
    """A steady clock."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def opened(folder: Path, limit_bytes: int, hands: Hands | None = None) -> Cache:
    cache = Cache(folder, limit_bytes, in_background=False, steady=hands or Hands())
    cache.open()
    return cache


def settle(cache: Cache) -> None:
    """All that goes on at the side, now."""
    while cache.upkeep.step():
        pass


def write(reservation: Reservation, data: bytes) -> str:
    os.write(reservation.descriptor, data)
    os.close(reservation.descriptor)
    return hashlib.sha256(data).hexdigest()


def keep(cache: Cache, path: str, data: bytes = b"x") -> bool:
    reservation = cache.reserve(path, len(data))
    return reservation is not None and cache.keep(reservation, write(reservation, data))


def planned(path: str, data: bytes = b"x", worth: float = 1.0) -> PlannedFile:
    return PlannedFile(path, len(data), worth, hashlib.sha256(data).hexdigest())


def plan(cache: Cache, generation: int, *files: PlannedFile) -> None:
    cache.begin_plan(PlanPage(generation, 0, 1, files))
    cache.end_plan(generation)


def on_disk(folder: Path) -> dict[str, set[str]]:
    return {
        kind: {path.relative_to(folder / kind).as_posix() for path in (folder / kind).rglob("*") if path.is_file()}
        for kind in ("placed", "demand", "partial")
    }
