"""One place of a row for something different: a title that would not have come so far, drawn with a known likelihood.

What stands only where the ranking puts it is never learned to be wrong. The title of the exploring place is drawn
evenly among those that come next; chance is a hash of profile, title and day, and the title with the highest number
wins (rendezvous hashing: Thaler, Ravishankar 1996): every one is as likely as the others, the draw is the same all day,
and what leaves the candidates moves nothing but itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from matinee.exploration.artwork import chance

EXPLORING = "exploring-place"
"""What impressions of such a place name as their experiment."""

REASON = "something different"
PLACE = 5
"""From zero: the last that most screens show without a push."""

_AMONG = 8


@dataclass(frozen=True, slots=True)
class Explored:
    """The title of a row that chance put there, and how likely it was among its candidates."""

    title_id: str
    propensity: float


def explored(profile_id: str, row_id: str, following: Sequence[str], at: float, share: float = 1.0) -> Explored | None:
    """One of the titles that come next, best first, at ``at`` seconds since 1970; None if there are none.

    Only a ``share`` of profiles and days has one, which is part of its likelihood.
    """
    among = following[:_AMONG]
    if not among or chance(profile_id, f"{row_id}\nwhether", at) >= share:
        return None
    chosen = max(among, key=lambda title_id: (chance(profile_id, f"{row_id}\n{title_id}", at), title_id))
    return Explored(chosen, share / len(among))
