"""Manifests composed for one playback; the token in the path opens them, so that any player anywhere may ask."""

import gzip
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response

from matinee.api.cross_origin import HEADERS, answer_preflight

if TYPE_CHECKING:
    from matinee.pages.rooms import Rooms

_HLS = "application/vnd.apple.mpegurl"
_DASH = "application/dash+xml"
_LEVEL = 1


def routes(rooms: "Rooms") -> APIRouter:
    """``/manifests/{token}/{playback_id}/master.m3u8``, ``…/manifest.mpd``, and playlists that grow under a pathway."""
    router = APIRouter(prefix="/manifests/{token}/{playback_id}", tags=["manifests"])

    @router.get("/master.m3u8", response_class=Response)
    def hls(token: str, playback_id: str) -> Response:
        """The HLS multivariant playlist, every edge a pathway."""
        return Response(rooms.playbacks.hls(playback_id, token), media_type=_HLS, headers=HEADERS)

    @router.get("/manifest.mpd", response_class=Response)
    def dash(token: str, playback_id: str) -> Response:
        """The DASH manifest, every edge a service location. 503 while the title is still arriving: HLS plays it."""
        return Response(rooms.playbacks.dash(playback_id, token), media_type=_DASH, headers=HEADERS)

    @router.get("/{pathway}/{uri:path}", response_class=Response)
    def growing(token: str, playback_id: str, pathway: str, uri: str, request: Request) -> Response:
        """A media playlist that grows while its film is encoded; its segments stand at the pathway's edge."""
        text = rooms.playbacks.growing_hls(playback_id, token, pathway, uri)
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(text, media_type=_HLS, headers={**HEADERS, "Vary": "Accept-Encoding"})
        # A long film's playlist says one address thousands of times, to every viewer every few seconds.
        packed = gzip.compress(text.encode(), _LEVEL, mtime=0)
        headers = {**HEADERS, "Vary": "Accept-Encoding", "Content-Encoding": "gzip"}
        return Response(packed, media_type=_HLS, headers=headers)

    answer_preflight(router, "/master.m3u8")
    answer_preflight(router, "/manifest.mpd")
    answer_preflight(router, "/{pathway}/{uri:path}")
    return router
