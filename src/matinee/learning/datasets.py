"""Viewing histories in the forms that data sets are published in.

MovieLens (``userId,movieId,rating,timestamp`` with a header, or ``user::item::rating::timestamp``), MovieTweetings
(``user::item::rating::timestamp``) and plain ``user item [rating [timestamp]]``; a file, or a folder that holds one of
these beside what is known of the items (``movies.csv``, ``movies.dat``, ``tags.csv``). Order is time where no timestamp
is. What cannot be read is left out and counted.
"""

import csv
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from matinee.model.errors import Invalid

_PARTS = re.compile(r"::|[,;\s]+")
_LEAST, _RATED, _TIMED = 2, 3, 4
_HEADS = frozenset({"userid", "user_id", "user", "uid"})
# How the published folders name the file of interactions, the likeliest first.
_RATINGS = ("ratings.csv", "ratings.dat", "ratings.txt", "u.data", "interactions.csv", "interactions.txt")
_YEAR = re.compile(r"\((\d{4})\)\s*$")
_UNKNOWN_GENRES = frozenset({"", "(no genres listed)"})


@dataclass(frozen=True, slots=True)
class Interaction:
    """One line: who, what, how much it was liked (None where unsaid), when (seconds, or the line's own number)."""

    user: str
    item: str
    rating: float | None
    time: float


@dataclass(frozen=True, slots=True)
class About:
    """What a data set says of one item; empty where it says nothing."""

    name: str = ""
    year: int | None = None
    genres: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What was read and not used, and why; ``backwards`` was used, in the order of its times."""

    unreadable: int = 0
    below_rating: int = 0
    repeated: int = 0
    backwards: int = 0

    def sentence(self) -> str:
        """What was left out in words; empty if nothing was."""
        said = [
            f"{count:,} {what}"
            for count, what in (
                (self.unreadable, "unreadable lines left out"),
                (self.below_rating, "below the least rating left out"),
                (self.repeated, "repeats of what a user had already left out"),
                (self.backwards, "lines older than the same user's line before them, put in order"),
            )
            if count
        ]
        return "; ".join(said)


@dataclass(frozen=True, slots=True)
class Dataset:
    """Interactions oldest first (ties in the order of lines), each user and item once; ``timed`` if times are given."""

    name: str
    interactions: tuple[Interaction, ...]
    timed: bool
    left_out: LeftOut
    about: Mapping[str, About] = field(default_factory=dict)


def read_interactions(path: Path) -> list[Interaction]:
    """All interactions of a file, oldest first. Invalid if there is no such file or a line cannot be read."""
    found: list[Interaction] = []
    for number, parsed in _parsed(path):
        if parsed is None:
            raise Invalid(f"Line {number} of {path} is not `user item [rating [timestamp]]`.")
        found.append(parsed)
    return sorted(found, key=lambda one: one.time)


def read_dataset(path: Path, min_rating: float | None = None) -> Dataset:
    """A data set, a file or a folder; interactions rated below ``min_rating`` are left out, unrated ones are not.

    Invalid, with a sentence, if there is none at ``path`` or nothing of it can be used.
    """
    file = _ratings_file(path)
    unreadable = below = repeated = backwards = 0
    timed = True
    kept: list[Interaction] = []
    newest: dict[str, float] = {}
    for _number, parsed in _parsed(file):
        if parsed is None:
            unreadable += 1
            continue
        timed = timed and parsed.time != float(_number)
        if min_rating is not None and parsed.rating is not None and parsed.rating < min_rating:
            below += 1
            continue
        backwards += parsed.time < newest.get(parsed.user, -math.inf)
        newest[parsed.user] = parsed.time
        kept.append(parsed)
    seen: set[tuple[str, str]] = set()
    used: list[Interaction] = []
    for one in sorted(kept, key=lambda found: found.time):
        if (one.user, one.item) in seen:
            repeated += 1
            continue
        seen.add((one.user, one.item))
        used.append(one)
    if not used:
        raise Invalid(f"{file} holds no interaction that can be used ({unreadable} unreadable lines, {below} below).")
    about = _about(path) if path.is_dir() else {}
    return Dataset(path.name, tuple(used), timed, LeftOut(unreadable, below, repeated, backwards), about)


def _ratings_file(path: Path) -> Path:
    if not path.is_dir():
        return path
    for name in _RATINGS:
        if (path / name).is_file():
            return path / name
    raise Invalid(f"The folder {path} holds none of {', '.join(_RATINGS)}.")


def _parsed(path: Path) -> Iterator[tuple[int, Interaction | None]]:
    """Each line's number with what it says, None where it says nothing that can be read."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, start=1):
                stripped = line.strip()
                if stripped and not (number == 1 and _PARTS.split(stripped)[0].lower().strip('"') in _HEADS):
                    yield number, _interaction(stripped, number)
    except OSError as error:
        raise Invalid(f"The history {path} cannot be read: {error}.") from error


def _interaction(line: str, number: int) -> Interaction | None:
    parts = line.split() if line[:1].isdigit() and "," not in line and ":" not in line else _PARTS.split(line)
    if len(parts) < _LEAST or not parts[0] or not parts[1] or "\ufffd" in line:
        return None
    try:
        rating = float(parts[_RATED - 1]) if len(parts) >= _RATED else None
        time = float(parts[_TIMED - 1]) if len(parts) >= _TIMED else float(number)
    except ValueError:
        return None
    if not math.isfinite(time) or (rating is not None and not math.isfinite(rating)):
        return None
    return Interaction(parts[0], parts[_LEAST - 1], rating, time)


def _about(folder: Path) -> dict[str, About]:
    """What the folder says of its items; lines that say nothing readable are passed over."""
    tags: dict[str, list[str]] = {}
    for row in _rows(folder / "tags.csv"):
        if len(row) >= _RATED:
            tags.setdefault(row[1], []).append(row[2])
    found: dict[str, About] = {}
    for row in [*_rows(folder / "movies.csv"), *_rows(folder / "movies.dat")]:
        if len(row) < _LEAST:
            continue
        year = _YEAR.search(row[1])
        genres = tuple(
            genre for genre in (row[2] if len(row) > _LEAST else "").split("|") if genre not in _UNKNOWN_GENRES
        )
        found[row[0]] = About(row[1], int(year[1]) if year else None, genres, tuple(tags.get(row[0], ())))
    return found


def _rows(path: Path) -> Iterator[list[str]]:
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        if path.suffix == ".csv":
            yield from csv.reader(file)
        else:
            yield from (line.rstrip("\r\n").split("::") for line in file)
