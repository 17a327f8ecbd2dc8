"""Players' and pages' events over HTTP; 202 means they are durable.

The busiest route of all, so ``Ahead`` takes its requests before routing does, which costs more than all else together.
A request is read on the event loop; the rest is one hop to a thread of a pool of its own, so that requests which wait
for the log take no threads from pages.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from matinee.accounts.members import Allowance
from matinee.api.authentication import request_token
from matinee.api.problems import answer
from matinee.model.errors import Invalid

if TYPE_CHECKING:
    from matinee.pages.rooms import Rooms

_PATH = "/api/v1/events"
_MOST_BYTES = 1_000_000
_AT_ONCE = 40


class AcceptedBody(BaseModel):
    """How many events were new, and how many had come before."""

    accepted: int
    repeated: int


class Intake:
    """Answers requests that bring events."""

    def __init__(self, rooms: "Rooms") -> None:
        self._rooms = rooms
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="events")

    async def accept(self, request: Request) -> Response:
        """202 once the request's events are durable, all of them."""
        token = request_token(request)
        body = await _read(request)
        accepted = await asyncio.get_running_loop().run_in_executor(self._threads, self._accept, token, body)
        return Response(accepted, status_code=HTTPStatus.ACCEPTED, media_type="application/json")

    def _accept(self, token: str, body: bytes) -> bytes:
        member = self._rooms.accounts.member_of(token)
        self._rooms.accounts.allow(Allowance.EVENTS, member)
        try:
            batch = msgspec.json.decode(body)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise Invalid("The batch of events is not JSON.") from error
        events = batch.get("events") if isinstance(batch, dict) else None
        if not isinstance(events, list):
            raise Invalid('A batch of events is {"events": […]}.')
        accepted = self._rooms.telemetry.accept(member.id, events)
        return b'{"accepted":%d,"repeated":%d}' % (accepted.accepted, accepted.repeated)


async def _read(request: Request) -> bytes:
    # Read by hand and not by content type: what a page sends as it goes away (sendBeacon) says text/plain.
    parts, size = [], 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > _MOST_BYTES:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "What was sent is too large.")
    return b"".join(parts)


class Ahead:
    """ASGI middleware: takes the requests that bring events, and passes all others on."""

    def __init__(self, app: ASGIApp, rooms: "Rooms") -> None:
        self._app = app
        self._intake = Intake(rooms)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] != "http" or scope["path"] != _PATH or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await self._intake.accept(request)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - as the application's own handlers, which this goes before
            response = await answer(request, error)
        await response(scope, receive, send)


def routes(rooms: "Rooms") -> APIRouter:
    """Take a batch of events: ``{"events": [{id, type, time, …facts}]}``."""
    router = APIRouter(prefix="/events", tags=["events"])
    intake = Intake(rooms)

    @router.post("", status_code=HTTPStatus.ACCEPTED, response_model=AcceptedBody)
    async def accept(request: Request) -> Response:
        """Keep them all or none: at most 500 events and 1 MB. 400 names the event that is not right."""
        return await intake.accept(request)

    return router
