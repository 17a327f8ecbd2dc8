"""Who is watching: choosing a profile, giving its PIN, adding one."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from matinee.accounts.members import Profile, Role
from matinee.model.errors import CallerError, Forbidden, LimitReached
from matinee.pages.rooms import Rooms
from matinee.pages.visitor import PROFILE_COOKIE, by_https
from matinee.web.rendering import Rendering
from matinee.web.visits import Form, local, posted, see, visit

_PROFILES = "/profiles"
_YEAR = 31_536_000
_BAD, _FORBIDDEN = 400, 403
# What a profile may be limited to, and how it is said.
LIMITS = ((18, "Everything"), (16, "16 and under"), (12, "12 and under"), (6, "6 and under"), (0, "For all ages only"))


def routes(rooms: Rooms, rendering: Rendering) -> list[Route]:
    """/profiles, its PIN prompt and /profiles/new."""

    def show(request: Request) -> Response:
        visiting = visit(rooms, request)
        profiles = visiting.household.profiles()
        back = local(request.query_params.get("next"))
        if not profiles:
            return see(f"{_PROFILES}/new")
        operator = visiting.member.role is Role.OPERATOR
        return rendering.page("profiles.html", profiles=profiles, back=back, operator=operator)

    def choose(request: Request, form: Form) -> Response:
        visiting = visit(rooms, request)
        profile = rooms.accounts.profile(visiting.member.id, form.get("profile_id", ""))
        back = local(form.get("next"))
        try:
            visiting.household.open(profile.id)
        except Forbidden:
            if "pin" not in form:
                return rendering.page("pin.html", profile=profile, back=back, fault="")
            try:
                visiting.household.unlock(profile.id, pin=form["pin"])
            except (Forbidden, LimitReached) as error:
                return rendering.page("pin.html", _FORBIDDEN, profile=profile, back=back, fault=str(error))
        else:
            if not profile.has_pin:
                visiting.household.lock()
        return chosen(request, profile, back)

    def chosen(request: Request, profile: Profile, back: str) -> Response:
        response = see(back)
        https = by_https(request.url.scheme, request.headers)
        response.set_cookie(
            PROFILE_COOKIE, profile.id, max_age=_YEAR, path="/", httponly=True, samesite="lax", secure=https
        )
        return response

    def form_page(request: Request, *, status: int = 200, fault: str = "", **said: str) -> Response:
        visiting = visit(rooms, request)
        highest = visiting.household.limit()
        limits = [(age, words) for age, words in LIMITS if age <= highest]
        values = {"name": "", "maturity_limit": "", **said}
        return rendering.page("profile_new.html", status, limits=limits, fault=fault, values=values)

    def show_new(request: Request) -> Response:
        return form_page(request)

    def add(request: Request, form: Form) -> Response:
        visiting = visit(rooms, request)
        name, limit = form.get("name", ""), form.get("maturity_limit", "")
        try:
            profile = visiting.household.add(
                name,
                maturity_limit=int(limit) if limit.isascii() and limit.isdigit() else LIMITS[0][0],
                pin=form.get("pin") or None,
            )
            if profile.has_pin:
                # Who has just chosen the PIN knows it.
                visiting.household.unlock(profile.id, pin=form["pin"])
        except CallerError as error:
            return form_page(request, status=_BAD, fault=str(error), name=name, maturity_limit=limit)
        return chosen(request, profile, "/")

    return [
        Route(_PROFILES, show, methods=["GET"]),
        Route(_PROFILES, posted(choose), methods=["POST"]),
        Route(f"{_PROFILES}/new", show_new, methods=["GET"]),
        Route(f"{_PROFILES}/new", posted(add), methods=["POST"]),
    ]
