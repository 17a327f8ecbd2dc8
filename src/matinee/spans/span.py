"""What a span is, and what an operator may say of one: pure values."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from matinee.model.errors import Invalid

MOST_SPANS = 20
_LEAST_SECONDS = 0.5
_PLACES = 3  # a millisecond, which is finer than a frame


class SpanKind(StrEnum):
    """What may be passed over."""

    RECAP = "recap"
    INTRO = "intro"
    CREDITS = "credits"


class Said(StrEnum):
    """Who says where a span lies."""

    FOUND = "found"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Extent:
    """A kind of span and where it lies, in seconds of the presentation.

    ``confidence`` (0 to 1) is how sure whoever found it is; None where an operator says so.
    """

    kind: SpanKind
    start_seconds: float
    end_seconds: float
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A span of one revision of an episode."""

    id: str
    extent: Extent
    said: Said

    @property
    def kind(self) -> SpanKind:
        """What may be passed over."""
        return self.extent.kind

    @property
    def start_seconds(self) -> float:
        """Where it begins."""
        return self.extent.start_seconds

    @property
    def end_seconds(self) -> float:
        """Where it ends."""
        return self.extent.end_seconds

    @property
    def confidence(self) -> float | None:
        """How sure whoever found it is."""
        return self.extent.confidence


def checked(extent: Extent, duration_seconds: float) -> Extent:
    """The extent as it is kept; Invalid with a sentence if it cannot be in a film of such a length."""
    start, end = extent.start_seconds, extent.end_seconds
    if not (math.isfinite(start) and math.isfinite(end)):
        raise Invalid("A span begins and ends at a number of seconds.")
    if start < 0 or end > duration_seconds + _LEAST_SECONDS:
        raise Invalid(f"A span lies within the episode, between 0 and {duration_seconds:.3f} s.")
    if end - start < _LEAST_SECONDS:
        raise Invalid(f"A span ends at least {_LEAST_SECONDS} s after it begins.")
    return Extent(extent.kind, round(start, _PLACES), round(min(end, duration_seconds), _PLACES), extent.confidence)


def check_beside(extent: Extent, others: Iterable[Extent]) -> None:
    """Invalid if a span would cover a part of another one, or be one too many."""
    there = list(others)
    if len(there) >= MOST_SPANS:
        raise Invalid(f"An episode has at most {MOST_SPANS} spans.")
    for other in there:
        if overlap(extent, other):
            raise Invalid(
                f"The {extent.kind.value} would cover a part of the {other.kind.value} that lies from "
                f"{other.start_seconds:g} to {other.end_seconds:g} s."
            )


def overlap(one: Extent, other: Extent) -> bool:
    """Whether some moment is in both."""
    return one.start_seconds < other.end_seconds and other.start_seconds < one.end_seconds


def beside(found: Sequence[Extent], settled: Iterable[Extent]) -> tuple[Extent, ...]:
    """Those found that cover nothing of what an operator says."""
    kept = list(settled)
    return tuple(extent for extent in found if not any(overlap(extent, other) for other in kept))


def same_film(one_seconds: float, other_seconds: float) -> bool:
    """Whether two revisions of a title are so nearly of one length that what was said of one holds for the other."""
    return abs(one_seconds - other_seconds) <= _LEAST_SECONDS


def read_seconds(text: str) -> float:
    """Seconds as people write them: ``83.5``, ``1:23.5`` or ``1:02:03``. Invalid for anything else."""
    parts = text.strip().split(":")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if not numbers or len(numbers) > len(("hours", "minutes", "seconds")) or not all(map(_plain, parts)):
        raise Invalid(f"A time is written as 83.5 or 1:23.5, not {text!r:.20}.")
    seconds = 0.0
    for number in numbers:
        seconds = 60 * seconds + number
    return seconds


def _plain(part: str) -> bool:
    return part.isascii() and part.replace(".", "", 1).isdigit()


def written(seconds: float) -> str:
    """Seconds as people read them: ``1:23.500``, ``1:02:03.000``; ``read_seconds`` takes it."""
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    head = f"{hours}:{minutes:02}" if hours else f"{minutes}"
    return f"{head}:{rest:02}.{thousandths:03}"
