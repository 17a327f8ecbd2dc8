"""Plays: pressing play, manifests made for one playback, where it is steered while it runs, where it was left."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
import structlog
from obstore.store import ObjectStore
from prometheus_client import Counter

from matinee.accounts.members import Profile
from matinee.catalogue.titles import Catalogue, Title, TitleState
from matinee.delivery.audit import ITSELF, Audit
from matinee.delivery.edges import Edges, EdgeState
from matinee.delivery.keys import Keys
from matinee.delivery.revocations import Revocations
from matinee.delivery.steering import Ranked, steer
from matinee.model.errors import Conflict, Forbidden, Invalid, LimitReached, NotFound, Unavailable
from matinee.model.events import Event, Facts, MemberForgotten, WatchForgotten
from matinee.model.ids import RandomBytes, new_id
from matinee.model.media import Presentation
from matinee.model.topology import Region, Topology
from matinee.playback import decisions, manifests, moves, store
from matinee.playback.addresses import Addresses, EdgeAddress, Play, Started
from matinee.playback.commitments import LISTENING, Commitments
from matinee.playback.growing import GrowingPlaylists
from matinee.playback.positions import Position, position_from
from matinee.playback.recorded import found, replay
from matinee.ports import Clock, Outbox

__all__ = ["EdgeAddress", "Playbacks", "Position", "Started"]

_log = structlog.get_logger()
_STARTED = Counter("matinee_playbacks_started", "Presses of play that were answered.")
_LIMITED = Counter("matinee_playbacks_limited", "Presses of play beyond what a member may play at once.")
_STEERED = Counter("matinee_steering_answers", "Steering manifests by whether the player was moved.", ["moved"])

# Steering is asked every few seconds; the database hears of it less often, unless the player moved.
_SEEN_EVERY = timedelta(seconds=20)
_LONGEST_DEVICE = 2000
_PACKAGED_KEPT = 256


class Playbacks:
    """The shell around playbacks. Threads share it. ``public_address`` has no slash at its end."""

    def __init__(
        self,
        *,
        engine: sa.Engine,
        outbox: Outbox,
        clock: Clock,
        random_bytes: RandomBytes,
        catalogue: Catalogue,
        edges: Edges,
        topology: Topology,
        objects: ObjectStore,
        keys: Keys,
        revocations: Revocations,
        audit: Audit,
        public_address: str,
        token_seconds: int,
        steering_seconds: int,
        member_streams: int = 0,
    ) -> None:
        self._engine = engine
        # Of a playback only its player tells, through Telemetry; what the service tells itself goes here.
        self._outbox = outbox
        self._clock = clock
        self._random_bytes = random_bytes
        self._catalogue = catalogue
        self._edges = edges
        self._topology = topology
        self._objects = objects
        self._keys = keys
        self._revocations = revocations
        self._audit = audit
        self._public_address = public_address
        self._token_seconds = token_seconds
        self._steering_seconds = steering_seconds
        self._member_streams = member_streams
        self._commitments = Commitments(engine, clock)
        self.growing = GrowingPlaylists(catalogue, objects, clock)
        # Files of a revision never change, so what was read once holds.
        self._packaged = lru_cache(maxsize=_PACKAGED_KEPT)(self._read_packaged)

    def start(
        self,
        member_id: str,
        profile: Profile,
        title_id: str,
        device: Mapping[str, Any],
        region: Region,
        session_id: str | None = None,
    ) -> Started:
        """Press play, in the session that ends it when it is signed out.

        NotFound for an unknown title, Conflict for one that cannot be played now, Forbidden for one beyond the
        profile's maturity limit or that may not be shown where the viewer is, Unavailable while no edge has ever
        reported, LimitReached while the member plays on as many devices as they may (``member_streams``; 0: no limit).
        """
        title, presentation, revision = self._playable(title_id)
        if title.maturity > profile.maturity_limit:
            limit = profile.maturity_limit
            raise Forbidden(f"{title.name} is for ages from {title.maturity}; {profile.name}'s limit is {limit}.")
        self._check_territory(title, region)
        told = json.dumps(dict(device))
        if len(told) > _LONGEST_DEVICE:
            raise Invalid(f"A device says {len(told)} characters of itself; {_LONGEST_DEVICE} is the most.")
        ranked, plan = self._planned(region, title_id, revision, presentation)
        playback_id = new_id(self._random_bytes)
        values = {
            **plan,
            "playback_id": playback_id,
            "member_id": member_id,
            "session_id": session_id,
            "profile_id": profile.id,
            "title_id": title_id,
            "region": region.name,
            "device": told,
            "moves": "[]",
            "started_at": plan["seen_at"],
            "revoked": False,
        }
        with self._engine.begin() as connection:
            self._limit_streams(connection, member_id, plan["seen_at"])
            store.add_playback(connection, values)
        _STARTED.inc()
        return self._answer("playback.started", values, ranked)

    def renew(self, member_id: str, playback_id: str) -> Started:
        """New tokens and addresses, ranked anew. NotFound if it is another's; Forbidden once it was revoked.

        LimitReached as ``start``: what stopped or fell silent has given its place away.
        """
        row = self._row(playback_id)
        if row["member_id"] != member_id:
            raise NotFound(f"There is no playback {playback_id!r}.")
        _refuse_revoked(row)
        title, presentation, revision = self._playable(row["title_id"])
        viewer = self._viewer(row)
        self._check_territory(title, viewer)
        ranked, plan = self._planned(viewer, row["title_id"], revision, presentation)
        with self._engine.begin() as connection:
            self._limit_streams(connection, member_id, plan["seen_at"], besides=playback_id)
            if not store.renew_playback(connection, playback_id, plan):
                _refuse_revoked({"revoked": True})
        return self._answer("playback.renewed", {**row, **plan}, ranked)

    def revoke(self, playback_id: str, member_id: str | None = None, by: str = ITSELF) -> None:
        """Refuse this playback manifests and renewals from now on; edges refuse its tokens within seconds.

        NotFound if there is none, or it is another's than ``member_id``'s (None: whoever's it is). The audit says
        ``by`` whom; once, however often it is revoked.
        """
        row = self._row(playback_id)
        if member_id not in {None, row["member_id"]}:
            raise NotFound(f"There is no playback {playback_id!r}.")
        with self._engine.begin() as connection:
            expires_at = store.revoke_playback(connection, playback_id)
            if expires_at is not None:
                self._revocations.add(connection, playback_id, expires_at)
                self._audit.note(connection, by, "revoke-playback", playback_id, title_id=row["title_id"])
        _log.info("playback.revoked", playback_id=playback_id, by=by)

    def revoke_all(self, member_id: str, by: str = ITSELF, session_id: str | None = None) -> int:
        """Revoke whatever a member plays now, on every device or in one session; how many playbacks that were."""
        with self._engine.begin() as connection:
            revoked = store.revoke_playbacks(connection, member_id, self._clock.now(), session_id)
            for playback_id, expires_at in revoked:
                self._revocations.add(connection, playback_id, expires_at)
            if revoked:
                self._audit.note(connection, by, "revoke-playbacks", member_id, playbacks=len(revoked))
        _log.info("playbacks.revoked", member_id=member_id, playbacks=len(revoked), by=by)
        return len(revoked)

    def hls(self, playback_id: str, token: str) -> str:
        """The multivariant playlist composed for a playback; Forbidden unless the token opens it."""
        row, presentation = self._opened(playback_id, token, "master.m3u8")
        pathways = self._pathways(row)
        if presentation.is_growing:
            pathways = self._addresses.growing(pathways, playback_id, token)
        return manifests.compose_hls(presentation, pathways, self._addresses.steering(playback_id))

    def growing_hls(self, playback_id: str, token: str, pathway: str, uri: str) -> str:
        """A media playlist that grows, its segments at one edge; Forbidden unless the token opens it.

        Also once the title has its whole revision: who began with the growing one watches on. NotFound if there is no
        such playlist, Unavailable while the object store does not give it.
        """
        row, presentation = self._opened(playback_id, token, f"{pathway}/{uri}")
        folder = next((one.url for one in self._pathways(row) if one.id == pathway), None)
        if folder is None or not presentation.is_growing or uri not in {one.uri for one in presentation.video}:
            raise NotFound(f"There is no growing playlist {uri[:80]!r} at {pathway[:80]!r}.")
        return self.growing.growth(row["title_id"], row["revision"], uri).at(folder)

    def dash(self, playback_id: str, token: str) -> str:
        """The MPD composed for a playback; Forbidden unless the token opens it, Unavailable while the title grows."""
        row, presentation = self._opened(playback_id, token, "manifest.mpd")
        if presentation.is_growing:
            raise Unavailable("This film is still arriving: it can be played by HLS until it is whole.")
        packaged = self._packaged(f"media/{row['title_id']}/{row['revision']}/{presentation.dash}")
        return manifests.compose_dash(packaged, self._pathways(row), self._addresses.steering(playback_id))

    def steer(self, playback_id: str, pathway: str | None, throughput_bps: float | None) -> dict[str, Any]:
        """The steering manifest for a running player (RFC 8216bis §7.1, ETSI TS 103 998); NotFound if unknown.

        ``pathway`` is what the player says it uses, as HLS or DASH writes it.
        """
        row = self._row(playback_id)
        decision = json.loads(row["decision"])
        ids = [one.edge_id for one in decisions.ranked_of(decision)]
        current = moves.current_pathway(pathway, ids)
        now = self._clock.now()
        steered = steer(
            [edge for edge in self._edges.edges() if edge.id in ids],
            decisions.viewer_of(decision),
            row["title_id"],
            self._commitments.bps(),
            current,
            now=now,
            draw=moves.lot(playback_id, now, self._steering_seconds),
        )
        priority = list(steered.priority) or ids
        self._note(row, current, priority[0], steered.reason, throughput_bps, now)
        return {
            "VERSION": 1,
            "TTL": self._steering_seconds,
            "RELOAD-URI": self._addresses.steering(playback_id),
            "PATHWAY-PRIORITY": priority,
        }

    def position(self, profile_id: str, title_id: str) -> Position | None:
        """Where a profile left a title, by the events that were applied so far."""
        with self._engine.connect().execution_options(read_only=True) as connection:
            row = store.read_position(connection, profile_id, title_id)
        return None if row is None else position_from(row)

    def forget_history(self, member_id: str, profile_id: str) -> None:
        """Forget what a profile watched until now: here at once, in recommendations and archive as they hear of it."""
        now = self._clock.now()
        self._forget(profile_id, MemberForgotten(member_id, profile_id, now.timestamp()), now)
        _log.info("history.forgotten", member_id=member_id, profile_id=profile_id)

    def forget_title(self, profile_id: str, title_id: str) -> None:
        """Forget that a profile watched a title until now; nothing more if it did not."""
        now = self._clock.now()
        self._forget(profile_id, WatchForgotten(profile_id, title_id, now.timestamp()), now, title_id)
        _log.info("watch.forgotten", profile_id=profile_id, title_id=title_id)

    def _forget(self, profile_id: str, facts: Facts, now: datetime, title_id: str | None = None) -> None:
        word = Event(id=f"forgotten-{new_id(self._random_bytes)}", time=now, source="serve", facts=facts)
        with self._engine.begin() as connection:
            store.forget_history(connection, profile_id, now, title_id)
            self._outbox.append(connection, [word])

    def why(self, playback_id: str) -> dict[str, Any]:
        """The recorded decision, replayed: see ``replay``."""
        return replay(self._engine, playback_id)

    @property
    def _addresses(self) -> Addresses:
        ring = self._keys.ring()
        return Addresses(self._public_address, ring.keys, ring.signing_key_id)

    def _playable(self, title_id: str) -> tuple[Title, Presentation, str]:
        title = self._catalogue.shelf().by_id.get(title_id) or self._catalogue.title(title_id)
        if title.state is not TitleState.PLAYABLE or title.presentation is None or title.revision is None:
            raise Conflict(f"{title.name} cannot be played now: it is {title.state}.")
        return title, title.presentation, title.revision

    def _check_territory(self, title: Title, region: Region) -> None:
        if title.territories and self._topology.territory(region) not in title.territories:
            raise Forbidden(f"{title.name} may not be shown in {region.name}: its rights are for other territories.")

    def _limit_streams(self, connection: sa.Connection, member_id: str, now: datetime, besides: str = "") -> None:
        """LimitReached unless the member may play one more; counted in the transaction that adds it, for all copies."""
        most = self._member_streams
        if most and (running := store.running_of(connection, member_id, now - LISTENING, besides)) >= most:
            _LIMITED.inc()
            raise LimitReached(
                f"This account plays on {running} device{'s' * (running > 1)} already, and may on {most}: stop one, or "
                "wait a minute after it was closed.",
                LISTENING.total_seconds(),
            )

    def _viewer(self, row: Mapping[str, Any]) -> Region:
        """Where a playback's viewer is: its region as it is now, or as it was if there is none of its name any more."""
        try:
            return self._topology.region(row["region"])
        except NotFound:
            return decisions.viewer_of(json.loads(row["decision"]))

    def _planned(
        self, viewer: Region, title_id: str, revision: str, presentation: Presentation
    ) -> tuple[Sequence[Ranked], dict[str, Any]]:
        """Who serves, and the columns that say so."""
        edges = self._edges.edges()
        if not edges:
            raise Unavailable("No edge has reported yet, so there is nobody to play from: try again in a moment.")
        ranked, decision = decisions.decide(edges, viewer, title_id, self._commitments.bps())
        bitrate_bps = manifests.top_bitrate_bps(presentation)
        self._commitments.add(ranked[0].edge_id, bitrate_bps)
        now = self._clock.now()
        return ranked, {
            "revision": revision,
            "decision": json.dumps(decision),
            "edge_id": ranked[0].edge_id,
            "bitrate_bps": bitrate_bps,
            "duration_seconds": presentation.duration_seconds,
            # Tokens count whole seconds.
            "expires_at": (now + timedelta(seconds=self._token_seconds)).replace(microsecond=0),
            "seen_at": now,
            "stopped": False,
        }

    def _answer(self, what: str, row: Mapping[str, Any], ranked: Sequence[Ranked]) -> Started:
        _log.info(
            what,
            playback_id=row["playback_id"],
            title_id=row["title_id"],
            region=row["region"],
            edge_id=ranked[0].edge_id,
            reason=ranked[0].reason,
        )
        return self._addresses.started(_play(row), ranked, row["profile_id"])

    def _row(self, playback_id: str) -> Mapping[str, Any]:
        with self._engine.connect().execution_options(read_only=True) as connection:
            return found(connection, playback_id)

    def _opened(self, playback_id: str, token: str, file: str) -> tuple[Mapping[str, Any], Presentation]:
        fault = self._addresses.fault(token, playback_id, file, self._clock.now())
        if fault is not None:
            _log.info("manifest.refused", playback_id=playback_id[:32], fault=fault.value)
            raise Forbidden("This manifest's address does not hold, or no longer: press play again.")
        row = self._row(playback_id)
        _refuse_revoked(row)
        title, presentation, revision = self._playable(row["title_id"])
        if revision != row["revision"]:
            if grew := self.growing.presentation(title.id, row["revision"]):
                return row, grew
            raise Conflict(f"{title.name} was encoded anew since this playback began: renew it.")
        return row, presentation

    def _pathways(self, row: Mapping[str, Any]) -> list[manifests.Pathway]:
        well = {edge.id for edge in self._edges.edges() if edge.state is EdgeState.SERVING}
        return self._addresses.pathways(_play(row), decisions.ranked_of(json.loads(row["decision"])), well)

    def _read_packaged(self, key: str) -> str:
        try:
            return bytes(self._objects.get(key).bytes()).decode()
        except FileNotFoundError as error:
            raise Unavailable(f"The packaged manifest {key} is not in the object store.") from error

    def _note(
        self,
        row: Mapping[str, Any],
        current: str | None,
        first: str,
        reason: str,
        throughput_bps: float | None,
        now: datetime,
    ) -> None:
        """Remember where the player is; a move is kept with its reason."""
        known = row["edge_id"]
        moved = first != (current or known)
        _STEERED.labels(str(moved).lower()).inc()
        if first == known and not row["stopped"] and now - row["seen_at"] < _SEEN_EVERY:
            return
        values: dict[str, Any] = {"edge_id": first, "seen_at": max(now, row["seen_at"]), "stopped": False}
        if first != known:
            why = reason if moved else f"The player moved by itself. {reason}"
            values["moves"] = moves.with_move(row["moves"], now, known, first, why, throughput_bps)
            facts = {"from_edge_id": known, "to_edge_id": first, "reason": why}
            _log.info("playback.steered", playback_id=row["playback_id"], **facts)
        with self._engine.begin() as connection:
            store.change_playback(connection, row["playback_id"], values)


def _refuse_revoked(row: Mapping[str, Any]) -> None:
    if row["revoked"]:
        raise Forbidden(f"Playback {row['playback_id']} was revoked: press play again.")


def _play(row: Mapping[str, Any]) -> Play:
    return Play(row["playback_id"], row["title_id"], row["revision"], row["expires_at"])
