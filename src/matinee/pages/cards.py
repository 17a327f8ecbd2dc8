"""A title as it stands in a row or a list, with what one profile has of it."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from matinee.catalogue.titles import Shelf, Title, TitleKind
from matinee.exploration.artwork import Shown
from matinee.playback.marks import Marked


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
    # Of an episode: what it belongs to, and where it stands there ("S1 E4").
    series: str | None = None
    part: str | None = None
    rating: str | None = None
    listed: bool = False
    # By which of several pictures it is shown, what put it in its place by chance, and how likely either was.
    artwork: str | None = None
    artwork_propensity: float | None = None
    experiment: str | None = None
    propensity: float | None = None


Progress = Mapping[str, tuple[float, float]]
"""By title id, a profile's position and the title's length in seconds (0: not known)."""


Pictures = Callable[[Title], Shown | None]
"""By which of its pictures a title is shown; None where it has but one."""


def _its_own(_: Title) -> None:
    """Every title by its first picture: nobody chose."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a shelf says of its episodes, and a profile of titles; ``picture`` is by which of theirs they are shown."""

    shelf: Shelf
    ratings: Mapping[str, str] = field(default_factory=dict)
    listed: Collection[str] = ()
    picture: Pictures = _its_own

    @classmethod
    def in_marks(cls, shelf: Shelf, marks: Marked, picture: Pictures = _its_own) -> Self:
        """What stands in a profile's marks."""
        ratings = {title_id: mark.rating.value for title_id, mark in marks.items() if mark.rating is not None}
        return cls(shelf, ratings, frozenset(title_id for title_id, mark in marks.items() if mark.listed), picture)

    def series(self, title: Title) -> str | None:
        """What an episode belongs to."""
        series = self.shelf.series_of(title) if title.parent_id else None
        return None if series is None else series.name

    def part(self, title: Title) -> str | None:
        """Where an episode stands: ``S1 E4``, or ``E4`` where no season is told."""
        if title.kind is not TitleKind.EPISODE:
            return None
        season, number = self.shelf.place_of(title)
        return f"S{season} E{number}" if season else f"E{number}"


def card(title: Title, progress: Progress, reason: str | None = None, said: Said | None = None) -> Card:
    """The card of a title for a profile that has come so far, and said so much of it."""
    shown = title.presentation
    chosen = None if said is None else said.picture(title)
    picture = None if shown is None else shown.every_picture[chosen.number if chosen else 0]
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
        poster_url=picture_url(title, None if picture is None else picture.poster),
        still_url=picture_url(title, None if picture is None else picture.still),
        colour=None if picture is None else picture.colour,
        progress=min(1.0, (position or 0.0) / length) if begun else None,
        remaining_seconds=max(0.0, length - (position or 0.0)) if begun else None,
        reason=reason or None,
        series=None if said is None else said.series(title),
        part=None if said is None else said.part(title),
        rating=None if said is None else said.ratings.get(title.id),
        listed=said is not None and title.id in said.listed,
        artwork=chosen.artwork if chosen else None,
        artwork_propensity=chosen.propensity if chosen else None,
    )


def cards(titles: Iterable[Title], progress: Progress, said: Said | None = None) -> tuple[Card, ...]:
    """The cards of some titles, in their order."""
    return tuple(card(title, progress, said=said) for title in titles)


def picture_url(title: Title, file: str | None) -> str | None:
    """Where a picture of a title's revision is, relative to the host; None if there is none."""
    return None if file is None or title.revision is None else f"/images/{title.id}/{title.revision}/{file}"
