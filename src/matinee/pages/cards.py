"""A title as it stands in a row or a list, with what one profile has of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from matinee.catalogue.titles import Title


@dataclass(frozen=True, slots=True)
class Card:
    """A title to choose. ``progress`` is 0 to 1, None if it was never begun; ``colour`` is the poster's, ``#rrggbb``.

    Addresses are relative to the host, and None while there is no picture. ``reason`` says why this title stands here,
    where its row does not say it for all.
    """

    title_id: str
    name: str
    synopsis: str
    year: int | None
    duration_seconds: float | None
    maturity: int
    moods: tuple[str, ...]
    genres: tuple[str, ...]
    poster_url: str | None
    still_url: str | None
    colour: str | None
    progress: float | None
    remaining_seconds: float | None
    reason: str | None


Progress = Mapping[str, tuple[float, float]]
"""By title id, a profile's position and the title's length in seconds (0: not known)."""


def card(title: Title, progress: Progress, reason: str | None = None) -> Card:
    """The card of a title for a profile that has come so far."""
    shown = title.presentation
    position, known_length = progress.get(title.id, (None, 0.0))
    length = known_length or (0.0 if shown is None else shown.duration_seconds)
    begun = position is not None and length > 0
    return Card(
        title_id=title.id,
        name=title.name,
        synopsis=title.synopsis,
        year=title.year,
        duration_seconds=None if shown is None else shown.duration_seconds,
        maturity=title.maturity,
        moods=title.moods,
        genres=title.genres,
        poster_url=picture_url(title, None if shown is None else shown.poster),
        still_url=picture_url(title, None if shown is None else shown.still),
        colour=None if shown is None else shown.colour,
        progress=min(1.0, (position or 0.0) / length) if begun else None,
        remaining_seconds=max(0.0, length - (position or 0.0)) if begun else None,
        reason=reason or None,
    )


def cards(titles: Iterable[Title], progress: Progress) -> tuple[Card, ...]:
    """The cards of some titles, in their order."""
    return tuple(card(title, progress) for title in titles)


def picture_url(title: Title, file: str | None) -> str | None:
    """Where a picture of a title's revision is, relative to the host; None if there is none."""
    return None if file is None or title.revision is None else f"/images/{title.id}/{title.revision}/{file}"
