"""The operators' pages: what comes in, what is encoded, who serves; and in the demo, what can be broken."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from matinee.model.errors import NotFound
from matinee.pages.rooms import Rooms
from matinee.pages.studio import studio_edges, studio_encodes, studio_overview, studio_titles
from matinee.pages.visitor import PROFILE_COOKIE, REGION_COOKIE
from matinee.web import edges, experiments, pins, quality, reports, spans, titles, uploads
from matinee.web.desk import Desk, back_to
from matinee.web.rendering import Rendering


def routes(rooms: Rooms, rendering: Rendering) -> APIRouter:
    """The studio's pages; every one needs an operator."""
    desk = Desk(rooms, rendering)
    studio = _Studio(desk)
    router = APIRouter(prefix="/studio", include_in_schema=False, default_response_class=Response)
    for path, page in (("", studio.overview), ("/titles", studio.titles), ("/encodes", studio.encodes)):
        router.add_api_route(path, page, methods=["GET"])
    router.add_api_route("/encodes/{job_id}/retry", studio.retry, methods=["POST"])
    edges.add_routes(router, desk)
    experiments.add_routes(router, desk, rendering)
    pins.add_routes(router, desk)
    titles.add_routes(router, desk)
    spans.add_routes(router, desk)
    reports.add_routes(router, desk)
    uploads.add_routes(router, desk)
    quality.add_routes(router, desk)
    if rooms.demo is not None:
        router.add_api_route("/break", studio.break_panel, methods=["GET"])
        router.add_api_route("/break/{edge_id}/{action}", studio.break_it, methods=["POST"])
    return router


class _Studio:
    """The pages of what comes in and is encoded, and the demo's panel."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._rooms = desk.rooms

    def overview(self, request: Request, part: int = 0) -> Response:
        self._desk.operator(request)
        found = studio_overview(self._rooms)
        return self._desk.page(request, "overview", "Overview", part, overview=found, edges_on_map=found.edges.places)

    def titles(self, request: Request) -> Response:
        self._desk.operator(request)
        return self._desk.page(request, "titles", "Titles", 0, lines=studio_titles(self._rooms))

    def encodes(self, request: Request, part: int = 0) -> Response:
        self._desk.operator(request)
        return self._desk.page(request, "encodes", "Encodes", part, lines=studio_encodes(self._rooms))

    def retry(self, request: Request, job_id: str) -> Response:
        self._desk.operator(request)
        self._rooms.encoding.retry(job_id)
        return back_to(None, "/studio/encodes")

    def break_panel(self, request: Request, title: str = "", region: str = "", part: int = 0) -> Response:
        rooms = self._rooms
        found = self._desk.operator(request)
        shown = sorted(rooms.catalogue.shelf().titles, key=lambda entry: -(entry.duration_seconds or 0))
        regions = [entry.name for entry in rooms.topology.regions]
        profiles = rooms.accounts.profiles(found.member.id)
        answer = self._desk.page(
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
        self._desk.operator(request)
        if self._rooms.demo is None:
            raise NotFound("Only the demo breaks its own edges.")
        self._rooms.demo(action, edge_id)
        return back_to(None, "/studio/break")
