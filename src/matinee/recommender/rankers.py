"""Rankers in the object store: each version one whole, checksummed object, and a pointer to the one in force.

``artefacts/ranker/<version>.json.gz`` holds the trees with the report that let them in, ``artefacts/ranker/in-force``
names the version: 0 is none, and today's formula ranks. Swapping and rolling back are one put. What is cut or altered
is refused; who starts then takes the newest whole one before it, who has one keeps it. ``artefacts/ranker/last`` is the
report of the last try, whether it was let in or not, and ``artefacts/ranker/candidate`` what it taught.
``artefacts/ranker/held`` is there while nothing new is let in: taking a ranker back puts it there.
"""

import gzip
import hashlib
import json
import re
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import obstore
import structlog
from obstore.store import ObjectStore
from prometheus_client import Gauge

from matinee.model.errors import Invalid, NotFound
from matinee.recommender.archive import objects_answer
from matinee.recommender.features import NAMES
from matinee.taste.trees import Trees, read

PREFIX = "artefacts/ranker/"
FORMAT = 1
_IN_FORCE, _LAST = f"{PREFIX}in-force", f"{PREFIX}last"
_CANDIDATE, _HELD = f"{PREFIX}candidate", f"{PREFIX}held"
_KEPT = 5
_NAMED = re.compile(re.escape(PREFIX) + r"(\d{8})\.json\.gz")

_log = structlog.get_logger()
_version = Gauge("matinee_ranker_version", "The version of the ranker that this process ranks by; 0: the formula.")
_made = Gauge("matinee_ranker_made_timestamp_seconds", "When the ranker in force was made, in seconds since 1970.")


@dataclass(frozen=True, slots=True, eq=False)
class Ranker:
    """Trees with their version, when they were made (seconds since 1970), and what was found about them."""

    version: int
    made_at: float
    trees: Trees
    report: Mapping[str, Any]


def to_bytes(ranker: Ranker) -> bytes:
    """A ranker as an artefact."""
    value = {
        "format": FORMAT,
        "version": ranker.version,
        "made_at": ranker.made_at,
        "names": ranker.trees.names,
        "sha256": hashlib.sha256(ranker.trees.text.encode()).hexdigest(),
        "trees": ranker.trees.text,
        "report": ranker.report,
    }
    return gzip.compress(json.dumps(value, separators=(",", ":")).encode(), mtime=0)


def from_bytes(body: bytes) -> Ranker:
    """A ranker out of its artefact. Invalid, with a sentence, if it is cut, altered, or of another version's making."""
    try:
        value = json.loads(gzip.decompress(body))
        if value["format"] != FORMAT:
            raise Invalid(f"It has format {value['format']!r}, and this version reads {FORMAT}.")
        if hashlib.sha256(value["trees"].encode()).hexdigest() != value["sha256"]:
            raise Invalid("Its trees are not those that its checksum was made of.")
        if tuple(value["names"]) != NAMES:
            raise Invalid("It was taught on other features than this version tells.")
        # What is not whole never reaches LightGBM's own reader.
        return Ranker(int(value["version"]), float(value["made_at"]), read(value["trees"], NAMES), value["report"])
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Invalid(f"It is not a ranker, or not whole: {error}.") from error


