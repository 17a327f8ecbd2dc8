"""Players' and pages' events over HTTP; 202 means they are durable.

The busiest route of all. It reads the request on the event loop and does the rest in one hop to a thread of its own
pool, so that requests which wait for the log take no threads from pages.
"""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from matinee.api.authentication import request_token
from matinee.model.errors import Invalid

if TYPE_CHECKING:
    from matinee.pages.rooms import Rooms

_MOST_BYTES = 1_000_000
_AT_ONCE = 40


class AcceptedBody(BaseModel):
    """How many events were new, and how many had come before."""

    accepted: int
    repeated: int


def routes(rooms: "Rooms") -> APIRouter:
    """Take a batch of events: ``{"events": [{id, type, time, …facts}]}``."""
    router = APIRouter(prefix="/events", tags=["events"], max_body_size=_MOST_BYTES)
    threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="events")

    @router.post("", status_code=202, response_model=AcceptedBody)
    async def accept(request: Request) -> Response:
        """Keep them all or none: at most 500 events and 1 MB. 400 names the event that is not right."""
        token = request_token(request)
        # Read by hand and not by content type: what a page sends as it goes away (sendBeacon) says text/plain.
        body = await request.body()
        answer = await asyncio.get_running_loop().run_in_executor(threads, _accept, rooms, token, body)
        return Response(answer, status_code=202, media_type="application/json")

    return router


def _accept(rooms: "Rooms", token: str, body: bytes) -> bytes:
    member = rooms.accounts.member_of(token)
    try:
        batch = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Invalid("The batch of events is not JSON.") from error
    events = batch.get("events") if isinstance(batch, dict) else None
    if not isinstance(events, list):
        raise Invalid('A batch of events is {"events": […]}.')
    accepted = rooms.telemetry.accept(member.id, events)
    return b'{"accepted":%d,"repeated":%d}' % (accepted.accepted, accepted.repeated)
