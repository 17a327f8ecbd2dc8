"""Viewing histories in the forms that data sets are published in.

MovieLens (``userId,movieId,rating,timestamp`` with a header, or ``user::item::rating::timestamp``), MovieTweetings
(``user::item::rating::timestamp``) and plain ``user item [rating [timestamp]]``; order is time where no timestamp is.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from matinee.model.errors import Invalid

_PARTS = re.compile(r"::|[,;\s]+")
_LEAST, _RATED, _TIMED = 2, 3, 4


@dataclass(frozen=True, slots=True)
class Interaction:
    """One line: who, what, how much it was liked (None where unsaid), when (seconds, or the line's own number)."""

    user: str
    item: str
    rating: float | None
    time: float


def read_interactions(path: Path) -> list[Interaction]:
    """All interactions of a file, oldest first. Invalid if there is no such file or a line cannot be read."""
    try:
        with path.open(encoding="utf-8") as file:
            return sorted(_parsed(path, file), key=lambda found: found.time)
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"The history {path} cannot be read: {error}.") from error


def _parsed(path: Path, lines: Iterator[str]) -> Iterator[Interaction]:
    for number, line in enumerate(lines, start=1):
        parts = _PARTS.split(line.strip())
        if not line.strip() or (number == 1 and parts[0].lower() in {"userid", "user_id", "user"}):
            continue
        try:
            yield Interaction(
                user=parts[0],
                item=parts[_LEAST - 1],
                rating=float(parts[_RATED - 1]) if len(parts) >= _RATED else None,
                time=float(parts[_TIMED - 1]) if len(parts) >= _TIMED else float(number),
            )
        except (IndexError, ValueError) as error:
            raise Invalid(f"Line {number} of {path} is not `user item [rating [timestamp]]`.") from error
