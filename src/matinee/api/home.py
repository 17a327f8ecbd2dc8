"""The home page and what goes with a title, over HTTP."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel
from pydantic_core import to_json

from matinee.accounts.members import Household
from matinee.api.authentication import household, viewer_region
from matinee.model.errors import NotFound
from matinee.model.topology import Region
from matinee.pages.cards import Card, Said, cards
from matinee.pages.home import HomePage, home_page
from matinee.recommender.serving import RowKind

if TYPE_CHECKING:
    from matinee.pages.rooms import Rooms

_MOST_SIMILAR = 100
_USUAL_SIMILAR = 20


class CardBody(BaseModel):
    """A title in a row. ``progress`` is 0 to 1, null if the profile has not begun it; times are in seconds.

    Addresses of pictures are relative to the host and open to who is signed in. ``series`` and ``part`` say what an
    episode belongs to and where it stands there; ``rating`` and ``listed`` what the profile says of the title.
    ``artwork`` names the picture, where a title has several, ``experiment`` what put it here, where chance had a part
    in it, and the propensities how likely that was: an ``impression.shown`` says them again.
    """

    id: str
    name: str
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
    series: str | None
    part: str | None
    rating: str | None
    listed: bool
    artwork: str | None
    artwork_propensity: float | None
    experiment: str | None
    propensity: float | None


class HeroBody(CardBody):
    """The title that opens the page; ``reason`` says why it does."""

    synopsis: str


class RowBody(BaseModel):
    """A row; its id is the same as long as it stands for the same thing, its reason says why it is there."""

    id: str
    kind: RowKind
    name: str
    reason: str
    titles: list[CardBody]


class HomeBody(BaseModel):
    """A home page. No rows and no hero: there is nothing to watch yet.

    ``picks`` are titles of which a new profile is asked to choose three (PUT …/ratings/{title}); none afterwards.
    """

    profile_id: str
    generated_at: datetime
    hero: HeroBody | None
    rows: list[RowBody]
    picks: list[CardBody]


class SimilarBody(BaseModel):
    """Titles that go with another one, best first."""

    titles: list[CardBody]


def routes(rooms: "Rooms") -> APIRouter:
    """A profile's home page; what goes with a title."""
    router = APIRouter(tags=["home"])
    Home = Annotated[Household, Depends(household(rooms))]  # noqa: N806 - a type, made of this service's rooms
    From = Annotated[Region, Depends(viewer_region(rooms))]  # noqa: N806 - as above

    @router.get("/profiles/{profile_id}/home", response_model=HomeBody)
    def home(profile_id: str, region: From, home: Home, request: Request) -> Response:
        """The page as it is with every event that was accepted until now."""
        profile = home.open(profile_id)
        page = home_page(rooms, profile, region, request.headers.get("user-agent", ""))
        rooms.experiments.expose(profile.id)
        return json_answer(home_body(page))

    @router.get("/titles/{title_id}/similar", response_model=SimilarBody)
    def similar(
        title_id: str,
        home: Home,
        region: From,
        profile_id: str | None = None,
        limit: Annotated[int, Query(ge=1, le=_MOST_SIMILAR)] = _USUAL_SIMILAR,
    ) -> Response:
        """What the people who watched a title watched, too, then what is like it. Only what the profile may see."""
        age, shelf = home.limit(profile_id), rooms.catalogue.shelf()
        seed = shelf.by_id.get(title_id)
        territory = rooms.topology.territory(region)
        if seed is None or not seed.is_for(age, territory):
            raise NotFound(f"There is no title {title_id!r}.")
        rooms.recommender.catch_up()
        found = rooms.recommender.similar(title_id, shelf, limit, age, territory)
        progress = {} if profile_id is None else rooms.recommender.progress(profile_id)
        said = None if profile_id is None else Said(shelf, picture=rooms.recommender.pictures(profile_id, shelf))
        shown = cards((shelf.by_id[other] for other in found), progress, said)
        return json_answer({"titles": [card_body(one) for one in shown]})

    return router


def home_body(page: HomePage) -> dict[str, Any]:
    """A page as JSON shows it, in ``HomeBody``'s form; plain values, for a page has hundreds of titles."""
    return {
        "profile_id": page.profile_id,
        "generated_at": page.generated_at,
        "hero": None if page.hero is None else card_body(page.hero) | {"synopsis": page.hero.synopsis},
        "rows": [
            {
                "id": row.id,
                "kind": row.kind,
                "name": row.name,
                "reason": row.reason,
                "titles": [card_body(one) for one in row.cards],
            }
            for row in page.rows
        ],
        "picks": [card_body(one) for one in page.picks],
    }


_SAME = tuple(name for name in CardBody.model_fields if name != "id")


def card_body(one: Card) -> dict[str, Any]:
    """A card as JSON shows it, in ``CardBody``'s form."""
    return {"id": one.title_id} | {name: getattr(one, name) for name in _SAME}


def json_answer(body: dict[str, Any]) -> Response:
    """Plain values as an answer, without a model's checks: pages are large."""
    return Response(to_json(body), media_type="application/json")
