"""The studio's page of pins: which titles edges are to hold whatever is played, pinned and unpinned by hand."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from matinee.pages.pins import pin_lines
from matinee.web.desk import Desk, back_to

_PINS = "/studio/pins"
_Text = Annotated[str, Form(max_length=64)]


def add_routes(router: APIRouter, desk: Desk) -> None:
    """Put the page of pins among the studio's; it needs an operator."""
    pins = _Pins(desk)
    router.add_api_route("/pins", pins.show, methods=["GET"])
    router.add_api_route("/pins", pins.pin, methods=["POST"])
    router.add_api_route("/pins/removal", pins.unpin, methods=["POST"])


class _Pins:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._rooms = desk.rooms

    def show(self, request: Request, title: str = "") -> Response:
        self._desk.operator(request)
        rooms = self._rooms
        titles = sorted(rooms.catalogue.titles(), key=lambda entry: entry.name.casefold())
        names = {entry.id: entry.name for entry in titles}
        return self._desk.page(
            request,
            "pins",
            "Pins",
            titles=titles,
            chosen=title,
            regions=[region.name for region in rooms.topology.regions],
            pins=pin_lines(rooms.network.plans.pins(), names, rooms.edges.edges()),
        )

    def pin(self, request: Request, title_id: _Text, region: _Text = "") -> Response:
        by = self._desk.operator(request).member.id
        self._rooms.catalogue.title(title_id)
        if region:
            self._rooms.topology.region(region)
        self._rooms.network.plans.pin(title_id, region, by)
        return back_to(None, f"{_PINS}#past")

    def unpin(self, request: Request, title_id: _Text, region: _Text = "") -> Response:
        by = self._desk.operator(request).member.id
        self._rooms.network.plans.unpin(title_id, region, by)
        return back_to(None, f"{_PINS}#past")
