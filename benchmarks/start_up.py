"""How soon a film starts 80 and 200 ms from its origin: with an edge beside the viewer, and with the origin's only.

Hosts in network namespaces, the same binaries as in production. In each far region stand two pairs: a viewer with an
edge beside them, and (the rival) a viewer who has none, as far away, whose edge is the origin's. Start-up is from the
press of play to the moment the first segment of the variant that players begin with is whole: ``POST /playbacks`` over
the connection that the page already has, the playlists, then initialisation and first segment over a new connection to
the edge that the answer ranks first. What came is decoded afterwards. Everybody's line carries the same rate.
"""

import io
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import av
import httpx
import imageio_ffmpeg
import m3u8

from benchmarks.machine import report

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from network import staging, world
from network.line import Line
from network.staging import Staging, Viewer
from running_demo import until

SEED = 20261126
ROUND_TRIPS_MS = (80, 200)
REPEATS, WARM = 30, 2
# An access line as many have, and the same for those beside their edge as for those who fetch from afar.
LINE_BPS = 50_000_000
FILM_SECONDS = 12
# Where they stand says whose edge is next; how far that is, the lines say.
PLACES = {
    "home": (50.1, 8.7),
    "near80": (39.0, -77.5),
    "near200": (1.35, 103.8),
    "bare80": (48.9, 2.4),
    "bare200": (52.4, 4.9),
}
REGIONS = {
    "origin": "home",
    "home-edge": "home",
    **{f"near-edge-{away}": f"near{away}" for away in ROUND_TRIPS_MS},
    **{f"{kind}-viewer-{away}": f"{kind}{away}" for away in ROUND_TRIPS_MS for kind in ("near", "bare")},
}
KINDS = ("near", "bare")
WANTED = {
    (away, kind): f"near-edge-{away}" if kind == "near" else "home-edge" for away in ROUND_TRIPS_MS for kind in KINDS
}


@dataclass(frozen=True)
class StartUp:
    """One press of play: which edge gave the film, how long it took, and what came."""

    host: str
    seconds: float
    size_bytes: int
    requests: Mapping[str, float]
    film: bytes


def start_up(viewer: Viewer, title_id: str) -> StartUp:
    """Press play on the viewer's host, as a player would."""

    def pressed() -> StartUp:
        body = {"profile_id": viewer.profile_id, "title_id": title_id, "device": {"kind": "test"}}
        with httpx.Client(trust_env=False, timeout=20) as edge:
            began = time.monotonic()
            marks = {"began": began}

            def got(what: str, answer: httpx.Response) -> httpx.Response:
                marks[what] = time.monotonic()
                return answer.raise_for_status()

            play = got("press", viewer.client.post("/playbacks", json=body)).json()
            master = got("master", viewer.client.get(play["hls_url"]))
            first = m3u8.loads(master.text, uri=play["hls_url"]).playlists[0]
            playlist = got("playlist", edge.get(first.absolute_uri))
            listed = m3u8.loads(playlist.text, uri=first.absolute_uri)
            init = got("init", edge.get(urljoin(first.absolute_uri, listed.segment_map[0].uri)))
            segment = got("segment", edge.get(urljoin(first.absolute_uri, listed.segments[0].uri)))
        spent = {b: marks[b] - marks[a] for a, b in zip(marks, list(marks)[1:], strict=False)}
        film = init.content + segment.content
        host = str(urlsplit(first.absolute_uri).hostname)
        return StartUp(host, marks["segment"] - began, len(segment.content), spent, film)

    return viewer.world.inside(viewer.host, pressed)


def frames(film: bytes) -> int:
    """How many pictures an initialisation and a segment decode to."""
    with av.open(io.BytesIO(film), "r") as container:
        return len(list(container.decode(video=0)))


