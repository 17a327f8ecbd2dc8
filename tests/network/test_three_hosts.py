"""Three machines as an operator sets them up: one service, whose parts may die and whose lines may be cut."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import imageio_ffmpeg
import pytest

from engines import missing
from network.hosts import Network, three_hosts, why_not
from network.installation import asking, installed
from running_demo import draw, until

FRAMES, SECONDS = 48, 2


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    reason = why_not()
    if reason:
        missing("What three hosts need", reason)
    with three_hosts() as hosts, installed(hosts):
        yield hosts


@dataclass
class Viewer:
    """A member who signed up, with the film that is there to watch, and every event of theirs that was accepted."""

    client: httpx.Client
    profile_id: str
    title_id: str
    accepted: list[str] = field(default_factory=list)

    def play(self) -> dict[str, Any]:
        body = {"profile_id": self.profile_id, "title_id": self.title_id, "device": {"kind": "test"}}
        answer: dict[str, Any] = self.client.post("/playbacks", json=body).raise_for_status().json()
        return answer


def film_taken_in(network: Network, folder: Path) -> str:
    """Ingest a small film on the worker's machine; its title's id once it can be played."""
    film = draw(folder / "film.mp4", SECONDS)
    told = network["b"].matinee("matinee", "ingest", str(film), "--json")
    assert told.returncode == 0, told.stderr
    return str(json.loads(told.stdout)["titles"][0]["id"])


@pytest.fixture(scope="module")
def viewer(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Viewer]:
    title_id = film_taken_in(network, tmp_path_factory.mktemp("film"))
    with asking(network) as client:
        client.base_url = httpx.URL(f"https://{network['a'].address}/api/v1")
        who = {"email": "ada@example.com", "password": "a password of ada's"}
        client.post("/accounts", json=who).raise_for_status()
        client.headers["Authorization"] = (
            f"Bearer {client.post('/sessions', json=who).raise_for_status().json()['token']}"
        )
        profile = client.get("/profiles").raise_for_status().json()["profiles"][0]["id"]
        until("the film", lambda: client.get(f"/titles/{title_id}").json().get("state") == "playable")
        yield Viewer(client, profile, title_id)


@pytest.mark.parametrize(("host", "process"), [("a", "matinee"), ("b", "matinee"), ("c", "matinee"), ("c", "edge")])
def test_the_doctor_finds_every_part_well_on_every_host(network: Network, host: str, process: str) -> None:
    asked = network[host].matinee(process, "doctor", "--json")
    assert asked.returncode == 0, f"{asked.returncode}: {asked.stdout}{asked.stderr}"
    found = json.loads(asked.stdout)
    parts = {part["part"]: part["says"] for part in found["parts"]}
    if process == "edge":
        assert set(parts) == {"objects", "control", "secrets", "certificate"}
    else:
        assert {"database", "objects", "events", "compute", "tools", "public", "control", "edges"} <= set(parts)
        assert parts["edges"] == "1 known and heard"


def test_a_film_is_played_through_the_edge(network: Network, viewer: Viewer, tmp_path: Path) -> None:
    playback = viewer.play()
    edges = playback["edges"]
    assert [edge["id"] for edge in edges] == ["edge-c"]
    assert decoded_frames(viewer.client, edges[0]["url"], tmp_path) == FRAMES


def decoded_frames(client: httpx.Client, folder_url: str, folder: Path) -> int:
    """Fetch a presentation as a player does, and count the pictures of its first video rendition."""
    master = client.get(urljoin(folder_url, "master.m3u8")).raise_for_status().text
    playlist = next(line for line in master.splitlines() if line and not line.startswith("#"))
    address = urljoin(folder_url, playlist)
    lines = client.get(address).raise_for_status().text.splitlines()
    initial = next(line.split('URI="')[1].split('"')[0] for line in lines if line.startswith("#EXT-X-MAP"))
    names = [initial, *(line for line in lines if line and not line.startswith("#"))]
    whole = folder / "whole.mp4"
    whole.write_bytes(b"".join(client.get(urljoin(address, name)).raise_for_status().content for name in names))
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-xerror", "-i", str(whole), "-map", "0:v:0"]
    played = subprocess.run([*command, "-f", "framecrc", "-"], capture_output=True, text=True, check=True, timeout=60)
    return sum(not line.startswith("#") for line in played.stdout.splitlines())
