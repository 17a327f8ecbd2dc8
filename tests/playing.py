"""Edges, presentations and a small service, as the delivery and playback rooms' tests need them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa
from fastapi import FastAPI
from obstore.store import MemoryStore, ObjectStore

from matinee.accounts.members import Accounts, Allowance, Member, Profile
from matinee.adapters.clock_manual import ManualClock
from matinee.adapters.events_database import DatabaseEventLog, DatabaseOutbox, DatabaseRelay
from matinee.api import accounts as accounts_api
from matinee.api import cmcd, delivery, edges, events, experiments, manifests, playbacks, problems, steering, studio
from matinee.api import network as network_api
from matinee.catalogue.titles import Catalogue, TitleDraft
from matinee.delivery.accounts import Accounting
from matinee.delivery.desk import Desk
from matinee.delivery.edges import Edge, Edges, EdgeState
from matinee.delivery.network import Network
from matinee.experiments.experiments import Experiments
from matinee.model.events import Event
from matinee.model.media import Presentation, Rendition, TrackKind
from matinee.model.plans import EdgeReport
from matinee.model.topology import Topology
from matinee.playback.misses import Misses
from matinee.playback.playbacks import Playbacks, Started
from matinee.playback.telemetry import Accepted, Telemetry
from matinee.recommender.serving import Recommender
from matinee.spans.spans import Spans

if TYPE_CHECKING:
    from matinee.pages.rooms import Rooms

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
REGIONS = "europe=50.1/8.7, america=39.0/-77.5, asia=1.35/103.8"
PLACES = {"europe": (50.1, 8.7), "america": (39.0, -77.5), "asia": (1.35, 103.8)}
HOSTS = {"europe": "127.0.1.1", "america": "127.0.2.1", "asia": "127.0.3.1"}
KEYS = {"k1": b"a key of thirty-two bytes and more"}
PASSWORD = "popcorn and a seat"


def report(edge_id: str = "europe-1", region: str = "europe", **changes: Any) -> EdgeReport:
    """An edge's report; its host is its region's unless changed."""
    latitude, longitude = PLACES.get(region, (0.0, 0.0))
    plain = EdgeReport(
        edge_id=edge_id,
        site=f"{region}-site",
        region=region,
        url=f"http://{HOSTS.get(region, '127.0.9.1')}:8400",
        latitude=latitude,
        longitude=longitude,
        capacity_bps=1_000_000_000,
        started=1.0,
        egress_bps=0.0,
        connections=0,
        cached_bytes=0,
        cache_limit_bytes=1,
        files=0,
        demand_hit_bytes=0,
        origin_bytes=0,
        requests=0,
        refused=0,
    )
    return replace(plain, **changes)


def edge(
    edge_id: str = "europe-1",
    region: str = "europe",
    state: EdgeState = EdgeState.SERVING,
    egress_limit_bps: int | None = None,
    since: datetime = NOON,
    **changes: Any,
) -> Edge:
    """An edge as the control plane knows it."""
    draining = state is EdgeState.DRAINING
    return Edge(report(edge_id, region, **changes), state, NOON, draining, egress_limit_bps, since)


def video(name: str, height: int, bandwidth_bps: int) -> Rendition:
    return Rendition(
        name=name,
        kind=TrackKind.VIDEO,
        codecs="avc1.64001f",
        uri=f"{name}/main.m3u8",
        bandwidth_bps=bandwidth_bps,
        average_bandwidth_bps=bandwidth_bps * 3 // 4,
        width=height * 16 // 9,
        height=height,
        frame_rate=24.0,
        frames=2400,
    )


def sound(name: str = "a-en", language: str | None = "en", channels: int | None = 2) -> Rendition:
    return Rendition(
        name=name,
        kind=TrackKind.AUDIO,
        codecs="mp4a.40.2",
        uri=f"{name}/main.m3u8",
        bandwidth_bps=130_000,
        average_bandwidth_bps=128_000,
        language=language,
        channels=channels,
    )


def presentation(*renditions: Rendition, duration_seconds: float = 100.0) -> Presentation:
    chosen = renditions or (video("v360", 360, 800_000), video("v720", 720, 2_400_000), sound())
    return Presentation(duration_seconds=duration_seconds, renditions=chosen, files=(), colour="#203040")


PACKAGED_MPD = """<?xml version="1.0" encoding="UTF-8"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xsi:schemaLocation="urn:mpeg:dash:schema:mpd:2011 DASH-MPD.xsd" profiles="urn:mpeg:dash:profile:isoff-live:2011"
 minBufferTime="PT2S" type="static" mediaPresentationDuration="PT100S">
  <ProgramInformation><Title>As packaged</Title></ProgramInformation>
  <Period id="0"><AdaptationSet id="0" contentType="video" segmentAlignment="true">
    <Representation id="0" bandwidth="800000" codecs="avc1.64001f" mimeType="video/mp4" width="640" height="360">
      <SegmentTemplate timescale="12288" initialization="v360/init.mp4" media="v360/$Number%05d$.m4s" startNumber="1">
        <SegmentTimeline><S t="0" d="49152" r="24"/></SegmentTimeline>
      </SegmentTemplate>
    </Representation>
  </AdaptationSet></Period>
