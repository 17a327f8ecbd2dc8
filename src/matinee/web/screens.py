"""The screens of who watches: home, a title, search, the film itself."""

import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from matinee.accounts.members import Allowance
from matinee.encodes.jobs import Job, JobState
from matinee.pages.cards import Said, cards
from matinee.pages.home import home_page
from matinee.pages.rooms import Rooms
from matinee.pages.title import title_page
from matinee.pages.watch import watch_page
from matinee.web.marks import bar
from matinee.web.rendering import Rendering
from matinee.web.visits import policy, watching

_RESULTS = 48
_LONGEST_QUERY = 100
_NO_CONTENT = 204
_COMING_SHOWN = 6
_UNFINISHED = frozenset({JobState.QUEUED, JobState.RUNNING})
# Films that are being made are looked for at most this often, however many people are at home.
_LOOK_EVERY = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Coming:
    """A film that is being made playable; ``progress`` is 0 to 1."""

    name: str
    progress: float


class Screens:
    """/, /titles/{id}, /watch/{id} and /search."""

    def __init__(self, rooms: Rooms, rendering: Rendering) -> None:
        self._rooms = rooms
        self._rendering = rendering
        self._looked: tuple[datetime, tuple[Coming, ...]] | None = None

    def routes(self) -> list[Route]:
        """The routes."""
        return [
            Route("/", self.home, methods=["GET"]),
            Route("/titles/{title_id}", self.title, methods=["GET"]),
            Route("/watch/{title_id}", self.watch, methods=["GET"]),
            Route("/search", self.search, methods=["GET"]),
        ]

    def home(self, request: Request) -> Response:
        """The home page.

        While films are being made it asks again every two seconds, with ``seen`` naming what it shows; if that is
        still so the answer is 204, else the page's body alone.
        """
        visiting, profile = watching(self._rooms, request)
        coming = self._coming()
        page = home_page(self._rooms, profile, visiting.region, request.headers.get("user-agent", ""))
        self._rooms.experiments.expose(profile.id)
        live = bool(coming) or page.hero is None
        body = self._rendering.html("home_rows.html", page=page, coming=coming[:_COMING_SHOWN])
        seen = f"{zlib.crc32(body.encode()):08x}"
        if request.headers.get("hx-request") is None:
            return self._rendering.page("home.html", body=body, seen=seen, live=live, **bar(visiting, profile))
        if live and request.query_params.get("seen") == seen:
            return Response(status_code=_NO_CONTENT)
        return self._rendering.page("home_body.html", body=body, seen=seen, live=live)

    def title(self, request: Request) -> Response:
        """A title's page."""
        visiting, profile = watching(self._rooms, request)
        territory = self._rooms.topology.territory(visiting.region)
        page = title_page(self._rooms, profile, request.path_params["title_id"], territory)
        return self._rendering.page("title.html", page=page, **bar(visiting, profile))

    def watch(self, request: Request) -> Response:
        """The film; its policy lets the player fetch from the edges."""
        visiting, profile = watching(self._rooms, request)
        territory = self._rooms.topology.territory(visiting.region)
        page = watch_page(self._rooms, profile, request.path_params["title_id"], territory)
        headers = {"Content-Security-Policy": policy(page.edges)}
        return self._rendering.page("watch.html", headers=headers, page=page)

    def search(self, request: Request) -> Response:
        """Search by name: the whole page, or for htmx the results alone."""
        visiting, profile = watching(self._rooms, request)
        query = request.query_params.get("q", "").strip()[:_LONGEST_QUERY]
        if query:
            self._rooms.accounts.allow(Allowance.SEARCHES, visiting.member)
        territory, age = self._rooms.topology.territory(visiting.region), profile.maturity_limit
        found = self._rooms.catalogue.search(query, _RESULTS, age, territory) if query else []
        shelf, recommender = self._rooms.catalogue.shelf(), self._rooms.recommender
        said = Said(shelf, *recommender.said(profile.id), recommender.pictures(profile.id, shelf))
        shown = cards(found, recommender.progress(profile.id), said)
        if request.headers.get("hx-request") is not None:
            return self._rendering.page("search_results.html", query=query, cards=shown)
        return self._rendering.page("search.html", query=query, cards=shown, **bar(visiting, profile))

    def _coming(self) -> tuple[Coming, ...]:
        """What is being made, the furthest first."""
        now, looked = self._rooms.clock.now(), self._looked
        if looked is not None and now - looked[0] < _LOOK_EVERY:
            return looked[1]
        jobs = [job for job in self._rooms.encoding.jobs() if job.state in _UNFINISHED]
        coming = tuple(Coming(job.name or job.source_name, job.progress) for job in _furthest(jobs))
        self._looked = (now, coming)
        return coming


def _furthest(jobs: list[Job]) -> list[Job]:
    return sorted(jobs, key=lambda job: (-job.progress, job.priority, job.created_at))
