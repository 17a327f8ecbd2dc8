"""The catalogue over HTTP."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from matinee.accounts.members import Allowance, Household, Role
from matinee.api.authentication import household, viewer_region
from matinee.catalogue.search import find, index
from matinee.catalogue.titles import Title, TitleKind, TitleState
from matinee.model.errors import NotFound
from matinee.model.topology import Region

if TYPE_CHECKING:
    from matinee.pages.rooms import Rooms

_LONGEST_QUERY = 200
_MOST_TITLES = 1000
_USUAL_TITLES = 100


class TitleBody(BaseModel):
    """A title. Addresses of pictures are relative to the host and open to who is signed in; times of day are in UTC.

    ``maturity`` is an age; ``colour`` is the poster's own. ``territories`` are the countries where it may be shown
    (none: everywhere). One that ``is_growing`` is still arriving: HLS plays it from its start, DASH when it is whole.
    ``message`` says to operators why the last encode failed.
    """

    id: str
    kind: TitleKind
    name: str
    synopsis: str
    year: int | None
    genres: tuple[str, ...]
    moods: tuple[str, ...]
    maturity: int
    state: TitleState
    duration_seconds: float | None
    revision: str | None
    poster_url: str | None
    still_url: str | None
    thumbnails_url: str | None
    colour: str | None
    parent_id: str | None
    season_number: int | None
    episode_number: int | None
    created_at: datetime
    published_at: datetime | None
    territories: tuple[str, ...]
    is_growing: bool
    message: str | None = None


class ChapterBody(BaseModel):
    """A part of a film; it lasts until the next one begins."""

    name: str
    start_seconds: float


class OneTitleBody(TitleBody):
    """A title by itself: with what lists of titles leave out."""

    chapters: tuple[ChapterBody, ...] = ()


class TitlesBody(BaseModel):
    """Titles in order."""

    titles: list[TitleBody]


def routes(rooms: "Rooms") -> APIRouter:
    """A title by its id, and titles by name. Operators who name no profile see every state."""
    router = APIRouter(prefix="/titles", tags=["titles"])
    Home = Annotated[Household, Depends(household(rooms))]  # noqa: N806 - a type, made of this service's rooms
    From = Annotated[Region, Depends(viewer_region(rooms))]  # noqa: N806 - as above

    @router.get("")
    def search(
        home: Home,
        region: From,
        query: Annotated[str, Query(max_length=_LONGEST_QUERY)] = "",
        profile_id: str | None = None,
        limit: Annotated[int, Query(ge=1, le=_MOST_TITLES)] = _USUAL_TITLES,
        offset: Annotated[int, Query(ge=0)] = 0,
    ) -> TitlesBody:
        """Titles whose name matches, best first; without a query all, newest first. Only those the profile may see."""
        if query:
            rooms.accounts.allow(Allowance.SEARCHES, home.member)
        window = slice(offset, offset + limit)
        if _operates(home, profile_id):
            titles = rooms.catalogue.titles()
            if query:
                by_id = {title.id: title for title in titles}
                titles = [by_id[found] for found in find(index((title.id, title.name) for title in titles), query)]
            return TitlesBody(titles=[title_body(title, operator=True) for title in titles[window]])
        age, territory = home.limit(profile_id), rooms.topology.territory(region)
        if query:
            titles = rooms.catalogue.search(query, window.stop, age, territory)
        else:
            titles = [title for title in rooms.catalogue.shelf().titles if title.is_for(age, territory)]
        return TitlesBody(titles=[title_body(title) for title in titles[window]])

    @router.get("/{title_id}")
    def title(title_id: str, home: Home, region: From, profile_id: str | None = None) -> OneTitleBody:
        """One title. 404 for one that the profile may not see, or that cannot be played yet."""
        if _operates(home, profile_id):
            return _one_title(rooms.catalogue.title(title_id), operator=True)
        found = rooms.catalogue.shelf().by_id.get(title_id)
        if found is None or not found.is_for(home.limit(profile_id), rooms.topology.territory(region)):
            raise NotFound(f"There is no title {title_id!r}.")
        return _one_title(found)

    return router


def title_body(title: Title, *, operator: bool = False) -> TitleBody:
    """A title as JSON shows it."""
    shown = title.presentation
    return TitleBody(
        id=title.id,
        kind=title.kind,
        name=title.name,
        synopsis=title.synopsis,
        year=title.year,
        genres=title.genres,
        moods=title.moods,
        maturity=title.maturity,
        state=title.state,
        duration_seconds=title.duration_seconds,
        revision=title.revision,
        poster_url=_picture(title, shown.poster if shown else None),
        still_url=_picture(title, shown.still if shown else None),
        thumbnails_url=_picture(title, shown.thumbnails if shown else None),
        colour=shown.colour if shown else None,
        parent_id=title.parent_id,
        season_number=title.season_number,
        episode_number=title.episode_number,
        created_at=title.created_at,
        published_at=title.published_at,
        territories=title.territories,
        is_growing=title.is_growing,
        message=title.message if operator else None,
    )


def _one_title(title: Title, *, operator: bool = False) -> OneTitleBody:
    chapters = title.presentation.chapters if title.presentation else ()
    told = [ChapterBody(name=one.name, start_seconds=one.start_seconds) for one in chapters]
    return OneTitleBody(**title_body(title, operator=operator).model_dump(), chapters=tuple(told))


def _picture(title: Title, file: str | None) -> str | None:
    return None if file is None or title.revision is None else f"/images/{title.id}/{title.revision}/{file}"


def _operates(home: Household, profile_id: str | None) -> bool:
    # An operator who names a profile watches with it, and sees what any member does.
    return home.member.role is Role.OPERATOR and profile_id is None
