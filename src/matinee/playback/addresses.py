"""Addresses of one playback: its manifests, its steering, and its title's folder on every edge. Pure.

One token stands in the paths of all edges, so that relative URIs keep it and a player that changes host needs no other.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from matinee.delivery.steering import Ranked
from matinee.model.tokens import Token, TokenFault, check, sign
from matinee.playback.manifests import Pathway


@dataclass(frozen=True, slots=True)
class EdgeAddress:
    """One edge of a playback; ``url`` is the title's folder there, token included, ending in a slash."""

    id: str
    region: str
    url: str
    reason: str


@dataclass(frozen=True, slots=True)
class Started:
    """The answer to a press of play; edges best first."""

    playback_id: str
    profile_id: str
    title_id: str
    hls_url: str
    dash_url: str
    steering_url: str
    edges: tuple[EdgeAddress, ...]
    expires_at: datetime
    revision: str


@dataclass(frozen=True, slots=True)
class Play:
    """What addresses are made of."""

    playback_id: str
    title_id: str
    revision: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Addresses:
    """Makes and checks addresses. ``public_address`` is the control plane's, without a slash at its end."""

    public_address: str
    keys: Mapping[str, bytes]
    signing_key_id: str

    def started(self, play: Play, ranked: Sequence[Ranked], profile_id: str) -> Started:
        """Everything a player needs to begin."""
        token = self._signed(play, f"{play.playback_id}/")
        manifest = f"{self.public_address}/manifests/{token}/{play.playback_id}"
        folder = self._folder(play)
        return Started(
            playback_id=play.playback_id,
            profile_id=profile_id,
            title_id=play.title_id,
            hls_url=f"{manifest}/master.m3u8",
            dash_url=f"{manifest}/manifest.mpd",
            steering_url=self.steering(play.playback_id),
            edges=tuple(EdgeAddress(one.edge_id, one.region, _under(one, folder), one.reason) for one in ranked),
            expires_at=play.expires_at,
            revision=play.revision,
        )

    def pathways(self, play: Play, ranked: Sequence[Ranked], well: Collection[str]) -> list[Pathway]:
        """The edges as they were ranked; those that are not ``well`` any more come after the others."""
        folder = self._folder(play)
        ordered = sorted(ranked, key=lambda one: one.edge_id not in well)
        return [Pathway(one.edge_id, _under(one, folder)) for one in ordered]

    def growing(self, pathways: Sequence[Pathway], playback_id: str, token: str) -> list[Pathway]:
        """The same, their media playlists under the address of the manifest that ``token`` opened."""
        manifest = f"{self.public_address}/manifests/{token}/{playback_id}"
        return [replace(one, playlists=f"{manifest}/{one.id}/") for one in pathways]

    def steering(self, playback_id: str) -> str:
        """Where a running player asks for its pathway."""
        return f"{self.public_address}/steering/{playback_id}"

    def fault(self, token: str, playback_id: str, file: str, now: datetime) -> TokenFault | None:
        """Why a token does not open one of a playback's manifests; None if it does."""
        opened = check(token, f"{playback_id}/{file}", now.timestamp(), self.keys)
        return opened if isinstance(opened, TokenFault) else None

    def _folder(self, play: Play) -> str:
        prefix = f"{play.title_id}/{play.revision}/"
        return f"{self._signed(play, prefix)}/{prefix}"

    def _signed(self, play: Play, prefix: str) -> str:
        token = Token(self.signing_key_id, int(play.expires_at.timestamp()), play.playback_id, prefix)
        return sign(token, self.keys[self.signing_key_id])


def _under(edge: Ranked, folder: str) -> str:
    return f"{edge.url.rstrip('/')}/{folder}"
