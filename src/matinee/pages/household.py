"""What a profile chose: its list, and what it watched, as pages show them; and marking a title."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from matinee.accounts.members import Profile
from matinee.catalogue.titles import Title
from matinee.model.topology import Region
from matinee.pages.cards import Card, Said, card
from matinee.pages.title import on_shelf
from matinee.playback.marks import Mark, Rating

if TYPE_CHECKING:
    from matinee.pages.rooms import Rooms


@dataclass(frozen=True, slots=True)
class Kept:
    """A title on a list, or in a history: since when, or when last."""

    card: Card
    at: datetime


def my_list(rooms: "Rooms", profile: Profile, region: Region) -> Sequence[Kept]:
    """What stands on a profile's list and may be seen now, newest first."""
    shelf, marks = rooms.catalogue.shelf(), rooms.marks.of(profile.id)
    listed = [(mark.listed_at, title_id) for title_id, mark in marks.items() if mark.listed_at is not None]
    rooms.recommender.catch_up()
    picture = rooms.recommender.pictures(profile.id, shelf)
    progress, said = rooms.recommender.progress(profile.id), Said.in_marks(shelf, marks, picture)
    return [
        Kept(card(title, progress, said=said), at)
        for at, title_id in sorted(listed, reverse=True)
        if (title := shelf.by_id.get(title_id)) is not None and _may_see(rooms, profile, title, region)
    ]


def history(rooms: "Rooms", profile: Profile, region: Region, offset: int, limit: int) -> tuple[Sequence[Kept], int]:
    """A window of what a profile watched, latest first, as far as it may be seen now; and how many there are."""
    rooms.recommender.catch_up()
    shelf = rooms.catalogue.shelf()
    picture = rooms.recommender.pictures(profile.id, shelf)
    progress, said = rooms.recommender.progress(profile.id), Said(shelf, *rooms.recommender.said(profile.id), picture)
    watched = [
        (title, one)
        for one in rooms.recommender.history(profile.id)
        if (title := shelf.by_id.get(one.title_id)) is not None and _may_see(rooms, profile, title, region)
    ]
    window = [
        Kept(card(title, progress, said=said), datetime.fromtimestamp(one.last_at, UTC))
        for title, one in watched[offset : offset + limit]
    ]
    return window, len(watched)


def rate(rooms: "Rooms", profile: Profile, title_id: str, rating: Rating | None, region: Region) -> Mark:
    """Give a title a rating, or take it back (None). NotFound and Forbidden as its page, but for taking back."""
    if rating is not None:
        _check(rooms, profile, title_id, region)
    return rooms.marks.rate(profile.id, title_id, rating)


def keep(rooms: "Rooms", profile: Profile, title_id: str, region: Region, *, listed: bool) -> Mark:
    """Put a title on a profile's list, or take it off. NotFound and Forbidden as its page, but for taking off."""
    if not listed:
        return rooms.marks.take_off_list(profile.id, title_id)
    _check(rooms, profile, title_id, region)
    return rooms.marks.put_on_list(profile.id, title_id)


def _check(rooms: "Rooms", profile: Profile, title_id: str, region: Region) -> None:
    on_shelf(rooms.catalogue.shelf(), profile, title_id, rooms.topology.territory(region))


def _may_see(rooms: "Rooms", profile: Profile, title: Title, region: Region) -> bool:
    return title.is_for(profile.maturity_limit, rooms.topology.territory(region))
