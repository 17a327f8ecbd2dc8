"""Purges as operators see them: what was ordered, who has obeyed, whom it waits for. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from matinee.delivery.edges import Edge
from matinee.delivery.oversight import OrderedPurge


@dataclass(frozen=True, slots=True)
class PurgeLine:
    """One purge: how many edges have removed its files, and which have not said so yet."""

    sequence: int
    prefix: str
    made_at: datetime
    done: int
    waiting: tuple[str, ...]


def purge_lines(purges: Sequence[OrderedPurge], edges: Sequence[Edge]) -> tuple[PurgeLine, ...]:
    """Purges with the edges that obeyed them."""
    return tuple(_line(purge, edges) for purge in purges)


def _line(purge: OrderedPurge, edges: Sequence[Edge]) -> PurgeLine:
    waiting = tuple(edge.id for edge in edges if edge.report.purges_through < purge.sequence)
    return PurgeLine(purge.sequence, purge.prefix, purge.made_at, len(edges) - len(waiting), waiting)
