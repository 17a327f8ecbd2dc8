"""Players' and pages' events over HTTP; 202 means they are durable."""

import json
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from matinee.accounts.members import Member
from matinee.api.authentication import signed_in
from matinee.model.errors import Invalid

if TYPE_CHECKING:
    from matinee.pages.rooms import Rooms

_MOST_BYTES = 1_000_000


class AcceptedBody(BaseModel):
    """How many events were new, and how many had come before."""

    accepted: int
    repeated: int


async def _bytes(request: Request) -> bytes:
    # Read by hand and not by content type: what a page sends as it goes away (sendBeacon) says text/plain.
    return await request.body()


def routes(rooms: "Rooms") -> APIRouter:
    """Take a batch of events: ``{"events": [{id, type, time, …facts}]}``."""
    router = APIRouter(prefix="/events", tags=["events"], max_body_size=_MOST_BYTES)
    SignedIn = Annotated[Member, Depends(signed_in(rooms))]  # noqa: N806 - a type, made of this service's rooms

    @router.post("", status_code=202)
    def accept(member: SignedIn, body: Annotated[bytes, Depends(_bytes)]) -> AcceptedBody:
        """Keep them all or none: at most 500 events and 1 MB. 400 names the event that is not right."""
        try:
            batch = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise Invalid("The batch of events is not JSON.") from error
        events = batch.get("events") if isinstance(batch, dict) else None
        if not isinstance(events, list):
            raise Invalid('A batch of events is {"events": […]}.')
        accepted = rooms.telemetry.accept(member.id, events)
        return AcceptedBody(accepted=accepted.accepted, repeated=accepted.repeated)

    return router
