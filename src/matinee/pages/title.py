"""The page of one title."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matinee.accounts.members import Profile
from matinee.catalogue.titles import Shelf, Title, TitleKind
from matinee.model.errors import Forbidden, NotFound
from matinee.pages.arriving import arriving
from matinee.pages.cards import Card, Said, card, cards
from matinee.pages.resume import resume_seconds

if TYPE_CHECKING:
    from matinee.pages.rooms import Rooms

SIMILAR = 12


@dataclass(frozen=True, slots=True)
class TitlePage:
    """A title, where the profile left it, and what goes with it. ``resume_seconds`` is 0 where it begins anew."""

    card: Card
    resume_seconds: float
    heights: tuple[int, ...]
    similar: tuple[Card, ...]
    similar_reason: str
    why: str
    episodes: tuple[Card, ...]
    arriving: str


def title_page(rooms: "Rooms", profile: Profile, title_id: str, territory: str = "") -> TitlePage:
    """A title's page.

    NotFound if it is not on the shelf, Forbidden beyond the profile's maturity limit or outside the territories where
    it may be shown. ``why`` says what the profile watched that leads to it; "" if nothing does. ``arriving`` says how
    much of it is there; "" if it is whole.
    """
    shelf = rooms.catalogue.shelf()
    title = on_shelf(shelf, profile, title_id, territory)
    left_seconds = resume_seconds(rooms, profile.id, title_id)
    progress = rooms.recommender.progress(profile.id)
    similar_ids = rooms.recommender.similar(title_id, shelf, SIMILAR, profile.maturity_limit, territory)
    similar = [shelf.by_id[similar_id] for similar_id in similar_ids]
    said = Said.in_marks(shelf, rooms.marks.of(profile.id), rooms.recommender.pictures(profile.id, shelf))
    of_series = [one for one in episodes(shelf, title) if one.is_for(profile.maturity_limit, territory)]
    return TitlePage(
        card=card(title, progress, said=said),
        resume_seconds=left_seconds,
        heights=tuple(dict.fromkeys(one.height or 0 for one in title.presentation.video)) if title.presentation else (),
        similar=cards(similar, progress, said),
        similar_reason=_shared(title, similar),
        why=rooms.recommender.why(profile.id, title_id, shelf, profile.maturity_limit, territory),
        episodes=cards(of_series, progress, said),
        arriving=arriving(rooms, title),
    )


def episodes(shelf: Shelf, title: Title) -> list[Title]:
    """The playable episodes of the series that a title is or belongs to, in their order."""
    series = title if title.kind is TitleKind.SERIES else shelf.series_of(title) if title.parent_id else None
    if series is None:
        return []
    found = [one for one in shelf.titles if one.kind is TitleKind.EPISODE and shelf.series_of(one) is series]
    return sorted(found, key=lambda one: (shelf.place_of(one), one.id))


def on_shelf(shelf: Shelf, profile: Profile, title_id: str, territory: str) -> Title:
    """A title that this profile may watch in a territory ("": nobody knows which)."""
    title = shelf.by_id.get(title_id)
    if title is None:
        raise NotFound("There is no such film on the programme now.")
    if title.maturity > profile.maturity_limit:
        raise Forbidden(f"{title.name} is for viewers of {title.maturity} and older; this profile is not.")
    if not title.is_for(profile.maturity_limit, territory):
        raise Forbidden(f"{title.name} may not be shown where you are: its rights are for other territories.")
    return title


def _shared(title: Title, similar: list[Title]) -> str:
    """Why these stand beside the title: the genres that most of them share with it."""
    counts = {
        genre: sum(genre in other.genres for other in similar) for genre in title.genres if similar
    }  # in the title's order, so that equals keep it
    most = [genre for genre, count in counts.items() if 2 * count >= len(similar)]
    return (
        f"they share {' and '.join(most[:2]).lower()} with it" if most else "watched by the same people, or close to it"
    )