def draw(path: Path) -> Path:
    """A film whose segments are as large as a camera's: a test picture with grain."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = f"testsrc2=size=1280x720:rate=24:duration={FILM_SECONDS},noise=alls=12:allf=t:all_seed={SEED}"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", picture]
    command += ["-f", "lavfi", "-i", f"sine=frequency=330:sample_rate=48000:duration={FILM_SECONDS}"]
    command += ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "18", "-pix_fmt", "yuv420p", "-c:a", "aac"]
    subprocess.run([*command, "-shortest", str(path)], check=True, timeout=120)
    return path


def lay_lines(here: world.World) -> None:
    """Every viewer to the origin and its edge, every near edge to both; one rate for all."""
    for away in ROUND_TRIPS_MS:
        line = Line(delay_seconds=away / 2000, rate_bps=LINE_BPS, queue_seconds=0.5)
        for far in (f"near-viewer-{away}", f"bare-viewer-{away}", f"near-edge-{away}"):
            for home in ("origin", "home-edge"):
                here.lay(far, home, line)
        here.limit(f"near-edge-{away}", LINE_BPS)


def measured(service: Staging, title_id: str) -> dict[tuple[int, str], list[StartUp]]:
    """Turn and turn about: for each distance, as many presses of play with an edge near by as without."""
    found: dict[tuple[int, str], list[StartUp]] = {(away, kind): [] for away in ROUND_TRIPS_MS for kind in KINDS}
    with ExitStack() as stack:
        viewers = {
            (away, kind): stack.enter_context(service.viewer(f"{kind}-viewer-{away}"))
            for away in ROUND_TRIPS_MS
            for kind in KINDS
        }
        for place, viewer in viewers.items():
            _wait_for(WANTED[place], viewer, title_id)
        dice = random.Random(SEED)
        for turn in range(-WARM, REPEATS):
            for place in dice.sample(sorted(viewers), len(viewers)):
                took = start_up(viewers[place], title_id)
                assert took.host == service.world[WANTED[place]].address, place
                if turn >= 0:
                    found[place].append(took)
    return found


def _wait_for(edge: str, viewer: Viewer, title_id: str) -> None:
    until(f"{edge} for {viewer.host}", lambda: viewer.play(title_id)["edges"][0]["id"] == edge)


def percentile_ms(found: Sequence[StartUp], share: float) -> float:
    """The time that a share of start-ups did not exceed."""
    ordered = sorted(one.seconds for one in found)
    return 1000 * ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def ratio_spread(found: Mapping[tuple[int, str], Sequence[StartUp]], away: int, share: float) -> str:
    """How many times sooner, with the 95 % interval of a bootstrap over the repeats."""
    dice = random.Random(SEED)

    def ratio(near: Sequence[StartUp], bare: Sequence[StartUp]) -> float:
        return percentile_ms(bare, share) / percentile_ms(near, share)

    near, bare = found[away, "near"], found[away, "bare"]
    drawn = sorted(ratio(dice.choices(near, k=len(near)), dice.choices(bare, k=len(bare))) for _ in range(2000))
    return f"{ratio(near, bare):.2f} [{drawn[50]:.2f} to {drawn[1949]:.2f}]"


def main() -> None:
    if reason := world.why_not() or staging.why_not():
        print(f"start_up is skipped: {reason}.")
        return
    # Told to end, it takes its hosts away first.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("start_up was told to end."))
    busy = os.getloadavg()[0]
    with world.world(REGIONS, {}, seed=SEED) as here:
        lay_lines(here)
        with staging.staged(here, PLACES) as service:
            service.start_edge("home-edge", "home")
            for away in ROUND_TRIPS_MS:
                service.start_edge(f"near-edge-{away}", f"near{away}")
            title_id = service.take_in(draw(here.home / "films" / "Grain.mp4"))
            found = measured(service, title_id)
    counted = {frames(one.film) for several in found.values() for one in several}
    assert len(counted) == 1, f"Segments decode to {counted} pictures."
    _report(found, counted.pop(), busy)


def _report(found: Mapping[tuple[int, str], Sequence[StartUp]], pictures: int, busy: float) -> None:
    rows: list[dict[str, Any]] = []
    for away in ROUND_TRIPS_MS:
        for share, name in ((0.5, "p50"), (0.95, "p95")):
            near, bare = found[away, "near"], found[away, "bare"]
            rows.append(
                {
                    "from the origin": f"{away} ms",
                    "": name,
                    "with an edge near by, ms": f"{percentile_ms(near, share):.0f}",
                    "origin only, ms": f"{percentile_ms(bare, share):.0f}",
                    "times sooner": ratio_spread(found, away, share),
                }
            )
    parts = {
        f"{kind} at {away} ms": {
            what: round(1000 * statistics.median(one.requests[what] for one in several)) for what in several[0].requests
        }
        for (away, kind), several in found.items()
    }
    one = found[ROUND_TRIPS_MS[0], "near"][0]
    report(
        "start_up",
        "how soon does a film start, 80 and 200 ms from its origin, with an edge near by and without?",
        rows,
        figures=f"{REPEATS} presses of play a column, in turns drawn by lot; 95 % interval by bootstrap",
        seed=SEED,
        first_segment=f"{one.size_bytes} bytes, {pictures} pictures decoded, over a line of {LINE_BPS // 10**6} Mb/s",
        load_before=f"{busy:.1f} (over about 2, both columns say more of the other load than of distance)",
        bar="at least 2 times sooner",
        parts_ms=parts,
    )


if __name__ == "__main__":
    main()
