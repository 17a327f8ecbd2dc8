"""The page of one title."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matinee.accounts.members import Profile
from matinee.catalogue.titles import Shelf, Title
from matinee.model.errors import Forbidden, NotFound
from matinee.pages.cards import Card, card, cards
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


def title_page(rooms: "Rooms", profile: Profile, title_id: str) -> TitlePage:
    """A title's page; NotFound if it is not on the shelf, Forbidden beyond the profile's maturity limit."""
    shelf = rooms.catalogue.shelf()
    title = on_shelf(shelf, profile, title_id)
    left_seconds = resume_seconds(rooms, profile.id, title_id)
    progress = rooms.recommender.progress(profile.id)
    similar_ids = rooms.recommender.similar(title_id, shelf, SIMILAR, profile.maturity_limit)
    similar = [shelf.by_id[similar_id] for similar_id in similar_ids]
    return TitlePage(
        card=card(title, progress),
        resume_seconds=left_seconds,
        heights=tuple(rendition.height or 0 for rendition in title.presentation.video) if title.presentation else (),
        similar=cards(similar, progress),
        similar_reason=_shared(title, similar),
    )


def on_shelf(shelf: Shelf, profile: Profile, title_id: str) -> Title:
    """A title that this profile may watch."""
    title = shelf.by_id.get(title_id)
    if title is None:
        raise NotFound("There is no such film on the programme now.")
    if title.maturity > profile.maturity_limit:
        raise Forbidden(f"{title.name} is for viewers of {title.maturity} and older; this profile is not.")
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
