"""The way in and out: signing in, signing up, signing out."""

import re

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from matinee.accounts.members import Allowance, SignIn
from matinee.model.errors import CallerError, SignInRequired
from matinee.pages.rooms import Rooms
from matinee.pages.visitor import PROFILE_COOKIE, ended_cookie, session_cookie, token_from
from matinee.web.rendering import Rendering
from matinee.web.visits import Form, local, posted, see, visit

_SIGNIN = "/signin"
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


class Doors:
    """/signin, /signup and /signout."""

    def __init__(self, rooms: Rooms, rendering: Rendering) -> None:
        self._rooms = rooms
        self._rendering = rendering

    def routes(self) -> list[Route]:
        """The routes, reading first."""
        return [
            Route(_SIGNIN, self.show_signin, methods=["GET"]),
            Route(_SIGNIN, posted(self.sign_in), methods=["POST"]),
            Route("/signup", self.show_signup, methods=["GET"]),
            Route("/signup", posted(self.sign_up), methods=["POST"]),
            Route("/signout", posted(self.sign_out), methods=["POST"]),
        ]

    def show_signin(self, request: Request) -> Response:
        """The form, or onwards if somebody is signed in."""
        back = local(request.query_params.get("next"))
        try:
            visit(self._rooms, request)
        except SignInRequired:
            return self._rendering.page("signin.html", email="", fault="", back=back)
        return see(back)

    def sign_in(self, request: Request, form: Form) -> Response:
        """Sign in and go where one wanted to go."""
        self._limit(request)
        email, back = form.get("email", ""), local(form.get("next"))
        try:
            signed = self._rooms.accounts.sign_in(email, form.get("password", ""), _device(request))
        except CallerError as error:
            return self._rendering.page("signin.html", _UNAUTHORIZED, email=email, fault=str(error), back=back)
        return self._entered(request, signed, back)

    def show_signup(self, _request: Request) -> Response:
        """The form for a new account."""
        return self._rendering.page("signup.html", email="", fault="")

    def sign_up(self, request: Request, form: Form) -> Response:
        """Make an account, sign in and ask for a first profile."""
        self._limit(request)
        email, password = form.get("email", ""), form.get("password", "")
        try:
            self._rooms.accounts.sign_up(email, password)
            signed = self._rooms.accounts.sign_in(email, password, _device(request))
        except CallerError as error:
            return self._rendering.page("signup.html", _BAD, email=email, fault=str(error))
        return self._entered(request, signed, "/profiles/new")

    def sign_out(self, request: Request, _form: Form) -> Response:
        """End this device's session, and what plays in it."""
        token = token_from(request.headers, request.cookies)
        ended = None if token is None else self._rooms.accounts.sign_out(token)
        if ended is not None:
            member_id, session_id = ended
            self._rooms.playbacks.revoke_all(member_id, by=member_id, session_id=session_id)
        response = see(_SIGNIN)
        response.delete_cookie(**ended_cookie(https=request.url.scheme == "https"))
        response.delete_cookie(PROFILE_COOKIE)
        return response

    def _limit(self, request: Request) -> None:
        self._rooms.accounts.allow_from(Allowance.SIGN_INS, request.client.host if request.client else None)

    def _entered(self, request: Request, signed: SignIn, address: str) -> Response:
        response = see(address)
        https = request.url.scheme == "https"
        lasts = signed.expires_at - self._rooms.clock.now()
        response.set_cookie(**session_cookie(signed.token, lasts, https=https))
        response.delete_cookie(PROFILE_COOKIE)
        return response


def _device(request: Request) -> str:
    return device_name(request.headers.get("user-agent", ""))
