"""Content steering for running players (RFC 8216bis §7, ETSI TS 103 998). It never answers 429: hls.js would stop."""

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import JSONResponse

from matinee.api.cross_origin import HEADERS, answer_preflight
from matinee.model.errors import NotFound

if TYPE_CHECKING:
    from matinee.pages.rooms import Rooms

_Said = Annotated[str | None, Query(max_length=2000)]


def routes(rooms: "Rooms") -> APIRouter:
    """``/steering/{playback_id}``; the id is unguessable, and nothing else is asked of a player."""
    router = APIRouter(prefix="/steering", tags=["steering"])

    @router.get("/{playback_id}")
    def steer(
        playback_id: str,
        hls_pathway: Annotated[_Said, Query(alias="_HLS_pathway")] = None,
        hls_throughput: Annotated[_Said, Query(alias="_HLS_throughput")] = None,
        dash_pathway: Annotated[_Said, Query(alias="_DASH_pathway")] = None,
        dash_throughput: Annotated[_Said, Query(alias="_DASH_throughput")] = None,
    ) -> JSONResponse:
        """The pathways in order of preference, and when to ask again. 404 stops a player asking."""
        throughput_bps = _last_number(hls_throughput or dash_throughput)
        try:
            answer = rooms.playbacks.steer(playback_id, hls_pathway or dash_pathway, throughput_bps)
        except NotFound as error:
            # With the headers: without them a page's player sees no status at all, and asks on and on.
            raise HTTPException(404, str(error), headers=HEADERS) from error
        return JSONResponse(answer, headers=HEADERS)

    answer_preflight(router, "/{playback_id}")
    return router


def _last_number(text: str | None) -> float | None:
    """The newest of DASH's list of throughputs, which leaves a place empty where nothing was measured."""
    for part in reversed((text or "").split(",")):
        try:
            number = float(part)
        except ValueError:
            continue
        if 0 <= number < float("inf"):
            return number
    return None
