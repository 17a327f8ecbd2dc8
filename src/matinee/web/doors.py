"""The way in and out: signing in, signing up, signing out."""

import re

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from matinee.accounts.members import SignIn
from matinee.model.errors import CallerError, SignInRequired
from matinee.pages.rooms import Rooms
from matinee.pages.visitor import PROFILE_COOKIE, by_https, ended_cookie, session_cookie, token_from
from matinee.web.rendering import Rendering
from matinee.web.visits import Form, local, posted, see, visit

_SIGNIN, _PROFILES = "/signin", "/profiles"
_UNAUTHORIZED, _BAD = 401, 400
# The first that matches, in the order in which browsers claim to be one another.
_BROWSERS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "a Mac"),
    ("Linux", "Linux"),
)


def device_name(agent: str) -> str:
    """What a device is called in the list of sign-ins: ``Firefox on Linux``."""
    browser = next((name for sign, name in _BROWSERS if sign in agent), None)
    system = next((name for sign, name in _SYSTEMS if sign in agent), None)
    if browser is None:
        return re.sub(r"\s+", " ", agent)[:60] or "An unknown device"
    return f"{browser} on {system}" if system else browser


def routes(rooms: Rooms, rendering: Rendering) -> list[Route]:
    """/signin, /signup and /signout."""

    def door(request: Request, name: str, *, status: int = 200, email: str = "", fault: str = "") -> Response:
        back = local(request.query_params.get("next"))
        return rendering.page(name, status, email=email, fault=fault, back=back)

    def entered(request: Request, sign_in: SignIn, address: str) -> Response:
        response = see(address)
        https = by_https(request.url.scheme, request.headers)
        response.set_cookie(**session_cookie(sign_in.token, sign_in.expires_at, https=https))
        response.delete_cookie(PROFILE_COOKIE)
        return response

    def show_signin(request: Request) -> Response:
        try:
            visit(rooms, request)
        except SignInRequired:
            return door(request, "signin.html")
        return see(local(request.query_params.get("next")))

    def sign_in(request: Request, form: Form) -> Response:
        email, device = form.get("email", ""), device_name(request.headers.get("user-agent", ""))
        try:
            signed = rooms.accounts.sign_in(email, form.get("password", ""), device)
        except CallerError as error:
            return door(request, "signin.html", status=_UNAUTHORIZED, email=email, fault=str(error))
        return entered(request, signed, local(form.get("next")))

    def show_signup(request: Request) -> Response:
        return door(request, "signup.html")

    def sign_up(request: Request, form: Form) -> Response:
        email, password = form.get("email", ""), form.get("password", "")
        device = device_name(request.headers.get("user-agent", ""))
        try:
            rooms.accounts.sign_up(email, password)
            signed = rooms.accounts.sign_in(email, password, device)
        except CallerError as error:
            return door(request, "signup.html", status=_BAD, email=email, fault=str(error))
        return entered(request, signed, f"{_PROFILES}/new")

    def sign_out(request: Request, _form: Form) -> Response:
        token = token_from(request.headers, request.cookies)
        if token is not None:
            rooms.accounts.sign_out(token)
        response = see(_SIGNIN)
        response.delete_cookie(**ended_cookie(https=by_https(request.url.scheme, request.headers)))
        response.delete_cookie(PROFILE_COOKIE)
        return response

    return [
        Route(_SIGNIN, show_signin, methods=["GET"]),
        Route(_SIGNIN, posted(sign_in), methods=["POST"]),
        Route("/signup", show_signup, methods=["GET"]),
        Route("/signup", posted(sign_up), methods=["POST"]),
        Route("/signout", posted(sign_out), methods=["POST"]),
    ]
