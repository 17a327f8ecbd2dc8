"""The web on the house's application: pages, pictures, built files, and failures in the house's words."""

from http import HTTPStatus
from typing import Any, Protocol

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from matinee.pages.rooms import Rooms
from matinee.web import studio
from matinee.web.doors import Doors
from matinee.web.images import images, static
from matinee.web.marks import Marks
from matinee.web.profiles import Profiles
from matinee.web.rendering import STATIC, Rendering
from matinee.web.screens import Screens
from matinee.web.visits import ProfileNeeded, SafeHeaders, leading, needs_profile, next_of, see

# What to say above a problem's own sentence: what happened, and what is safe.
_HEADINGS = {
    HTTPStatus.FORBIDDEN: ("This is not yours to open", "Nothing was changed."),
    HTTPStatus.NOT_FOUND: ("No such seat", "Everything else is where it was."),
    HTTPStatus.TOO_MANY_REQUESTS: ("One moment", "Nothing is lost. Try again a little later."),
    HTTPStatus.SERVICE_UNAVAILABLE: (
        "A part of the house does not answer",
        "What you watched is kept. Try again in a moment.",
    ),
}
_OURS = ("Something broke on our side", "What you watched is kept. Try again, or go home.")
_YOURS = ("That did not work", "Nothing was changed.")


class Problem(Protocol):
    """What went wrong: a status and a sentence."""

    @property
    def status(self) -> HTTPStatus:
        """The answer's status."""
        ...

    @property
    def detail(self) -> str:
        """A sentence for people."""
        ...

    @property
    def headers(self) -> Any:
        """Headers that go with the status."""
        ...


def install(app: FastAPI, rooms: Rooms) -> None:
    """Put the web on an application that has the API already."""
    rendering = Rendering()

    def problem_page(request: Request, problem: Problem) -> Response:
        if problem.status is HTTPStatus.UNAUTHORIZED:
            address = leading("/signin", next_of(request))
            if request.headers.get("hx-request"):
                return Response(status_code=HTTPStatus.OK, headers={"HX-Redirect": address})
            return see(address)
        broken = problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        heading, safe = _HEADINGS.get(problem.status, _OURS if broken else _YOURS)
        return rendering.page(
            "problem.html", problem.status, problem.headers, heading=heading, detail=problem.detail, safe=safe
        )

    app.state.problem_page = problem_page
    app.add_exception_handler(ProfileNeeded, needs_profile)
    app.add_middleware(SafeHeaders)
    app.router.routes.extend(routes(rooms, rendering))
    app.include_router(studio.routes(rooms, rendering))


def routes(rooms: Rooms, rendering: Rendering) -> list[Route]:
    """Every route of the web."""
    return [
        *Screens(rooms, rendering).routes(),
        *Marks(rooms, rendering).routes(),
        *Doors(rooms, rendering).routes(),
        *Profiles(rooms, rendering).routes(),
        Route("/images/{title}/{revision}/{file}", images(rooms), methods=["GET"]),
        Route("/static/{name}", static(STATIC), methods=["GET"]),
    ]
