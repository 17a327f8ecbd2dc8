"""The operators' pages: what comes in, what is encoded, who serves; and in the demo, what can be broken."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from matinee.accounts.members import Role
from matinee.model.errors import Forbidden, NotFound
from matinee.pages.rooms import Rooms
from matinee.pages.studio import studio_edges, studio_encodes, studio_overview, studio_titles
from matinee.pages.visitor import PROFILE_COOKIE, REGION_COOKIE, Visitor, same_origin
from matinee.web.rendering import Rendering
from matinee.web.visits import visit

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
    rendering.add_filters(rate=rate, size=size, moment=moment)
    desk = _Desk(rooms, rendering)
    router = APIRouter(prefix="/studio", include_in_schema=False, default_response_class=Response)
    for path, page in (
        ("", desk.overview),
        ("/titles", desk.titles),
        ("/encodes", desk.encodes),
        ("/edges", desk.edges),
    ):
        router.add_api_route(path, page, methods=["GET"])
    router.add_api_route("/encodes/{job_id}/retry", desk.retry, methods=["POST"])
    router.add_api_route("/edges/{edge_id}/orders", desk.order, methods=["POST"])
    if rooms.demo is not None:
        router.add_api_route("/break", desk.break_panel, methods=["GET"])
        router.add_api_route("/break/{edge_id}/{action}", desk.break_it, methods=["POST"])
    return router


class _Desk:
    """The studio's pages over the rooms; ``part`` asks for what a page renews of itself."""

    def __init__(self, rooms: Rooms, rendering: Rendering) -> None:
        self._rooms = rooms
        self._rendering = rendering
        self._places = (*_PLACES, _BREAK) if rooms.demo is not None else _PLACES

    def _operator(self, request: Request) -> Visitor:
        found = visit(self._rooms, request)
        if found.member.role is not Role.OPERATOR:
            raise Forbidden("The studio is for operators: sign in as one.")
        if not same_origin(request.method, request.headers):
            raise Forbidden("Another site's page sent this; nothing was changed.")
        return found

    def _page(self, request: Request, name: str, heading: str, part: int, **values: Any) -> Response:
        template = f"studio/{name}_part.html" if part else f"studio/{name}.html"
        return self._rendering.page(template, heading=heading, places=self._places, here=request.url.path, **values)

    def overview(self, request: Request, part: int = 0) -> Response:
        self._operator(request)
        found = studio_overview(self._rooms)
        return self._page(request, "overview", "Overview", part, overview=found, edges_on_map=found.edges.places)

    def titles(self, request: Request) -> Response:
        self._operator(request)
        return self._page(request, "titles", "Titles", 0, lines=studio_titles(self._rooms))

    def encodes(self, request: Request, part: int = 0) -> Response:
        self._operator(request)
        return self._page(request, "encodes", "Encodes", part, lines=studio_encodes(self._rooms))

    def retry(self, request: Request, job_id: str) -> Response:
        self._operator(request)
        self._rooms.encoding.retry(job_id)
        return RedirectResponse("/studio/encodes", _SEE_OTHER)

    def edges(self, request: Request, part: int = 0) -> Response:
        self._operator(request)
        found = studio_edges(self._rooms)
        return self._page(request, "edges", "Edges", part, edges=found, edges_on_map=found.places)

    def order(
        self,
        request: Request,
        edge_id: str,
        draining: Annotated[int | None, Form()] = None,
        egress_limit_bps: Annotated[int | None, Form(ge=0)] = None,
    ) -> Response:
        self._operator(request)
        changes: dict[str, Any] = {} if egress_limit_bps is None else {"egress_limit_bps": egress_limit_bps or None}
        self._rooms.edges.order(edge_id, draining=None if draining is None else bool(draining), **changes)
        return RedirectResponse("/studio/edges", _SEE_OTHER)

    def break_panel(self, request: Request, title: str = "", region: str = "", part: int = 0) -> Response:
        rooms = self._rooms
        found = self._operator(request)
        shown = sorted(rooms.catalogue.shelf().titles, key=lambda entry: -(entry.duration_seconds or 0))
        regions = [entry.name for entry in rooms.topology.regions]
        profiles = rooms.accounts.profiles(found.member.id)
        answer = self._page(
            request,
            "break",
            "Break it",
            part,
            titles=shown,
            chosen=next((entry for entry in shown if entry.id == title), shown[0] if shown else None),
            regions=regions,
            region=region if region in regions else found.region.name,
            profiles=profiles,
            edges_on_map=studio_edges(rooms).places,
        )
        if region in regions:
            answer.set_cookie(REGION_COOKIE, region, path="/", samesite="lax")
        if found.profile is None and (free := next((profile for profile in profiles if not profile.has_pin), None)):
            # The panel's own viewer: nobody wants to be asked who watches before breaking something.
            answer.set_cookie(PROFILE_COOKIE, free.id, path="/", samesite="lax", httponly=True)
        return answer

    def break_it(self, request: Request, edge_id: str, action: str) -> Response:
        self._operator(request)
        if self._rooms.demo is None:
            raise NotFound("Only the demo breaks its own edges.")
        self._rooms.demo(action, edge_id)
        return RedirectResponse("/studio/break", _SEE_OTHER)