class Rankers:
    """The rankers of an object store. Every method raises Unavailable if the store does not answer."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    def version(self) -> int:
        """The version that is said to be in force; 0 for none."""
        with suppress(ValueError, UnicodeDecodeError):
            return int(self._get(_IN_FORCE) or b"0")
        return 0

    def in_force(self) -> Ranker | None:
        """The ranker in force: where that one cannot be read, the newest whole one before it."""
        pointed = self.version()
        return next((found for one in self._older(pointed) if (found := self.find(one)) is not None), None)

    def find(self, version: int) -> Ranker | None:
        """One version; None, and a line in the log, if it is not there or not whole."""
        return self._read(_key(version)) if version else None

    def before(self, version: int) -> int:
        """The version before one; 0 if there is none."""
        return next((one for one in self._older(version) if one < version), 0)

    def candidate(self) -> Ranker | None:
        """What was taught last, let in or not (version 0); None if nothing whole is there."""
        return self._read(_CANDIDATE)

    def keep_candidate(self, trees: Trees, made_at: float, report: Mapping[str, Any]) -> None:
        """Keep what was taught, whatever becomes of it; ``made_at`` in seconds since 1970."""
        self._put(_CANDIDATE, to_bytes(Ranker(0, made_at, trees, report)))

    def held(self) -> bool:
        """Whether nothing new is let in."""
        return self._get(_HELD) is not None

    def hold(self, *, on: bool) -> None:
        """Let nothing new in from now on, or let it in again."""
        if on:
            self._put(_HELD, b"1")
            return
        with objects_answer(), suppress(FileNotFoundError):
            obstore.delete(self._objects, _HELD)

    def admit(self, trees: Trees, made_at: float, report: Mapping[str, Any]) -> Ranker:
        """Put new trees in force; ``made_at`` in seconds since 1970."""
        standing = self._versions()
        ranker = Ranker(max([*standing, self.version()], default=0) + 1, made_at, trees, report)
        self._put(_key(ranker.version), to_bytes(ranker))
        self._put(_IN_FORCE, str(ranker.version).encode())
        for old in sorted(standing, reverse=True)[_KEPT - 1 :]:
            with objects_answer(), suppress(FileNotFoundError):
                obstore.delete(self._objects, _key(old))
        return ranker

    def roll_back(self) -> int:
        """Put the whole one before the ranker in force in its place; its version, 0 for the formula.

        Nothing new is let in until ``hold(on=False)``: a night would undo it. NotFound if none is in force.
        """
        current = self.version()
        if not current:
            raise NotFound("No ranker is in force: there is nothing to take back.")
        older = (one for one in self._older(current) if one < current and self.find(one) is not None)
        version = next(older, 0)
        self.hold(on=True)
        self._put(_IN_FORCE, str(version).encode())
        return version

    def note(self, report: Mapping[str, Any]) -> None:
        """Keep the report of a try."""
        self._put(_LAST, json.dumps(report).encode())

    def last(self) -> Mapping[str, Any]:
        """The report of the last try; empty before the first."""
        with suppress(ValueError, UnicodeDecodeError):
            found = json.loads(self._get(_LAST) or b"{}")
            return found if isinstance(found, dict) else {}
        return {}

    def _read(self, key: str) -> Ranker | None:
        body = self._get(key)
        if body is None:
            return None
        try:
            return from_bytes(body)
        except Invalid as error:
            _log.warning("ranker.passed_over", key=key, reason=str(error))
            return None

    def _older(self, version: int) -> list[int]:
        return sorted((one for one in self._versions() if one <= version), reverse=True)

    def _versions(self) -> list[int]:
        with objects_answer():
            listed = [one["path"] for chunk in obstore.list(self._objects, PREFIX) for one in chunk]
        return [int(found[1]) for key in listed if (found := _NAMED.fullmatch(key))]

    def _get(self, key: str) -> bytes | None:
        with objects_answer():
            try:
                return bytes(obstore.get(self._objects, key).bytes())
            except FileNotFoundError:
                return None

    def _put(self, key: str, body: bytes) -> None:
        with objects_answer():
            obstore.put(self._objects, key, body)


class Watch:
    """What one process ranks by, brought up to date whenever it looks."""

    def __init__(self, rankers: Rankers) -> None:
        self._rankers = rankers
        self._pointed = 0
        self.ranker: Ranker | None = None

    def look(self) -> None:
        """Take a new one over; one that cannot be read is refused, and the old stays. Unavailable as ``Rankers``."""
        pointed = self._rankers.version()
        if pointed == self._pointed:
            return
        found = self._rankers.find(pointed) if pointed else None
        if pointed and found is None and self.ranker is None:
            found = self._rankers.in_force()
        if pointed and found is None:
            # Looked for again at the next look: it may be whole by then.
            return
        # One that stands in for another looks for it again.
        self._pointed, self.ranker = found.version if found else 0, found
        _version.set(found.version if found else 0)
        _made.set(found.made_at if found else 0)
        _log.info("ranker.in_force", version=found.version if found else 0)


def _key(version: int) -> str:
    return f"{PREFIX}{version:08d}.json.gz"
