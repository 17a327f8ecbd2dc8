"""The page on which one title is watched."""

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from matinee.accounts.members import Profile
from matinee.catalogue.titles import Shelf, Title
from matinee.delivery.edges import Edge
from matinee.pages.cards import Card, Said, card, cards
from matinee.pages.title import episodes, on_shelf

if TYPE_CHECKING:
    from matinee.pages.rooms import Rooms

_AFTERWARDS = 6


@dataclass(frozen=True, slots=True)
class WatchPage:
    """What the player is told before it presses play. ``edges`` are the origins it may fetch from (RFC 6454).

    ``is_growing``: the film is still arriving.
    ``following`` is the episode after this one, if there is one to be seen.
    ``chapters`` are beginnings in seconds, and names.
    """

    profile_id: str
    card: Card
    edges: tuple[str, ...]
    afterwards: tuple[Card, ...]
    is_growing: bool
    following: Card | None = None
    chapters: tuple[tuple[float, str], ...] = ()


def watch_page(rooms: "Rooms", profile: Profile, title_id: str, territory: str = "") -> WatchPage:
    """A title's watch page; NotFound and Forbidden as for the title's own."""
    shelf = rooms.catalogue.shelf()
    title = on_shelf(shelf, profile, title_id, territory)
    progress = rooms.recommender.progress(profile.id)
    next_ids = _following(shelf, profile, title, territory)
    alike = rooms.recommender.similar(title_id, shelf, _AFTERWARDS, profile.maturity_limit, territory)
    afterwards = [*next_ids, *(other for other in alike if other not in next_ids)][:_AFTERWARDS]
    said = Said(shelf, picture=rooms.recommender.pictures(profile.id, shelf))
    shown = cards((shelf.by_id[other] for other in afterwards), progress, said)
    return WatchPage(
        profile_id=profile.id,
        card=card(title, progress, said=said),
        edges=tuple(sorted({_origin(edge) for edge in rooms.edges.edges()})),
        chapters=tuple((one.start_seconds, one.name) for one in title.presentation.chapters)
        if title.presentation
        else (),
        is_growing=title.is_growing,
        afterwards=shown,
        following=shown[0] if next_ids else None,
    )


def _following(shelf: Shelf, profile: Profile, title: Title, territory: str) -> list[str]:
    """The episode after this one, if there is one to be seen."""
    ordered = [one.id for one in episodes(shelf, title) if one.is_for(profile.maturity_limit, territory)]
    place = ordered.index(title.id) + 1 if title.id in ordered else len(ordered)
    return ordered[place : place + 1]


def _origin(edge: Edge) -> str:
    parts = urlsplit(edge.report.url)
    return f"{parts.scheme}://{parts.netloc}"
