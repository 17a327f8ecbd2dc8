"""Manifests composed for one playback; the token in the path opens them, so that any player anywhere may ask."""

from typing import TYPE_CHECKING

from fastapi import APIRouter, Response

from matinee.api.cross_origin import HEADERS, answer_preflight

if TYPE_CHECKING:
    from matinee.pages.rooms import Rooms

_HLS = "application/vnd.apple.mpegurl"
_DASH = "application/dash+xml"


def routes(rooms: "Rooms") -> APIRouter:
    """``/manifests/{token}/{playback_id}/master.m3u8`` and ``…/manifest.mpd``."""
    router = APIRouter(prefix="/manifests/{token}/{playback_id}", tags=["manifests"])

    @router.get("/master.m3u8", response_class=Response)
    def hls(token: str, playback_id: str) -> Response:
        """The HLS multivariant playlist, every edge a pathway."""
        return Response(rooms.playbacks.hls(playback_id, token), media_type=_HLS, headers=HEADERS)

    @router.get("/manifest.mpd", response_class=Response)
    def dash(token: str, playback_id: str) -> Response:
        """The DASH manifest, every edge a service location."""
        return Response(rooms.playbacks.dash(playback_id, token), media_type=_DASH, headers=HEADERS)

    answer_preflight(router, "/master.m3u8")
    answer_preflight(router, "/manifest.mpd")
    return router
