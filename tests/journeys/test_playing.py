"""A film played from real edges: FFmpeg decodes what pressing play answers, and goes on when an edge is killed."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from obstore.store import LocalStore

from matinee.adapters.clock_manual import ManualClock
from matinee.adapters.clock_system import SystemClock
from matinee.catalogue.titles import TitleDraft
from matinee.compose.database import open_database
from matinee.model.media import Presentation
from playing import HOSTS, PASSWORD, PLACES, Service, service
from running_edge import RunningEdge, free_port, running, until
from served import served
from small_film import FRAMES, decoded_frames, make_small_film, store_film


@dataclass
class RegionalEdge(RunningEdge):
    """An edge at an address of its own, as players need it to be."""

    host: str = "127.0.0.1"

    @property
    def address(self) -> str:
        return f"http://{self.host}:{self.port}"


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Presentation]:
    folder = tmp_path_factory.mktemp("film")
    return folder, make_small_film(folder)


@dataclass(frozen=True)
class House:
    ours: Service
    edges: dict[str, RegionalEdge]
    client: httpx.Client
    started: dict[str, Any]
    title_id: str

    def press_play(self) -> dict[str, Any]:
        body = {"profile_id": self.started["profile_id"], "title_id": self.title_id, "device": {"region": "europe"}}
        answer = self.client.post("/api/v1/playbacks", json=body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())


@pytest.fixture
def house(
    sqlite_template: bytes,
    tmp_path: Path,
    random_bytes: Callable[[int], bytes],
    film: tuple[Path, Presentation],
) -> Iterator[House]:
    (tmp_path / "matinee.db").write_bytes(sqlite_template)
    engine = open_database(f"sqlite:///{tmp_path / 'matinee.db'}")
    (tmp_path / "objects").mkdir()
    objects = LocalStore(tmp_path / "objects")
    port, media_port = free_port(), free_port()
    address = f"http://127.0.0.1:{port}"
    clock = cast("ManualClock", SystemClock())  # nobody turns this one
    # An edge that only stood still for some seconds is none that was killed.
    ours = service(engine, clock, random_bytes, objects, public_address=address, silence_seconds=8.0)
    folder, shown = film
    title = ours.catalogue.create(TitleDraft(name="Four seconds"))
    store_film(folder, objects, title.id, "r1")
    ours.catalogue.publish(title.id, "r1", shown)
    edges = {
        region: RegionalEdge(
            tmp_path / region,
            f"file://{tmp_path / 'objects'}",
            control=address,
            host=HOSTS[region],
            port=media_port,
            environment={
                "MATINEE_HOST": HOSTS[region],
                "MATINEE_EDGE_ID": f"{region}-1",
                "MATINEE_EDGE_SITE": region,
                "MATINEE_EDGE_REGION": region,
                "MATINEE_EDGE_URL": f"http://{HOSTS[region]}:{media_port}",
                "MATINEE_EDGE_LATITUDE": str(latitude),
                "MATINEE_EDGE_LONGITUDE": str(longitude),
                "MATINEE_JOIN_TOKEN": ours.rooms.network.enrolment.make_token(f"{region}-1").token,
            },
        )
        for region, (latitude, longitude) in PLACES.items()
    }
    member, profile = ours.member()
    token = ours.accounts.sign_in(member.email, PASSWORD, "a test").token
    with ExitStack() as stack:
        stack.enter_context(served(ours.app, port))
        for edge in edges.values():
            stack.enter_context(running(edge))
        headers = {"Authorization": f"Bearer {token}"}
        client = stack.enter_context(httpx.Client(base_url=address, headers=headers, trust_env=False, timeout=60))
        until("three edges report", lambda: len(ours.edges.edges()) == 3)
        yield House(ours, edges, client, {"profile_id": profile.id}, title.id)
    engine.dispose()


def test_a_film_plays_from_every_edge_and_from_composed_manifests_and_goes_on_without_one(house: House) -> None:
    def edges() -> list[str]:
        return [edge["id"] for edge in house.press_play()["edges"]]

    until("all three edges", lambda: edges() == ["europe-1", "america-1", "asia-1"])
    answer = house.press_play()
    packets = set()
    addresses = [f"{edge['url']}{file}" for edge in answer["edges"] for file in ("master.m3u8", "manifest.mpd")]
    for address in (answer["hls_url"], answer["dash_url"], *addresses):
        frames, heard = decoded_frames(address)
        assert frames == FRAMES, address
        packets.add(heard)
    assert len(packets) <= 2  # DASH may leave the encoder's padding in
    assert min(packets) > 150
    # What is composed began on the first pathway.
    assert house.edges["europe"].metric("requests_total") > house.edges["asia"].metric("requests_total")

    asked = {"_HLS_pathway": "europe-1", "_HLS_throughput": "5000000"}

    def steered() -> list[str]:
        return list(house.client.get(answer["steering_url"], params=asked).json()["PATHWAY-PRIORITY"])

    assert steered()[0] == "europe-1"
    house.edges["europe"].kill()
    until("steering leaves the killed edge", lambda: steered()[0] == "america-1")
    for address in (answer["hls_url"], answer["dash_url"]):
        assert decoded_frames(address)[0] == FRAMES
    assert edges() == ["america-1", "asia-1"]
    moves = house.ours.playbacks.why(answer["playback_id"])["moves"]
    assert [(move["from"], move["to"]) for move in moves] == [("europe-1", "america-1")]

    house.edges["europe"].client.close()
    house.edges["europe"].start()
    until("the edge is taken back", lambda: edges()[0] == "europe-1")
    assert decoded_frames(answer["edges"][0]["url"] + "master.m3u8")[0] == FRAMES
