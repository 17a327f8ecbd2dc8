"""The screens of who watches: home, a title, search, the film itself."""

import zlib
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from matinee.accounts.members import Profile, Role
from matinee.encoding.jobs import Job
from matinee.pages.cards import cards
from matinee.pages.home import home_page
from matinee.pages.rooms import Rooms
from matinee.pages.title import title_page
from matinee.pages.visitor import Visitor
from matinee.pages.watch import watch_page
from matinee.web.rendering import Rendering
from matinee.web.visits import policy, watching

_RESULTS = 48
_LONGEST_QUERY = 100
_NO_CONTENT = 204
_WAITING_SHOWN = 6
_UNFINISHED = frozenset({"queued", "running"})


@dataclass(frozen=True, slots=True)
class Coming:
    """A film that is being made playable; ``progress`` is 0 to 1."""

    name: str
    progress: float
    stage: str


def routes(rooms: Rooms, rendering: Rendering) -> list[Route]:
    """/, /titles/{id}, /watch/{id} and /search."""

    def shared(visiting: Visitor, profile: Profile) -> dict[str, Any]:
        return {"profile": profile, "operator": visiting.member.role is Role.OPERATOR}

    def home(request: Request) -> Response:
        visiting, profile = watching(rooms, request)
        unfinished = [job for job in rooms.encoding.jobs() if job.state in _UNFINISHED]
        page = home_page(rooms, profile, visiting.region)
        coming = _coming(rooms, unfinished) if page.hero is None else ()
        body = rendering.html("home_rows.html", page=page, coming=coming)
        # While films are being made the page asks again; who has seen this state already is told nothing.
        seen = f"{zlib.crc32(body.encode()):08x}"
        live = bool(unfinished) or page.hero is None
        if request.headers.get("hx-request"):
            if live and request.query_params.get("seen") == seen:
                return Response(status_code=_NO_CONTENT)
            return rendering.page("home_body.html", body=body, seen=seen, live=live)
        return rendering.page("home.html", body=body, seen=seen, live=live, **shared(visiting, profile))

    def title(request: Request) -> Response:
        visiting, profile = watching(rooms, request)
        page = title_page(rooms, profile, request.path_params["title_id"])
        return rendering.page("title.html", page=page, **shared(visiting, profile))

    def watch(request: Request) -> Response:
        _visiting, profile = watching(rooms, request)
        page = watch_page(rooms, profile, request.path_params["title_id"])
        headers = {"Content-Security-Policy": policy(page.edges)}
        return rendering.page("watch.html", headers=headers, page=page)

    def search(request: Request) -> Response:
        visiting, profile = watching(rooms, request)
        query = request.query_params.get("q", "").strip()[:_LONGEST_QUERY]
        found = rooms.catalogue.search(query, _RESULTS, profile.maturity_limit) if query else []
        shown = cards(found, rooms.recommender.progress(profile.id))
        partial = request.headers.get("hx-request") is not None
        name = "search_results.html" if partial else "search.html"
        extra = {} if partial else shared(visiting, profile)
        return rendering.page(name, query=query, cards=shown, **extra)

    return [
        Route("/", home, methods=["GET"]),
        Route("/titles/{title_id}", title, methods=["GET"]),
        Route("/watch/{title_id}", watch, methods=["GET"]),
        Route("/search", search, methods=["GET"]),
    ]


def _coming(rooms: Rooms, jobs: list[Job]) -> tuple[Coming, ...]:
    """What is being made, the furthest first."""
    names = {title.id: title.name for title in rooms.catalogue.titles()}
    coming = [Coming(names.get(job.title_id, ""), job.progress, job.stage) for job in jobs if job.title_id in names]
    return tuple(sorted(coming, key=lambda film: -film.progress)[:_WAITING_SHOWN])


