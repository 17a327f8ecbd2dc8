"""A page as it was shown: what it was made of, and what came of it, without a copy of the catalogue. Pure.

``rows.arrange`` is a function of what is known, of the shelf, and of who asks, where and when. Known is what the log
says up to a position, with the events ``early`` beyond it; the shelf is told by the number of its last change, trees by
their version. Kept is therefore some hundred bytes, and ten a title for the comparison.
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from matinee.exploration.parameters import Parameters
from matinee.recommender.rows import Row

VERSION = 1
# Not the level for archives: it is done for every page.
_LEVEL = 1


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asked for a page, where (``region``, ``territory``), when, on what, for what age; how it was to be made."""

    profile_id: str
    at: datetime
    region: str
    territory: str
    maturity_limit: int
    parameters: Parameters
    device: str = ""


@dataclass(frozen=True, slots=True)
class ShownPage:
    """``position`` and ``early`` say what was known, ``ranker`` who ranked (0: the formula), ``change`` which shelf.

    ``rows`` are title ids by the row's id, in the page's order.
    """

    asked: Asked
    position: int
    early: tuple[str, ...]
    ranker: int
    change: int
    rows: Mapping[str, tuple[str, ...]]

    @property
    def likeness(self) -> int:
        """The same for two pages of a profile that show the same and were made in the same way."""
        return hash((tuple(self.rows.items()), self.ranker, self.asked.parameters))


def titles_of(rows: Sequence[Row]) -> dict[str, tuple[str, ...]]:
    """A page's titles by row."""
    return {row.id: row.title_ids for row in rows}


def to_bytes(page: ShownPage) -> bytes:
    """A page to be kept."""
    asked = page.asked
    value = {
        "version": VERSION,
        "region": asked.region,
        "territory": asked.territory,
        "maturity_limit": asked.maturity_limit,
        "parameters": asdict(asked.parameters),
        "device": asked.device,
        "position": page.position,
        "early": page.early,
        "ranker": page.ranker,
        "change": page.change,
        "rows": list(page.rows.items()),
    }
    return zlib.compress(json.dumps(value, separators=(",", ":")).encode(), _LEVEL)


def from_bytes(body: bytes, profile_id: str, at: datetime) -> ShownPage:
    """A page as it was kept, of a profile and a time."""
    value = json.loads(zlib.decompress(body))
    return ShownPage(
        asked=Asked(
            profile_id,
            at,
            value["region"],
            value["territory"],
            value["maturity_limit"],
            Parameters(**value["parameters"]),
            # Pages that the release before kept say nothing of it.
            value.get("device", ""),
        ),
        position=value["position"],
        early=tuple(value["early"]),
        ranker=value["ranker"],
        change=value["change"],
        rows={row_id: tuple(title_ids) for row_id, title_ids in value["rows"]},
    )
