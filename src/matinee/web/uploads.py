"""The studio's page of uploads: a film is brought, goes on where it broke off, or is given up."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from matinee.pages.uploads import upload_lines
from matinee.web.desk import Desk, back_to

_UPLOADS = "/studio/uploads"


def add_routes(router: APIRouter, desk: Desk) -> None:
    """Put the page of uploads among the studio's; it needs an operator."""

    def show(request: Request) -> Response:
        desk.operator(request)
        return desk.page(request, "uploads", "Uploads", lines=upload_lines(desk.rooms))

    def give_up(request: Request, source_id: Annotated[str, Form(max_length=64)]) -> Response:
        desk.operator(request)
        desk.rooms.sources.end(source_id)
        return back_to(None, _UPLOADS)

    router.add_api_route("/uploads", show, methods=["GET"])
    router.add_api_route("/uploads/removal", give_up, methods=["POST"])
