"""How much more do more copies of ``matinee serve`` answer, each held to a quarter of a core.

Bar: 0.9 of linear at 2 and at 4 copies. Four copies on one PostgreSQL, which writes through to the disk; nginx stands
before the first one, two or four of them. wrk asks what players and pages ask, as fast as it is answered (a closed
loop): 45 % steering, 25 % home pages as JSON, 15 % titles, 15 % events, one heartbeat a request. Copies that nginx does
not know run on beside. The rounds of one, two and four take turns, so that what else the machine does meets all alike.
Every copy learns every event, which is work that grows with the copies: it is part of the figure.
"""

import json
import logging
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import sqlalchemy as sa
import structlog
from deploy.local import nginx, postgresql
from deploy.local.control_plane import ControlPlane, control_plane

from benchmarks import quota
from benchmarks.home_page import PASSWORD, draft, plays
from benchmarks.machine import report
from matinee.accounts.members import Accounts
from matinee.adapters.clock_system import SystemClock
from matinee.adapters.events_database import DatabaseOutbox
from matinee.catalogue.titles import Catalogue
from matinee.compose.database import migrate, open_database
from matinee.delivery.edges import Edges
from matinee.model.media import Presentation
from matinee.model.plans import EdgeReport

SEED = 20260101
COPIES = (1, 2, 4)
CORES = 0.25
ROUNDS, ROUND_SECONDS, WARM_UP_SECONDS = 5, 6, 2
CONNECTIONS_EACH = 16
TITLES, MEMBERS = 200, 20
BAR = 0.9
REGIONS = {"europe": (50.1, 8.7), "america": (39.0, -77.5), "asia": (1.35, 103.8)}

# Everything a thread of wrk asks, in a shuffled order of its own; an event's id is never used twice.
WRK = """
local asked = {%s}
local thread_number = 0
function setup(thread) thread:set("number", thread_number) thread_number = thread_number + 1 end
function init(args) count, run = 0, args[1] math.randomseed(number + 1) end
function request()
  count = count + 1
  local one = asked[math.random(#asked)]
  wrk.headers["Authorization"] = "Bearer " .. one[3]
  local body = one[4] and one[4]:gsub("EVENT", run .. "-" .. number .. "-" .. count)
  return wrk.format(one[1], one[2], wrk.headers, body)
end
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('{"requests":%%d,"seconds":%%f,"failed":%%d,"p50":%%f,"p99":%%f}\\n', summary.requests,
    summary.duration / 1e6, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""


@dataclass(frozen=True, slots=True)
class Viewer:
    """A member who has pressed play: profile, sign-in, the film and the playback."""

    profile_id: str
    token: str
    title_id: str
    playback_id: str = ""


def edge_report(region: str) -> EdgeReport:
    latitude, longitude = REGIONS[region]
    places = {name: number for number, name in enumerate(REGIONS, start=1)}
    return EdgeReport(
        edge_id=f"{region}-1",
        site=region,
        region=region,
        url=f"http://127.0.{places[region]}.1:8400",
        latitude=latitude,
        longitude=longitude,
        capacity_bps=10**12,
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


@contextmanager
def reporting(engine: sa.Engine) -> Iterator[None]:
    """Edges that are heard of every second, as another copy would keep them."""
    known = Edges(engine=engine, outbox=DatabaseOutbox(), clock=SystemClock(), silence_seconds=60.0)
    stop = threading.Event()

    def report_all() -> None:
        while True:
            for region in REGIONS:
                known.report(edge_report(region))
            if stop.wait(1.0):
                return

    thread = threading.Thread(target=report_all)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def populate(engine: sa.Engine) -> list[Viewer]:
    """Films, and members with a history each."""
    chance, clock, outbox = random.Random(SEED), SystemClock(), DatabaseOutbox()
    catalogue = Catalogue(engine=engine, outbox=outbox, clock=clock, random_bytes=chance.randbytes)
    accounts = Accounts(engine=engine, clock=clock, random_bytes=chance.randbytes, session_seconds=86_400)
    title_ids = []
    for number in range(TITLES):
        title_ids.append(catalogue.create(draft(number, chance)).id)
        film = Presentation(duration_seconds=5400.0, renditions=(), files=(), colour="#aa7733")
        catalogue.publish(title_ids[-1], "r1", film)
    viewers = []
    for number in range(MEMBERS):
        member = accounts.sign_up(f"viewer-{number}@matinee.example", PASSWORD)
        token = accounts.sign_in(member.email, PASSWORD, "benchmark").token
        profile = accounts.create_profile(member.id, "Ada")
        viewers.append(Viewer(profile.id, token, chance.choice(title_ids)))
        with engine.begin() as connection:
            outbox.append(connection, list(plays(profile.id, title_ids, chance, clock.now())))
    return viewers


def started(address: str, viewers: Sequence[Viewer]) -> list[Viewer]:
    """The same viewers, each with a playback."""
    playing = []
    for viewer in viewers:
        answer = httpx.post(
            f"{address}/api/v1/playbacks",
            headers={"Authorization": f"Bearer {viewer.token}"},
            json={"profile_id": viewer.profile_id, "title_id": viewer.title_id},
            timeout=60,
        ).raise_for_status()
        playback_id = answer.json()["playback_id"]
        playing.append(Viewer(viewer.profile_id, viewer.token, viewer.title_id, playback_id))
    return playing


def script(viewers: Sequence[Viewer]) -> str:
    """What wrk runs: of each viewer's requests as many as their share says."""
    asked = []
    for viewer in viewers:
        time_ = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        facts = {"playback_id": viewer.playback_id, "position_seconds": 30.0, "watched_seconds": 5.0}
        event = json.dumps({"events": [{"id": "EVENT", "type": "playback.heartbeat", "time": time_, "facts": facts}]})
        for share, method, path, body in (
            (9, "GET", f"/steering/{viewer.playback_id}?_HLS_pathway=europe-1", None),
            (5, "GET", f"/api/v1/profiles/{viewer.profile_id}/home", None),
            (3, "GET", f"/api/v1/titles/{viewer.title_id}", None),
            (3, "POST", "/api/v1/events", event),
        ):
            entry = [method, path, viewer.token, *([body] if body else [])]
            asked += ["{" + ",".join(map(json.dumps, entry)) + "}"] * share
    return WRK % ",\n".join(asked)


