"""The operators' pages: what comes in, what is encoded, who serves; and in the demo, what can be broken."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from matinee.accounts.members import Role
from matinee.model.errors import Forbidden, NotFound
from matinee.pages.rooms import Rooms
from matinee.pages.studio import studio_edges, studio_encodes, studio_overview, studio_titles
from matinee.pages.visitor import REGION_COOKIE, Visitor, visitor
from matinee.web.rendering import Rendering

_KILO = 1000
_SEE_OTHER = 303
_PLACES = (
    ("/studio", "Overview"),
    ("/studio/titles", "Titles"),
    ("/studio/encodes", "Encodes"),
    ("/studio/edges", "Edges"),
)
_BREAK = ("/studio/break", "Break it")


def rate(bps: float) -> str:
    """A rate as people read it: ``1.5 Mbit/s``."""
    return f"{_scaled(bps, ('bit', 'kbit', 'Mbit', 'Gbit'))}/s"


def size(byte_count: float) -> str:
    """A size as people read it: ``12.3 MB``."""
    return _scaled(byte_count, ("B", "kB", "MB", "GB", "TB"))


def _scaled(value: float, units: tuple[str, ...]) -> str:
    place = 0
    while value >= _KILO and place < len(units) - 1:
        value /= _KILO
        place += 1
    return f"{value:.0f} {units[place]}" if place == 0 or value >= 100 else f"{value:.1f} {units[place]}"  # noqa: PLR2004 - three digits


def moment(time: datetime) -> str:
    """A time in UTC, to the second."""
    return time.strftime("%Y-%m-%d %H:%M:%S")


def routes(rooms: Rooms, rendering: Rendering) -> APIRouter:
    """The studio's pages; every one needs an operator."""
    router = APIRouter(prefix="/studio", include_in_schema=False)
    rendering.add_filters(rate=rate, size=size, moment=moment)
    places = (*_PLACES, _BREAK) if rooms.demo is not None else _PLACES

    def operator(request: Request) -> Visitor:
        client = request.client.host if request.client else None
        found = visitor(rooms, request.headers, request.cookies, client)
        if found.member.role is not Role.OPERATOR:
            raise Forbidden("The studio is for operators: sign in as one.")
        return found

    def page(request: Request, name: str, heading: str, part: int, values: Callable[[], dict[str, Any]]) -> Response:
        operator(request)
        template = f"studio/{name}_part.html" if part else f"studio/{name}.html"
        return rendering.page(template, heading=heading, places=places, here=request.url.path, **values())

    @router.get("")
    def overview(request: Request, part: int = 0) -> Response:
        def values() -> dict[str, Any]:
            found = studio_overview(rooms)
            return {"overview": found, "edges_on_map": found.edges.places}

        return page(request, "overview", "Overview", part, values)

    @router.get("/titles")
    def titles(request: Request) -> Response:
        return page(request, "titles", "Titles", 0, lambda: {"lines": studio_titles(rooms)})

    @router.get("/encodes")
    def encodes(request: Request, part: int = 0) -> Response:
        return page(request, "encodes", "Encodes", part, lambda: {"lines": studio_encodes(rooms)})

    @router.post("/encodes/{job_id}/retry")
    def retry(request: Request, job_id: str) -> Response:
        operator(request)
        rooms.encoding.retry(job_id)
        return RedirectResponse("/studio/encodes", _SEE_OTHER)

    @router.get("/edges")
    def edges(request: Request, part: int = 0) -> Response:
        def values() -> dict[str, Any]:
            found = studio_edges(rooms)
            return {"edges": found, "edges_on_map": found.places}

        return page(request, "edges", "Edges", part, values)

    @router.post("/edges/{edge_id}/orders")
    def order(
        request: Request,
        edge_id: str,
        draining: Annotated[int | None, Form()] = None,
        egress_limit_bps: Annotated[int | None, Form(ge=0)] = None,
    ) -> Response:
        operator(request)
        changes: dict[str, Any] = {} if egress_limit_bps is None else {"egress_limit_bps": egress_limit_bps or None}
        rooms.edges.order(edge_id, draining=None if draining is None else bool(draining), **changes)
        return RedirectResponse("/studio/edges", _SEE_OTHER)

    if rooms.demo is not None:
        _breakage(router, rooms, operator, page)
    return router


def _breakage(
    router: APIRouter, rooms: Rooms, operator: Callable[[Request], Visitor], page: Callable[..., Response]
) -> None:
    @router.get("/break")
    def panel(request: Request, title: str = "", region: str = "", part: int = 0) -> Response:
        found = operator(request)
        shown = sorted(rooms.catalogue.shelf().titles, key=lambda entry: -(entry.duration_seconds or 0))
        regions = [entry.name for entry in rooms.topology.regions]
        chosen_region = region if region in regions else found.region.name

        def values() -> dict[str, Any]:
            return {
                "titles": shown,
                "chosen": next((entry for entry in shown if entry.id == title), shown[0] if shown else None),
                "regions": regions,
                "region": chosen_region,
                "profiles": rooms.accounts.profiles(found.member.id),
                "edges_on_map": studio_edges(rooms).places,
            }

        answer = page(request, "break", "Break it", part, values)
        if region in regions:
            answer.set_cookie(REGION_COOKIE, region, path="/", samesite="lax")
        return answer

    @router.post("/break/{edge_id}/{action}")
    def act(request: Request, edge_id: str, action: str) -> Response:
        operator(request)
        if rooms.demo is None:
            raise NotFound("Only the demo breaks its own edges.")
        rooms.demo(action, edge_id)
        return RedirectResponse("/studio/break", _SEE_OTHER)