</MPD>
"""


@dataclass(frozen=True, slots=True)
class Service:
    """The rooms that playing needs, wired as a composition root would, on one database."""

    engine: sa.Engine
    clock: ManualClock
    accounts: Accounts
    catalogue: Catalogue
    edges: Edges
    playbacks: Playbacks
    telemetry: Telemetry
    recommender: Recommender
    objects: ObjectStore
    rooms: "Rooms"
    app: FastAPI

    def member(self, email: str = "ada@example.com", **profile: Any) -> tuple[Member, Profile]:
        """A new member with one profile."""
        member = self.accounts.sign_up(email, PASSWORD)
        return member, self.accounts.create_profile(member.id, "Ada", **profile)

    def title(self, name: str = "The Drawn Line", maturity: int = 0, shown: Presentation | None = None) -> str:
        """A playable title with its packaged MPD in the object store; its id."""
        title = self.catalogue.create(TitleDraft(name=name, maturity=maturity))
        self.objects.put(f"media/{title.id}/r1/manifest.mpd", PACKAGED_MPD.encode())
        self.catalogue.publish(title.id, "r1", shown or presentation())
        return title.id

    def three_edges(self) -> None:
        """One edge in each region reports."""
        for region in PLACES:
            self.edges.report(report(f"{region}-1", region))

    def play(self, title_id: str, member: Member, profile: Profile, region: str = "europe") -> Started:
        """Press play in a region."""
        place = Topology.read(REGIONS, "").region(region)
        return self.playbacks.start(member.id, profile, title_id, {"kind": "test"}, place)

    def accept(self, member: Member, batch: Sequence[Mapping[str, Any]]) -> Accepted:
        """Accept a batch of events, and let a worker apply what the log has."""
        accepted = self.telemetry.accept(member.id, batch)
        self.apply()
        return accepted

    def apply(self) -> None:
        """Do what the worker does with the log."""
        with DatabaseEventLog(self.engine).group("playback").batch(limit=10_000) as batch:
            self.telemetry.apply([recorded.event for recorded in batch])

    def told(self) -> list[Event]:
        """Every event the service told of, in order."""
        DatabaseRelay(self.engine).forward()
        return [recorded.event for recorded in DatabaseEventLog(self.engine).tail().read()]


def service(
    engine: sa.Engine,
    clock: ManualClock,
    random_bytes: Callable[[int], bytes],
    objects: ObjectStore | None = None,
    networks: str = "",
    *,
    trust_region: bool = True,
    public_address: str = "http://matinee.test",
    member_streams: int = 0,
    allowed: Mapping[Allowance, int] | None = None,
    lagging: sa.Engine | None = None,
    silence_seconds: float = 4.0,
) -> Service:
    """The rooms that playing needs on a database, and their API as an application."""
    outbox = DatabaseOutbox()
    stored = objects or MemoryStore()
    topology = Topology.read(REGIONS, networks)
    accounts = Accounts(engine=engine, clock=clock, random_bytes=random_bytes, session_seconds=86400, allowed=allowed)
    catalogue = Catalogue(engine=engine, outbox=outbox, clock=clock, random_bytes=random_bytes)
    known = Edges(engine=engine, outbox=outbox, clock=clock, silence_seconds=silence_seconds, lagging=lagging)
    network = Network.open(
        engine=engine,
        clock=clock,
        random_bytes=random_bytes,
        token_seconds=3600,
        initial_keys=",".join(f"{key_id}:{secret.decode()}" for key_id, secret in KEYS.items()),
    )
    misses = Misses(engine=engine, clock=clock, catalogue=catalogue, edges=known, holdings=network.holdings)
    accounting = Accounting(engine=engine, clock=clock, classify=misses.classify)
    plays = Playbacks(
        engine=engine,
        outbox=outbox,
        clock=clock,
        random_bytes=random_bytes,
        catalogue=catalogue,
        edges=known,
        topology=topology,
        objects=stored,
        keys=network.keys,
        revocations=network.revocations,
        audit=network.audit,
        public_address=public_address,
        token_seconds=3600,
        steering_seconds=5,
        member_streams=member_streams,
    )
    log = DatabaseEventLog(engine)
    telemetry = Telemetry(engine=engine, log=log, clock=clock, accounts=accounts, lagging=lagging)
    recommender = Recommender(log, DatabaseRelay(engine), clock)

    @dataclass(frozen=True)
    class OurRooms:
        accounts: Accounts
        catalogue: Catalogue
        edges: Edges
        topology: Topology
        playbacks: Playbacks
        telemetry: Telemetry
        recommender: Recommender
        network: Network
        accounting: Accounting
        desk: Desk
        experiments: Experiments
        spans: Spans
        trust_region: bool

    rooms = cast(
        "Rooms",
        OurRooms(
            accounts,
            catalogue,
            known,
            topology,
            plays,
            telemetry,
            recommender,
            network,
            accounting,
            network.desk(known, accounting),
            Experiments(engine, log, clock, random_bytes, network.audit.note),
            Spans(engine, clock, random_bytes, network.audit.note),
            trust_region,
        ),
    )
    app = FastAPI()
    problems.install(app)
    for noun in (accounts_api, playbacks, events, cmcd, edges, network_api, delivery, studio, experiments):
        app.include_router(noun.routes(rooms), prefix="/api/v1")
    for root in (steering, manifests):
        app.include_router(root.routes(rooms))
    app.add_middleware(events.Ahead, rooms=rooms)
    return Service(engine, clock, accounts, catalogue, known, plays, telemetry, recommender, stored, rooms, app)
