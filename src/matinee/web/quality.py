"""The studio's page of how good the pages' ranking was, day by day."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from matinee.pages.quality import quality_page
from matinee.web.desk import Desk


def add_routes(router: APIRouter, desk: Desk) -> None:
    """Put the page among the studio's; it needs an operator."""

    def show(request: Request) -> Response:
        desk.operator(request)
        return desk.page(request, "quality", "Quality", page=quality_page(desk.rooms))

    router.add_api_route("/quality", show, methods=["GET"])
