"""My list, thumbs and history: their pages, and the forms that work without scripts."""

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from matinee.accounts.members import Allowance, Profile, Role
from matinee.model.errors import Invalid
from matinee.pages import household
from matinee.pages.rooms import Rooms
from matinee.pages.visitor import Visitor
from matinee.playback.marks import Rating
from matinee.web.rendering import Rendering
from matinee.web.visits import Form, posted, see, watching

_HISTORY_SHOWN = 60
_MOST_OFFSET = 100_000
_RATINGS = {rating.value: rating for rating in Rating}


class Marks:
    """/list, /history, and the forms of a title's page."""

    def __init__(self, rooms: Rooms, rendering: Rendering) -> None:
        self._rooms = rooms
        self._rendering = rendering

    def routes(self) -> list[Route]:
        """The routes, reading first."""
        return [
            Route("/list", self.show_list, methods=["GET"]),
            Route("/history", self.show_history, methods=["GET"]),
            Route("/history/forget", posted(self.forget), methods=["POST"]),
            Route("/history/{title_id}/removal", posted(self.remove), methods=["POST"]),
            Route("/titles/{title_id}/rating", posted(self.rate), methods=["POST"]),
            Route("/titles/{title_id}/list", posted(self.keep), methods=["POST"]),
        ]

    def show_list(self, request: Request) -> Response:
        """What stands on the list."""
        visiting, profile = watching(self._rooms, request)
        kept = household.my_list(self._rooms, profile, visiting.region)
        return self._rendering.page("list.html", cards=[one.card for one in kept], **bar(visiting, profile))

    def show_history(self, request: Request) -> Response:
        """What was watched, latest first; with ``forget`` it asks whether all of it is to be forgotten."""
        visiting, profile = watching(self._rooms, request)
        told = request.query_params.get("from", "")
        offset = min(int(told), _MOST_OFFSET) if told.isascii() and told.isdigit() and len(told) < len("1000000") else 0
        kept, total = household.history(self._rooms, profile, visiting.region, offset, _HISTORY_SHOWN)
        return self._rendering.page(
            "history.html",
            kept=kept,
            total=total,
            offset=offset,
            shown=_HISTORY_SHOWN,
            asking="forget" in request.query_params,
            **bar(visiting, profile),
        )

    def forget(self, request: Request, _form: Form) -> Response:
        """Forget what the profile watched and said until now."""
        visiting, profile = watching(self._rooms, request)
        self._rooms.accounts.allow(Allowance.FORGETTING, visiting.member)
        self._rooms.playbacks.forget_history(visiting.member.id, profile.id)
        return see("/history")

    def remove(self, request: Request, _form: Form) -> Response:
        """Forget that the profile watched one title; back to where the history was."""
        visiting, profile = watching(self._rooms, request)
        self._rooms.accounts.allow(Allowance.EVENTS, visiting.member)
        self._rooms.playbacks.forget_title(profile.id, request.path_params["title_id"])
        return see("/history")

    def rate(self, request: Request, form: Form) -> Response:
        """Thumbs; the same ones again take them back."""
        told = form.get("rating", "")
        if told not in {"", *_RATINGS}:
            raise Invalid("A rating is a thumb down, one up, or two up.")
        return self._marked(
            request,
            lambda visiting, profile, title_id: household.rate(
                self._rooms, profile, title_id, _RATINGS.get(told), visiting.region
            ),
        )

    def keep(self, request: Request, form: Form) -> Response:
        """On the list, or off it."""
        listed = form.get("listed") == "1"
        return self._marked(
            request,
            lambda visiting, profile, title_id: household.keep(
                self._rooms, profile, title_id, visiting.region, listed=listed
            ),
        )

    def _marked(self, request: Request, mark: Callable[[Visitor, Profile, str], object]) -> Response:
        visiting, profile = watching(self._rooms, request)
        self._rooms.accounts.allow(Allowance.EVENTS, visiting.member)
        title_id: str = request.path_params["title_id"]
        mark(visiting, profile, title_id)
        return see(f"/titles/{title_id}")


def bar(visiting: Visitor, profile: Profile) -> dict[str, Any]:
    """What the bar above every screen shows."""
    return {"profile": profile, "operator": visiting.member.role is Role.OPERATOR}
