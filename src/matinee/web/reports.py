"""The page of an encode's report: in the studio, and as one file beside a film that was made without it."""

import json
from functools import cache

from fastapi import APIRouter, Request
from starlette.responses import Response

from matinee.pages.report import report_page, title_report
from matinee.reports.report import Report
from matinee.web.desk import Desk, rate, size
from matinee.web.rendering import STATIC, Rendering

_TITLES = "/studio/titles"
_STYLES = ("base.css", "studio.css")


def add_routes(router: APIRouter, desk: Desk) -> None:
    """Put the page among the studio's; it needs an operator."""

    def show(request: Request, title_id: str) -> Response:
        desk.operator(request)
        title = desk.rooms.catalogue.title(title_id)
        page = report_page(title_report(desk.rooms, title))
        return desk.page(request, "report", title.name, under=_TITLES, title=title, page=page)

    router.add_api_route("/titles/{title_id}/report", show, methods=["GET"])


def report_alone(report: Report) -> str:
    """The page as one file of HTML that fetches nothing."""
    return _rendering().html("studio/report_alone.html", page=report_page(report), styles=_styles())


@cache
def _rendering() -> Rendering:
    rendering = Rendering()
    rendering.add_filters(rate=rate, size=size)
    return rendering


def _styles() -> str:
    """The built styles in themselves; without a build the page has none. Faces are the reader's own."""
    try:
        names = json.loads((STATIC / "manifest.json").read_text())
        return "\n".join((STATIC / names[name]).read_text() for name in _STYLES)
    except (OSError, KeyError):
        return ""
