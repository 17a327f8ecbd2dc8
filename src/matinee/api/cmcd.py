"""CMCD reports over HTTP (CTA-5004-A event mode): one report a line, from any page's player."""

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Request, Response

from matinee.api.cross_origin import HEADERS, answer_preflight

if TYPE_CHECKING:
    from matinee.pages.rooms import Rooms

_MOST_BYTES = 256 * 1024


async def _bytes(request: Request) -> bytes:
    # application/cmcd from fetch, text/plain from sendBeacon: the lines are the same.
    return await request.body()


def routes(rooms: "Rooms") -> APIRouter:
    """Take reports. Nobody signs in here: a report counts if its ``sid`` is the id of a playback, which is a secret."""
    router = APIRouter(prefix="/cmcd", tags=["cmcd"], max_body_size=_MOST_BYTES)

    @router.post("", status_code=204)
    def accept(body: Annotated[bytes, Depends(_bytes)]) -> Response:
        """Keep what is about playbacks; the rest is counted and passed over. At most 1000 lines and 256 KiB."""
        rooms.telemetry.accept_cmcd(body)
        return Response(status_code=204, headers=HEADERS)

    answer_preflight(router, "")
    return router
