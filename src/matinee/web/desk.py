"""What all of the studio's pages share: operators alone come in, one frame, one way to say sizes, rates and times."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from matinee.accounts.members import Role
from matinee.model.errors import Forbidden
from matinee.pages.edges import ago
from matinee.pages.rooms import Rooms
from matinee.pages.visitor import Visitor, same_origin
from matinee.web.rendering import Rendering
from matinee.web.visits import local, visit

_KILO = 1000
_SEE_OTHER = 303
_PLACES = (
    ("/studio", "Overview"),
    ("/studio/titles", "Titles"),
    ("/studio/uploads", "Uploads"),
    ("/studio/encodes", "Encodes"),
    ("/studio/edges", "Edges"),
    ("/studio/experiments", "Experiments"),
    ("/studio/quality", "Quality"),
    ("/studio/pins", "Pins"),
    ("/studio/purges", "Purges"),
    ("/studio/keys", "Keys"),
    ("/studio/audit", "Audit"),
)
_BREAK = ("/studio/break", "Break it")


def rate(bps: float) -> str:
    """A rate as people read it: ``1.5 Mbit/s``."""
    return f"{_scaled(bps, ('bit', 'kbit', 'Mbit', 'Gbit', 'Tbit'))}/s"


def size(byte_count: float) -> str:
    """A size as people read it: ``12.3 MB``."""
    return _scaled(byte_count, ("B", "kB", "MB", "GB", "TB", "PB"))


def _scaled(value: float, units: tuple[str, ...]) -> str:
    place = 0
    while value >= _KILO and place < len(units) - 1:
        value /= _KILO
        place += 1
    return f"{value:.0f} {units[place]}" if place == 0 or value >= 100 else f"{value:.1f} {units[place]}"  # noqa: PLR2004 - three digits


def moment(time: datetime) -> str:
    """A time in UTC, to the second."""
    return time.strftime("%Y-%m-%d %H:%M:%S")


class Desk:
    """The studio's frame over the rooms; ``part`` asks for what a page renews of itself."""

    def __init__(self, rooms: Rooms, rendering: Rendering) -> None:
        rendering.add_filters(rate=rate, size=size, moment=moment, ago=ago)
        self.rooms = rooms
        self._rendering = rendering
        self._places: Sequence[tuple[str, str]] = (*_PLACES, _BREAK) if rooms.demo is not None else _PLACES

    def operator(self, request: Request) -> Visitor:
        """Who asks; Forbidden unless it is an operator, on a page of ours."""
        found = visit(self.rooms, request)
        if found.member.role is not Role.OPERATOR:
            raise Forbidden("The studio is for operators: sign in as one.")
        if not same_origin(request.method, request.headers):
            raise Forbidden("Another site's page sent this; nothing was changed.")
        return found

    def page(
        self, request: Request, name: str, heading: str, part: int = 0, *, under: str | None = None, **values: Any
    ) -> Response:
        """A page in the studio's frame, or (``part``) what of it is renewed; ``under``: its place in the rail."""
        template = f"studio/{name}_part.html" if part else f"studio/{name}.html"
        here = under or request.url.path
        place = max((path for path, _ in self._places if f"{here}/".startswith(f"{path}/")), key=len, default=here)
        return self._rendering.page(template, heading=heading, places=self._places, here=place, part=part, **values)


def back_to(address: str | None, otherwise: str) -> Response:
    """To a page of the studio after something was done."""
    found = local(address, otherwise)
    return RedirectResponse(found if found.startswith("/studio") else otherwise, _SEE_OTHER)
