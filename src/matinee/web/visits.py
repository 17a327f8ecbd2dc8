"""What the web's routes have in common: who visits, what a form said, and headers that keep browsers safe."""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from urllib.parse import quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from matinee.accounts.members import Profile
from matinee.model.errors import Forbidden
from matinee.pages.rooms import Rooms
from matinee.pages.visitor import Visitor, same_origin, visitor

Form = Mapping[str, str]
_LONGEST_FORM = 20
_SEE_OTHER = 303
_PROFILES = "/profiles"


class ProfileNeeded(Exception):
    """Somebody is signed in but nobody has said who watches."""


def visit(rooms: Rooms, request: Request) -> Visitor:
    """Who visits. SignInRequired if nobody is signed in, which the web answers with the sign-in page."""
    address = None if request.client is None else request.client.host
    return visitor(rooms, request.headers, request.cookies, address)


def watching(rooms: Rooms, request: Request) -> tuple[Visitor, Profile]:
    """Who visits and who watches; ProfileNeeded until a profile is chosen, which leads to the page that asks."""
    visiting = visit(rooms, request)
    if visiting.profile is None:
        raise ProfileNeeded
    return visiting, visiting.profile


def posted(answer: Callable[[Request, Form], Response]) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint for a form of our own pages; Forbidden if another site's page sent it."""

    async def endpoint(request: Request) -> Response:
        if not same_origin(request.method, request.headers):
            raise Forbidden("This form came from another site's page, so nothing was done.")
        async with request.form(max_files=0, max_fields=_LONGEST_FORM) as form:
            fields = {name: value for name, value in form.items() if isinstance(value, str)}
        return await run_in_threadpool(answer, request, fields)

    return endpoint


def see(address: str) -> RedirectResponse:
    """Go on to another page with a GET."""
    return RedirectResponse(address, status_code=_SEE_OTHER)


def local(address: str | None, otherwise: str = "/") -> str:
    """An address of this site to go back to; whatever could lead elsewhere is replaced."""
    if address is None or not re.fullmatch(r"/[\x21-\x7e]*", address) or re.match(r"/[/\\]", address):
        return otherwise
    parts = urlsplit(address)
    return address if not parts.scheme and not parts.netloc else otherwise


def next_of(request: Request) -> str:
    """The page a visitor was on, to come back to after signing in or choosing a profile."""
    if request.method != "GET" or request.headers.get("hx-request"):
        return "/"
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def leading(address: str, back: str) -> str:
    """An address with the page to come back to."""
    return address if back == "/" else f"{address}?next={quote(back, safe='')}"


def policy(edges: Iterable[str] = ()) -> str:
    """The content security policy of a page whose player may fetch from these edges (CSP Level 3).

    Styles in attributes carry a title's colour and progress; a style cannot send anything anywhere.
    """
    origins = " ".join(edges)
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "style-src-attr 'unsafe-inline'",
            "font-src 'self'",
            f"img-src 'self' data: {origins}".rstrip(),
            # data: hls.js makes tracks of subtitles of an empty one.
            f"media-src 'self' blob: data: {origins}".rstrip(),
            f"connect-src 'self' {origins}".rstrip(),
            "manifest-src 'self'",
            "form-action 'self'",
            # The studio's panel shows the player in a frame.
            "frame-src 'self'",
            "frame-ancestors 'self'",
            "base-uri 'none'",
        )
    )


class SafeHeaders:
    """ASGI middleware: what every answer carries. A page that says its own policy keeps it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._policy = policy()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and complete the headers of its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("x-content-type-options", "nosniff")
                # Not no-referrer: that would make browsers send our own forms with "Origin: null".
                headers.setdefault("referrer-policy", "same-origin")
                if headers.get("content-type", "").startswith("text/html"):
                    headers.setdefault("content-security-policy", self._policy)
                    headers.setdefault("cross-origin-opener-policy", "same-origin")
            await send(message)

        await self._app(scope, receive, safely)


def needs_profile(request: Request, _error: Exception) -> Response:
    """Ask who watches, then come back."""
    address = leading(_PROFILES, next_of(request))
    if request.headers.get("hx-request"):
        return Response(status_code=200, headers={"HX-Redirect": address})
    return see(address)
