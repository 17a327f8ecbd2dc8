"""Pressing play over HTTP."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from matinee.accounts.members import Allowance, Household, Member, Role
from matinee.api.authentication import household, signed_in
from matinee.api.spans import ExtentBody, extents_of
from matinee.model.devices import DEVICE_KIND, device_kind
from matinee.pages.resume import resume_seconds
from matinee.pages.visitor import REGION_COOKIE
from matinee.playback.playbacks import Started

if TYPE_CHECKING:
    from matinee.pages.rooms import Rooms

_MOST_BYTES = 16 * 1024


class Press(BaseModel):
    """A press of play. ``device`` is its name, or what it says of itself: ``{"kind": "browser"}``."""

    profile_id: str
    title_id: str
    device: Annotated[str, Field(max_length=200)] | dict[str, Any] = ""


class EdgeBody(BaseModel):
    """One edge. ``master.m3u8`` and ``manifest.mpd`` under ``url`` play from that edge alone."""

    id: str
    region: str
    url: str
    reason: str


class PlaybackBody(BaseModel):
    """Where to play from: composed manifests for every edge at once, and each edge by itself, best first.

    ``spans`` are what may be passed over, in order of time.
    """

    playback_id: str
    hls_url: str
    dash_url: str
    steering_url: str
    edges: list[EdgeBody]
    resume_seconds: float
    expires_at: datetime
    spans: list[ExtentBody]


def routes(rooms: "Rooms") -> APIRouter:
    """Start a playback, renew one, end one for good."""
    router = APIRouter(prefix="/playbacks", tags=["playbacks"], max_body_size=_MOST_BYTES)
    Home = Annotated[Household, Depends(household(rooms))]  # noqa: N806 - a type, made of this service's rooms
    SignedIn = Annotated[Member, Depends(signed_in(rooms))]  # noqa: N806 - as above

    @router.post("", status_code=201)
    def start(press: Press, home: Home, request: Request) -> PlaybackBody:
        """Press play.

        403 beyond the profile's maturity limit, 409 while the title cannot be played, 429 beyond the devices that an
        account may play on at once, or too often.
        """
        rooms.accounts.allow(Allowance.PLAYBACKS, home.member)
        profile = home.open(press.profile_id)
        device = {"name": press.device} if isinstance(press.device, str) else dict(press.device)
        device.setdefault(DEVICE_KIND, device_kind(request.headers.get("user-agent", "")) or "")
        address = request.client.host if request.client else None
        claims = [device.get("region"), request.cookies.get(REGION_COOKIE)]
        region = rooms.topology.viewer_region(address, claims, trusted=rooms.trust_region)
        started = rooms.playbacks.start(home.member.id, profile, press.title_id, device, region, home.session_id)
        return _body(rooms, started)

    @router.post("/{playback_id}/renewal")
    def renew(playback_id: str, member: SignedIn) -> PlaybackBody:
        """New tokens and addresses for a playback that outlives its own. 403 once it was revoked."""
        return _body(rooms, rooms.playbacks.renew(member.id, playback_id))

    @router.delete("/{playback_id}", status_code=204)
    def revoke(playback_id: str, member: SignedIn) -> None:
        """End a playback for good: its manifests, renewals and, within seconds, media are refused.

        A member's own; an operator's whoever's it is. 404 otherwise. The audit says who.
        """
        rooms.playbacks.revoke(playback_id, None if member.role is Role.OPERATOR else member.id, by=member.id)

    return router


def _body(rooms: "Rooms", started: Started) -> PlaybackBody:
    return PlaybackBody(
        playback_id=started.playback_id,
        hls_url=started.hls_url,
        dash_url=started.dash_url,
        steering_url=started.steering_url,
        edges=[EdgeBody(id=edge.id, region=edge.region, url=edge.url, reason=edge.reason) for edge in started.edges],
        resume_seconds=resume_seconds(rooms, started.profile_id, started.title_id),
        expires_at=started.expires_at,
        spans=extents_of(rooms, started.title_id, started.revision),
    )