def ask(plane: ControlPlane, lua: Path, number: int, seconds: int, run: str) -> dict[str, float]:
    """What so many copies answer: ``{requests, seconds, failed, p50, p99}``, percentiles in ms."""
    plane.nginx.configure([copy.place for copy in plane.copies[:number]])
    time.sleep(0.3)
    connections = CONNECTIONS_EACH * number
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", str(lua), plane.address]
    output = subprocess.run([*command, "--", run], check=True, capture_output=True, text=True).stdout
    answer: dict[str, float] = json.loads(output.splitlines()[-1])
    return answer


def measure(plane: ControlPlane, lua: Path) -> dict[int, list[dict[str, float]]]:
    """Rounds of one, two and four copies by turns; ``cpu_ms`` is what the asked copies used for a request."""
    results: dict[int, list[dict[str, float]]] = {number: [] for number in COPIES}
    for turn in range(ROUNDS):
        for number in COPIES if turn % 2 else reversed(COPIES):
            ask(plane, lua, number, WARM_UP_SECONDS, f"warm-{turn}-{number}")
            processes = [psutil.Process(copy.pid) for copy in plane.copies[:number]]
            before = sum(sum(process.cpu_times()[:2]) for process in processes)
            answer = ask(plane, lua, number, ROUND_SECONDS, f"round-{turn}-{number}")
            used = sum(sum(process.cpu_times()[:2]) for process in processes) - before
            answer["cpu_ms"] = used / answer["requests"] * 1e3
            answer["used"] = used / answer["seconds"] / number / CORES
            answer["rate"] = answer["requests"] / answer["seconds"]
            results[number].append(answer)
    return results


def spread(values: Sequence[float], digits: int = 0) -> str:
    return f"{statistics.median(values):.{digits}f} [{min(values):.{digits}f} to {max(values):.{digits}f}]"


def table(results: Mapping[int, Sequence[Mapping[str, float]]]) -> list[dict[str, Any]]:
    """A line for each number of copies; of linear is taken round by round, beside the one copy of the same round."""
    rows = []
    alone = [one["rate"] for one in results[1]]
    for number, rounds in results.items():
        linear = [one["rate"] / number / first for one, first in zip(rounds, alone, strict=True)]
        rows.append(
            {
                "copies": number,
                "requests/s": spread([one["rate"] for one in rounds]),
                "of linear": "1" if number == 1 else spread(linear, 2),
                "bar": "" if number == 1 else f">= {BAR}",
                "p50 ms": spread([one["p50"] for one in rounds]),
                "p99 ms": spread([one["p99"] for one in rounds]),
                "CPU ms a request": spread([one["cpu_ms"] for one in rounds], 2),
                "of its quota": spread([one["used"] for one in rounds], 2),
                "failed": int(sum(one["failed"] for one in rounds)),
            }
        )
    return rows


def missing() -> str:
    """What keeps this from being measured here; empty if nothing does."""
    if shutil.which("wrk") is None:
        return "wrk is not installed here (apt-get install wrk)"
    if nginx.find() is None:
        return f"nginx is not installed here ({nginx.INSTALL})"
    if postgresql.find() is None:
        return f"PostgreSQL is not installed here ({postgresql.INSTALL})"
    return quota.fault()


def main() -> None:
    if reason := missing():
        print(f"control_plane is skipped: {reason}.")
        return
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    busy = f"{os.getloadavg()[0]:.1f}"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="matinee-bench-")))
        server = stack.enter_context(postgresql.postgresql(durable=True, connections=200))
        url = server.create_database("matinee")
        engine = open_database(url)
        stack.callback(engine.dispose)
        migrate(engine)
        viewers = populate(engine)
        environment = {
            "MATINEE_DATA": str(folder),
            "MATINEE_DATABASE": url,
            "MATINEE_TOKEN_KEYS": "k1:a key for measuring",
            "MATINEE_REGIONS": ",".join(f"{name}={place[0]}/{place[1]}" for name, place in REGIONS.items()),
        }
        stack.enter_context(reporting(engine))
        plane = stack.enter_context(control_plane(max(COPIES), environment, folder))
        lua = folder / "ask.lua"
        lua.write_text(script(started(plane.address, viewers)))
        for copy in plane.copies:
            stack.enter_context(quota.held(copy.pid, CORES))
        ask(plane, lua, max(COPIES), 5, "first")
        results = measure(plane, lua)
    rows = table(results)
    report(
        "control_plane",
        f"how much more do more copies answer, each held to {CORES:g} of a core?",
        rows,
        figures=f"median [least to most] of {ROUNDS} rounds of {ROUND_SECONDS} s by turns, "
        f"{CONNECTIONS_EACH} connections a copy",
        period=f"a copy's quota is {CORES * quota.PERIOD_US / 1e3:g} ms in every {quota.PERIOD_US / 1e3:g} ms",
        seed=SEED,
        load_before=f"{busy} (wrk, nginx and PostgreSQL run on the same {len(os.sched_getaffinity(0))} cores)",
        rounds={str(number): rounds for number, rounds in results.items()},
    )
    if any(row["failed"] for row in rows):
        sys.exit("Some requests failed.")


if __name__ == "__main__":
    main()
