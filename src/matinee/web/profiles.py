"""Who is watching: choosing a profile, giving its PIN, adding one."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from matinee.accounts.members import Profile, Role
from matinee.model.errors import CallerError, Forbidden, LimitReached
from matinee.pages.rooms import Rooms
from matinee.pages.visitor import PROFILE_COOKIE
from matinee.web.rendering import Rendering
from matinee.web.visits import Form, local, posted, see, visit

_PROFILES = "/profiles"
_YEAR = 31_536_000
_BAD, _FORBIDDEN = 400, 403
# What a profile may be limited to, and how it is said.
LIMITS = ((18, "Everything"), (16, "16 and under"), (12, "12 and under"), (6, "6 and under"), (0, "For all ages only"))


class Profiles:
    """/profiles, its PIN prompt and /profiles/new."""

    def __init__(self, rooms: Rooms, rendering: Rendering) -> None:
        self._rooms = rooms
        self._rendering = rendering

    def routes(self) -> list[Route]:
        """The routes, reading first."""
        return [
            Route(_PROFILES, self.show, methods=["GET"]),
            Route(_PROFILES, posted(self.choose), methods=["POST"]),
            Route(f"{_PROFILES}/new", self.show_new, methods=["GET"]),
            Route(f"{_PROFILES}/new", posted(self.add), methods=["POST"]),
        ]

    def show(self, request: Request) -> Response:
        """Who is watching; whoever has no profile yet is asked for a first one."""
        visiting = visit(self._rooms, request)
        profiles = visiting.household.profiles()
        if not profiles:
            return see(f"{_PROFILES}/new")
        back = local(request.query_params.get("next"))
        operator = visiting.member.role is Role.OPERATOR
        return self._rendering.page("profiles.html", profiles=profiles, back=back, operator=operator)

    def choose(self, request: Request, form: Form) -> Response:
        """Watch with a profile; a locked one asks for its PIN first."""
        visiting = visit(self._rooms, request)
        profile = self._rooms.accounts.profile(visiting.member.id, form.get("profile_id", ""))
        back = local(form.get("next"))
        try:
            if "pin" in form:
                visiting.household.unlock(profile.id, pin=form["pin"])
            else:
                visiting.household.open(profile.id)
        except (Forbidden, LimitReached) as error:
            asked = "pin" in form
            fault, status = (str(error), _FORBIDDEN) if asked else ("", 200)
            return self._rendering.page("pin.html", status, profile=profile, back=back, fault=fault)
        if not profile.has_pin:
            visiting.household.lock()
        return _chosen(request, profile, back)

    def show_new(self, request: Request) -> Response:
        """The form for a new profile."""
        return self._form(request)

    def add(self, request: Request, form: Form) -> Response:
        """Add a profile and watch with it."""
        household = visit(self._rooms, request).household
        name, limit, pin = form.get("name", ""), form.get("maturity_limit", ""), form.get("pin") or None
        age = int(limit) if limit.isascii() and limit.isdigit() else LIMITS[0][0]
        try:
            profile = household.add(name, maturity_limit=age, pin=pin)
            # Who has just chosen the PIN knows it.
            household.unlock(profile.id, pin=pin)
        except CallerError as error:
            return self._form(request, status=_BAD, fault=str(error), name=name, maturity_limit=limit)
        return _chosen(request, profile, "/")

    def _form(self, request: Request, *, status: int = 200, fault: str = "", **said: str) -> Response:
        highest = visit(self._rooms, request).household.limit()
        limits = [(age, words) for age, words in LIMITS if age <= highest]
        values = {"name": "", "maturity_limit": "", **said}
        return self._rendering.page("profile_new.html", status, limits=limits, fault=fault, values=values)


def _chosen(request: Request, profile: Profile, back: str) -> Response:
    response = see(back)
    https = request.url.scheme == "https"
    response.set_cookie(
        PROFILE_COOKIE, profile.id, max_age=_YEAR, path="/", httponly=True, samesite="lax", secure=https
    )
    return response
