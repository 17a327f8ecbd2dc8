"""One command turns a folder of films into a service; it bears bad films, killed processes and a second start."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
import pytest

from running_demo import HOSTS, OPERATOR, RunningDemo, draw, free_port, until

NAMES = ("Alder", "Birch", "Cedar")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    folder = tmp_path_factory.mktemp("journey")
    for name in NAMES:
        draw(folder / "films" / f"{name}.mp4", 5)
    (folder / "films" / "Words.mp4").write_text("This is a text and no film.\n" * 50)
    (folder / "films" / "Nothing.mp4").write_bytes(b"")
    whole = (folder / "films" / "Alder.mp4").read_bytes()
    (folder / "films" / "Half.mp4").write_bytes(whole[: len(whole) // 2])
    running = RunningDemo(data=folder / "data", films=folder / "films").start()
    with running.client() as client:
        until("three playable films", lambda: len(running.titles(client)) == len(NAMES), 60)
    yield running
    with suppress(AssertionError, ProcessLookupError):
        running.stop()


def test_films_become_playable_and_each_bad_one_is_one_sentence(demo: RunningDemo) -> None:
    with demo.client() as client:
        assert [title["name"] for title in demo.titles(client)] == list(NAMES)
    until("three refusals", lambda: demo.output.count("cannot be played") == 3, 20)
    for name in ("Words", "Nothing", "Half"):
        line = next(line for line in demo.output.splitlines() if f"{name} cannot be played" in line)
        assert line.endswith("."), line
        assert "Traceback" not in line


def test_pressing_play_answers_with_ranked_edges_and_manifests_that_ask_for_the_token(demo: RunningDemo) -> None:
    with demo.client() as client:
        title = demo.titles(client)[0]["id"]
        profile = client.get("/profiles").json()["profiles"][0]["id"]
        playback = demo.press_play(client, profile, title, region="asia")
    assert playback["edges"][0]["id"] == "asia-1"
    assert len(playback["edges"]) == 3
    master = httpx.get(playback["hls_url"]).raise_for_status().text
    for edge in playback["edges"]:
        assert f'PATHWAY-ID="{edge["id"]}"' in master
        assert httpx.get(f"{edge['url']}master.m3u8").is_success
        host, token, rest = edge["url"].removeprefix("http://").split("/", 2)
        assert httpx.get(f"http://{host}/{rest}master.m3u8").status_code in {403, 404}
        assert httpx.get(f"http://{host}/{token[:-4]}AAAA/{rest}master.m3u8").status_code == 403
        assert httpx.get(f"{edge['url']}../../{title}/x/master.m3u8").status_code in {400, 403, 404}
    steering = httpx.get(playback["steering_url"]).raise_for_status().json()
    assert steering["VERSION"] == 1
    assert steering["PATHWAY-PRIORITY"][0] == "asia-1"


def test_an_accepted_event_outlives_the_kill_of_the_process_that_took_it(demo: RunningDemo) -> None:
    with demo.client() as client:
        titles = demo.titles(client)
        profile = client.get("/profiles").json()["profiles"][1]["id"]
        playback = demo.press_play(client, profile, titles[0]["id"])["playback_id"]
        rows = client.get(f"/profiles/{profile}/home").raise_for_status().json()["rows"]
        assert not [row for row in rows if row["kind"] == "because_you_watched"]
        heartbeat = {
            "id": uuid.uuid4().hex,
            "type": "playback.heartbeat",
            "time": datetime.now(UTC).isoformat(),
            "playback_id": playback,
            "position_seconds": 4.5,
            "watched_seconds": 4.5,
            "duration_seconds": 5.0,
        }
        second = {**heartbeat, "id": uuid.uuid4().hex, "position_seconds": 5.0, "watched_seconds": 1.0}
        answer = client.post("/events", json={"events": [heartbeat, second, heartbeat]})
        assert answer.status_code == 202, answer.text
        demo.processes()["serve"].kill()
        until("the control plane, again", demo._answers, 20)
        rows = client.get(f"/profiles/{profile}/home").raise_for_status().json()["rows"]
    named = [row["name"] for row in rows if row["kind"] == "because_you_watched"]
    assert named == [f"Because you watched {titles[0]['name']}"], rows


@pytest.mark.parametrize("name", ["serve", "worker", "europe-1"])
def test_a_killed_process_comes_back_and_is_named(demo: RunningDemo, name: str) -> None:
    killed = until(name, lambda: demo.processes().get(name), 20)
    assert killed is not None
    killed.kill()

    def back() -> bool:
        found = demo.processes().get(name)
        return found is not None and found.pid != killed.pid

    until(f"{name}, again", back, 20)
    assert f"{name} ended (signal 9, SIGKILL); it is started again." in demo.output
    until("every part", lambda: all(httpx_ready(host, demo.port) for host in HOSTS), 20)


def httpx_ready(host: str, port: int) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(f"http://{host}:{port}/readyz", timeout=2).is_success
    return False


def test_the_studio_tells_operators_and_nobody_else(demo: RunningDemo) -> None:
    with demo.client() as viewer:
        assert viewer.get(f"{demo.address}/studio").status_code == 403
    assert httpx.get(f"{demo.address}/studio").status_code in {303, 307, 302, 401}
    with demo.client(OPERATOR) as operator:
        page = operator.get(f"{demo.address}/studio/encodes").raise_for_status().text
    for name in ("Words", "Nothing", "Half"):
        assert name in page


def test_ctrl_c_ends_every_process_and_a_second_start_goes_on(demo: RunningDemo) -> None:
    pids = [process.pid for process in demo.processes().values()]
    assert len(pids) == 5
    assert demo.stop() == 0
    assert not [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"]
    encoded = demo.output.count("is whole")
    started = time.monotonic()
    demo.start()
    with demo.client() as client:
        assert [title["name"] for title in demo.titles(client)] == list(NAMES)
    assert time.monotonic() - started < 20
    assert demo.output.count("is whole") >= encoded
    assert demo.stop() == 0


def test_a_killed_supervisor_leaves_no_process_behind(tmp_path: Path) -> None:
    draw(tmp_path / "films" / "One.mp4", 2)
    running = RunningDemo(data=tmp_path / "data", films=tmp_path / "films").start()
    assert running.process is not None
    pids = [process.pid for process in psutil.Process(running.process.pid).children(recursive=True)]
    os.kill(running.process.pid, signal.SIGKILL)
    running.process.wait(timeout=10)
    until("the end of all", lambda: not [pid for pid in pids if psutil.pid_exists(pid)], 10)


def refused(*arguments: str) -> str:
    command = [sys.executable, "-m", "matinee.cli", "demo", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_a_taken_port_and_a_folder_without_films_are_a_sentence_and_exit_code_1(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path / "data"))
    port = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.2.1", port))
        taken.listen()
        assert f"127.0.2.1:{port}" in refused(*data, "--port", str(port))
    (tmp_path / "empty").mkdir()
    assert "no films" in refused(*data, "--films", str(tmp_path / "empty"), "--port", str(port))
    assert "no folder" in refused(*data, "--films", str(tmp_path / "absent"), "--port", str(port))


def test_check_plays_every_film_through_every_edge_and_prints_one_line_of_json(tmp_path: Path) -> None:
    draw(tmp_path / "films" / "Silent Film (1927).mp4", 3, rate="30000/1001")
    draw(tmp_path / "films" / "Portrait.mkv", 2, size="180x320", rate="60")
    running = RunningDemo(data=tmp_path / "data", films=tmp_path / "films")
    done = subprocess.run(running.command("--check"), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["ok"] is True
    assert (result["films"], result["edges"]) == (2, 3)
    assert result["plays"] >= 6
