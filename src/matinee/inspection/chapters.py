"""Chapters of a source: read beside its packets, and put in order for a film. Pure but for ``read_chapters``.

What containers say is odd at times: chapters lie in one another (Matroska's editions), have no names, stand beyond the
end, or come by the thousand. A chapter here has a name and a beginning alone: it lasts until the next one begins.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from matinee.model.media import Chapter

MOST_CHAPTERS = 500
"""A film with more keeps those that stand far enough apart."""

_MOST_READ = 20_000
_LEAST_APART_SECONDS = 1.0
_LONGEST_NAME = 200
# What no name needs: controls, and marks that turn the direction of what stands around them.
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")


@dataclass(frozen=True, slots=True)
class ChapterReport:
    """A chapter as its container has it: seconds from the container's start, and a name or ""."""

    start_seconds: float
    name: str = ""


def read_chapters(container: Any, container_start: float) -> tuple[ChapterReport, ...]:
    """What libavformat knows of the chapters of an open container; nothing, where it cannot be read."""
    try:
        found = container.chapters()
        return tuple(
            ChapterReport(
                float(one["start"] * one["time_base"]) - container_start,
                str(one["metadata"].get("title", ""))[: 2 * _LONGEST_NAME],
            )
            for one in found[:_MOST_READ]
        )
    except (ArithmeticError, LookupError, TypeError, ValueError):  # names that are not UTF-8, times that are none
        return ()


def tidy_chapters(
    reports: Sequence[ChapterReport], shift_seconds: float, length_seconds: float
) -> tuple[tuple[Chapter, ...], tuple[str, ...]]:
    """The chapters of a film of this length, and a sentence for people if some were left out.

    ``shift_seconds`` is taken from all times, as it is from the picture's.

    - What began before the film begins with it; what begins at its end or later is left out.
    - Of several within a second, the first that has a name stays (else the first).
    - Of more than ``MOST_CHAPTERS``, those stay that stand at least their share of the film apart.
    - One without a name is called by its place.
    - A single one that begins with the film tells nothing, and is none.
    """
    begun = [
        Chapter(_plain(report.name), round(max(report.start_seconds - shift_seconds, 0.0), 3))
        for report in reports
        if isfinite(report.start_seconds)
    ]
    within = sorted((one for one in begun if one.start_seconds < length_seconds), key=lambda one: one.start_seconds)
    apart = _apart(within, _LEAST_APART_SECONDS)
    if len(apart) > MOST_CHAPTERS:
        apart = _apart(apart, length_seconds / MOST_CHAPTERS)[:MOST_CHAPTERS]
    if len(apart) == 1 and not apart[0].start_seconds:
        apart = []
    left = len(reports) - len(apart)
    notes = (f"{left} of {len(reports)} chapters were left out: they begin together or past the end.",) if left else ()
    named = (Chapter(one.name or f"Chapter {place}", one.start_seconds) for place, one in enumerate(apart, start=1))
    return tuple(named), notes if apart else ()


def _apart(chapters: Sequence[Chapter], seconds: float) -> list[Chapter]:
    """Those that stand so far apart; of what stands together the first with a name, at the first one's time."""
    kept: list[Chapter] = []
    for one in chapters:
        if not kept or one.start_seconds - kept[-1].start_seconds >= seconds:
            kept.append(one)
        elif one.name and not kept[-1].name:
            kept[-1] = Chapter(one.name, kept[-1].start_seconds)
    return kept


def _plain(name: str) -> str:
    return " ".join(_UNSEEN.sub(" ", name).split())[:_LONGEST_NAME].strip()
