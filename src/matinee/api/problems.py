"""Every failure as ``application/problem+json`` (RFC 9457), its detail a sentence for people."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from obstore.exceptions import BaseError
from pydantic import BaseModel
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from matinee.model.errors import (
    Conflict,
    EncodingFailed,
    Forbidden,
    Invalid,
    LimitReached,
    MatineeError,
    NotFound,
    Refused,
    SignInRequired,
    Unavailable,
)

_log = structlog.get_logger()

STATUSES: Mapping[type[MatineeError], HTTPStatus] = {
    Invalid: HTTPStatus.BAD_REQUEST,
    SignInRequired: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    LimitReached: HTTPStatus.TOO_MANY_REQUESTS,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    EncodingFailed: HTTPStatus.INTERNAL_SERVER_ERROR,
    Refused: HTTPStatus.UNPROCESSABLE_ENTITY,
}

# What SQLAlchemy says of a database that is away, too busy, or gave a statement up.
_AWAY = (OperationalError, InterfaceError, PoolTimeoutError)
_RETRY_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Problem:
    """A failure on its way out: a status, a sentence, headers, and for a body's faults one entry each."""

    status: HTTPStatus
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)
    errors: Sequence[Mapping[str, str]] = ()


class ProblemFault(BaseModel):
    """One fault of what was sent: where, as a JSON pointer (RFC 6901), and what."""

    pointer: str
    detail: str


class ProblemBody(BaseModel):
    """RFC 9457 §3.1. ``type`` is about:blank: the status says what kind of problem it is, ``detail`` the rest."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str | None = None
    errors: list[ProblemFault] | None = None


PageOf = Callable[[Request, Problem], Response]


def install(app: FastAPI) -> None:
    """Answer every failure of an application with a problem; call it before routers are included.

    Who sets ``app.state.problem_page`` (a function of request and Problem) answers browsers outside /api with a page.
    """
    # FastAPI would describe its own 422 at every route.
    app.router.responses["4XX"] = {"model": ProblemBody, "description": "A problem, with a sentence"}
    app.add_exception_handler(MatineeError, answer)
    app.add_exception_handler(RequestValidationError, answer)
    app.add_exception_handler(HTTPException, answer)
    for away in (*_AWAY, BaseError):
        app.add_exception_handler(away, answer)
    app.add_exception_handler(Exception, answer)
    app.add_middleware(_TooLarge)


def problem_of(error: Exception, method: str, path: str) -> Problem:
    """What to say of an error that a request of this method and path met."""
    match error:
        case MatineeError():
            return _ours(error)
        case RequestValidationError():
            faults = [_fault(entry) for entry in error.errors()]
            return Problem(HTTPStatus.BAD_REQUEST, " ".join(fault["detail"] for fault in faults), errors=faults)
        case HTTPException():
            return _frameworks(error, method, path)
        case _ if isinstance(error, _AWAY):
            detail = "The database does not answer now."
            return Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": str(_RETRY_SECONDS)})
        case BaseError():
            detail = "The object store does not answer now."
            return Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": str(_RETRY_SECONDS)})
        case _:
            return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "Something broke here; the log says what.")


async def answer(request: Request, error: Exception) -> Response:
    """The answer to a request that met an error; what is our own fault is logged."""
    problem = problem_of(error, request.method, request.url.path)
    if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        # A line, not a traceback: while a part is away there is one for every request.
        reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        _log.warning("request.unavailable", method=request.method, path=request.url.path, reason=reason)
    elif problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("request.failed", method=request.method, path=request.url.path, exc_info=error)
    return _response(request, problem)


def _response(request: Request, problem: Problem) -> Response:
    page: PageOf | None = getattr(request.app.state, "problem_page", None)
    browser = "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api/")
    if page is not None and browser:
        return page(request, problem)
    body = ProblemBody(
        title=problem.status.phrase,
        status=problem.status,
        detail=problem.detail,
        instance=request.url.path,
        errors=[ProblemFault(**fault) for fault in problem.errors] or None,
    )
    return JSONResponse(
        body.model_dump(exclude_none=True),
        status_code=problem.status,
        headers=dict(problem.headers),
        media_type="application/problem+json",
    )


class _TooLarge:
    """Says in a problem what Starlette's limit of bodies says in plain text, past every exception handler."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = False

        async def told(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start" and message["status"] == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                refused = Headers(raw=message["headers"]).get("content-type", "").startswith("text/plain")
                if refused:
                    problem = Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "What was sent is too large.")
                    await _response(Request(scope), problem)(scope, receive, send)
            if not refused:
                await send(message)

        await self._app(scope, receive, told if scope["type"] == "http" else send)


def _ours(error: MatineeError) -> Problem:
    status = next(
        (STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), HTTPStatus.INTERNAL_SERVER_ERROR
    )
    headers = {}
    if status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="matinee"'  # RFC 9110 §11.6.1 asks for it with every 401
    if isinstance(error, LimitReached) and error.retry_after_seconds is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after_seconds))
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(_RETRY_SECONDS)
    return Problem(status, str(error), headers)


def _frameworks(error: HTTPException, method: str, path: str) -> Problem:
    status = HTTPStatus(error.status_code)
    headers = dict(error.headers or {})
    if error.detail and error.detail != status.phrase:
        return Problem(status, f"{str(error.detail).rstrip('.')}.", headers)
    match status:
        case HTTPStatus.NOT_FOUND:
            detail = f"There is nothing at {path}."
        case HTTPStatus.METHOD_NOT_ALLOWED:
            detail = f"{path} does not take {method}."
        case _:
            detail = f"{status.description or status.phrase}."
    return Problem(status, detail, headers)


def _fault(entry: Mapping[str, Any]) -> dict[str, str]:
    """A fault that Pydantic found. What was sent is not repeated: it may be a password."""
    where, *names = entry["loc"]
    pointer = "".join(f"/{str(name).replace('~', '~0').replace('/', '~1')}" for name in names)
    if entry["type"] == "json_invalid":
        return {"pointer": "", "detail": f"The {where} is not JSON: {entry['ctx']['error']}."}
    named = "The " + (f"{where}'s {'.'.join(map(str, names))!r}" if names else str(where))
    if entry["type"] == "missing":
        return {"pointer": pointer, "detail": f"{named} is missing."}
    message = str(entry["msg"])
    return {"pointer": pointer, "detail": f"{named} is not right: {message[:1].lower()}{message[1:]}."}
