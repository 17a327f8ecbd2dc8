"""Knowledge as bytes and back: what an artefact of the recommender holds.

Gzip over lines of JSON: first all that does not grow with profiles, then the histories, so many a line, as they stand
in memory (``packing``), in base64. Line by line, so that reading a million profiles takes no more memory than to hold
them; JSON, because it needs nothing that serve has not loaded, and because a file from a stranger can do no more than
be wrong.
"""

import gzip
import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from io import BytesIO
from itertools import islice
from typing import Any

import numpy as np

from matinee.model.errors import Invalid
from matinee.taste.knowledge import Knowledge
from matinee.taste.packing import size_of
from matinee.taste.titles import Titles
from matinee.taste.traces import CODES, HALF_LIVES_SECONDS

FORMAT = 3
"""Raised when what stands in an artefact means something else: older and newer ones are then passed over."""

_LEVEL = 3
_A_LINE = 2000


def to_bytes(knowledge: Knowledge, position: int) -> bytes:
    """What is known at a position, as an artefact."""
    written = BytesIO()
    with gzip.GzipFile(fileobj=written, mode="wb", compresslevel=_LEVEL, mtime=0) as lines:
        for line in _lines(knowledge, position):
            lines.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
    return written.getvalue()


def from_bytes(body: bytes) -> tuple[Knowledge, int]:
    """What is known, and at which position. Invalid, with a sentence, for what is torn or of another format."""
    try:
        with gzip.GzipFile(fileobj=BytesIO(body)) as lines:
            value = json.loads(lines.readline())
            if value["format"] != FORMAT:
                raise Invalid(f"It has format {value['format']!r}, and this version reads {FORMAT}.")
            return _restored(value, lines), int(value["position"])
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise Invalid(f"It is not an artefact, or not whole: {error}.") from error


def _lines(knowledge: Knowledge, position: int) -> Iterator[dict[str, Any]]:
    popularity, usual, traces = knowledge.popularity, knowledge.usual, knowledge.traces.columns()
    # Before anything else is written: packing gives numbers to titles.
    bodies = iter(knowledge.histories.bodies())
    yield {
        "format": FORMAT,
        "position": position,
        "profiles": len(knowledge.histories),
        "titles": knowledge.titles.ids,
        "durations": knowledge.histories.durations(),
        "popularity": popularity.overall.levels(),
        "popularity_by_region": {name: board.levels() for name, board in popularity.regions().items()},
        "usual": usual.overall.levels(),
        "usual_by_region": {name: board.levels() for name, board in usual.regions().items()},
        "approval": knowledge.approval.counts(),
        "watchers": _told(knowledge.transitions.by_number()),
        "together": [_told(column) for column in knowledge.transitions.links.columns()],
        "artworks": knowledge.artworks.columns(),
        "traces": _told(traces["overall"]),
        "facts": [_told(column) for column in traces["facts"]],
        "traces_by_region": {name: _told(levels) for name, levels in traces["regions"].items()},
        "next": [_told(column) for column in traces["next"]],
        "forgotten": knowledge.forgotten,
        "unwatched": knowledge.unwatched,
    }
    while some := list(islice(bodies, _A_LINE)):
        yield {
            "profiles": [profile_id for profile_id, _ in some],
            "sizes": [len(body) for _, body in some],
            "histories": b64encode(b"".join(body for _, body in some)).decode(),
        }


def _restored(value: dict[str, Any], lines: Iterable[bytes]) -> Knowledge:
    knowledge = Knowledge(Titles(value["titles"]))
    knowledge.popularity.restore(value["popularity"], value["popularity_by_region"])
    knowledge.usual.restore(value["usual"], value["usual_by_region"])
    knowledge.approval.restore(value["approval"])
    sizes, others, counts = (_array(told, "<u4") for told in value["together"])
    knowledge.transitions.restore(_array(value["watchers"], "<i8"), (sizes, others, counts))
    knowledge.artworks.restore(value["artworks"])
    knowledge.traces.restore(
        {
            "overall": _levels(value["traces"]),
            "facts": [_array(told, f"<{code}") for code, told in zip(CODES, value["facts"], strict=True)],
            "regions": {name: _levels(told) for name, told in value["traces_by_region"].items()},
            "next": [_array(told, "<u4") for told in value["next"]],
        }
    )
    knowledge.forgotten, knowledge.unwatched = value["forgotten"], value["unwatched"]
    bodies: dict[str, bytes] = {}
    for line in lines:
        _take(json.loads(line), bodies)
    if len(bodies) != value["profiles"]:
        raise Invalid(f"It is not whole: it has {len(bodies)} of {value['profiles']} histories.")
    knowledge.histories.restore(bodies, value["durations"])
    return knowledge


def _take(block: dict[str, Any], bodies: dict[str, bytes]) -> None:
    """The histories of one line."""
    held, begin = b64decode(block["histories"]), 0
    for profile_id, size in zip(block["profiles"], block["sizes"], strict=True):
        body = held[begin : begin + size]
        if len(body) != size or size_of(body) != size:
            raise Invalid("Its histories are not of the length that is told.")
        bodies[profile_id], begin = body, begin + size


def _told(array: Any) -> str:
    return b64encode(np.ascontiguousarray(array).tobytes()).decode()


def _array(told: str, kind: Any) -> Any:
    return np.frombuffer(b64decode(told), kind)


def _levels(told: str) -> Any:
    return _array(told, "<f8").reshape(-1, len(HALF_LIVES_SECONDS))
