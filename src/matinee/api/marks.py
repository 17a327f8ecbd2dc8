"""What a profile says of titles and what it watched, over HTTP: thumbs, my list, history."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel

from matinee.accounts.members import Allowance, Household, Profile
from matinee.api.authentication import household, viewer_region
from matinee.api.home import CardBody, card_body, json_answer
from matinee.model.topology import Region
from matinee.pages import household as chosen
from matinee.playback.marks import Mark, Rating

if TYPE_CHECKING:
    from matinee.pages.rooms import Rooms

_MOST_BYTES = 16 * 1024
_MOST_HISTORY = 100
_USUAL_HISTORY = 50
_LONGEST_ID = 64

TitleId = Annotated[str, Path(max_length=_LONGEST_ID)]


class RatingBody(BaseModel):
    """Thumbs: ``down``, ``up``, ``love`` (two of them up), or null to take them back."""

    rating: Rating | None


class MarkBody(BaseModel):
    """What a profile says of a title."""

    title_id: str
    rating: Rating | None
    listed: bool


class ListedBody(CardBody):
    """A title on the list, and since when."""

    listed_at: datetime


class ListBody(BaseModel):
    """A profile's list, newest first."""

    titles: list[ListedBody]


class WatchedBody(CardBody):
    """A title that was watched, and when last."""

    watched_at: datetime


class HistoryBody(BaseModel):
    """What a profile watched, latest first: of ``total`` titles those asked for. The last 500 are known."""

    titles: list[WatchedBody]
    total: int


def routes(rooms: "Rooms") -> APIRouter:
    """A profile's thumbs, list and history."""
    router = APIRouter(prefix="/profiles/{profile_id}", tags=["profiles"], max_body_size=_MOST_BYTES)
    Home = Annotated[Household, Depends(household(rooms))]  # noqa: N806 - a type, made of this service's rooms
    From = Annotated[Region, Depends(viewer_region(rooms))]  # noqa: N806 - as above

    def marking(home: Household, profile_id: str) -> Profile:
        profile = home.open(profile_id)
        # Each writes an event.
        rooms.accounts.allow(Allowance.EVENTS, home.member)
        return profile

    @router.put("/ratings/{title_id}")
    def rate(profile_id: str, title_id: TitleId, body: RatingBody, home: Home, region: From) -> MarkBody:
        """Give a title thumbs, or take them back. 403 for one that the profile may not see, 404 for an unknown one."""
        return _mark(title_id, chosen.rate(rooms, marking(home, profile_id), title_id, body.rating, region))

    @router.put("/list/{title_id}")
    def put_on_list(profile_id: str, title_id: TitleId, home: Home, region: From) -> MarkBody:
        """Put a title on the list; one that is there stays where it is. 409 beyond 500 titles."""
        return _mark(title_id, chosen.keep(rooms, marking(home, profile_id), title_id, region, listed=True))

    @router.delete("/list/{title_id}", status_code=204)
    def take_off_list(profile_id: str, title_id: TitleId, home: Home, region: From) -> None:
        """Take a title off the list; nothing happens if it is not on it."""
        chosen.keep(rooms, marking(home, profile_id), title_id, region, listed=False)

    @router.get("/list", response_model=ListBody)
    def show_list(profile_id: str, home: Home, region: From) -> Response:
        """What stands on the list and may be seen now, newest first."""
        kept = chosen.my_list(rooms, home.open(profile_id), region)
        return json_answer({"titles": [card_body(one.card) | {"listed_at": one.at} for one in kept]})

    @router.get("/history", response_model=HistoryBody)
    def show_history(
        profile_id: str,
        home: Home,
        region: From,
        limit: Annotated[int, Query(ge=1, le=_MOST_HISTORY)] = _USUAL_HISTORY,
        offset: Annotated[int, Query(ge=0)] = 0,
    ) -> Response:
        """What was watched, latest first, with every event that was accepted until now."""
        kept, total = chosen.history(rooms, home.open(profile_id), region, offset, limit)
        titles: list[dict[str, Any]] = [card_body(one.card) | {"watched_at": one.at} for one in kept]
        return json_answer({"titles": titles, "total": total})

    @router.delete("/history/{title_id}", status_code=204)
    def forget_title(profile_id: str, title_id: TitleId, home: Home) -> None:
        """Forget that a title was watched until now: at once on every page. Thumbs and list stay. 403 while locked."""
        rooms.playbacks.forget_title(marking(home, profile_id).id, title_id)

    return router


def _mark(title_id: str, mark: Mark) -> MarkBody:
    return MarkBody(title_id=title_id, rating=mark.rating, listed=mark.listed)
