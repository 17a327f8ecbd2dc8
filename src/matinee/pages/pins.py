"""Pins as operators see them: which title every edge of a region, or everywhere, is to hold. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matinee.delivery.edges import Edge


@dataclass(frozen=True, slots=True)
class PinLine:
    """One pin; an empty ``region`` is everywhere. ``edges`` are those that it asks to hold the title."""

    title_id: str
    name: str
    region: str
    edges: tuple[str, ...]


def pin_lines(pins: Sequence[tuple[str, str]], names: Mapping[str, str], edges: Sequence[Edge]) -> tuple[PinLine, ...]:
    """Pins by title's name and region; ``names`` gives titles' names by id, and one that is gone stands by its id."""
    lines = (
        PinLine(
            title_id=title_id,
            name=names.get(title_id, title_id),
            region=region,
            edges=tuple(edge.id for edge in edges if region in {"", edge.report.region}),
        )
        for title_id, region in pins
    )
    return tuple(sorted(lines, key=lambda line: (line.name.casefold(), line.title_id, line.region)))
