"""Plays every film through every edge, as a player would, and compares what FFmpeg decodes with the source."""

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import httpx

from matinee.compose.demo import PASSWORD, VIEWER
from matinee.encoding.ffmpeg import Tools
from matinee.model.errors import EncodingFailed
from matinee.settings import Settings

_TOLERANCE_SECONDS = 0.15
_REQUEST_SECONDS = 30.0
_DECODE_SECONDS = 1800.0


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a decoder found of one video: every picture counted, and how long they last in seconds."""

    frames: int
    duration_seconds: float


def check_service(
    settings: Settings, tools: Tools, sources: Mapping[str, Path], say: Callable[[str], None]
) -> dict[str, Any]:
    """Play each title (id -> its source's path) through each edge and ask for a home page.

    Returns ``{ok, films, edges, plays, seconds, faults}``; a fault is a sentence.
    """
    started = time.monotonic()
    faults: list[str] = []
    edges: set[str] = set()
    plays = 0
    with httpx.Client(base_url=f"{settings.public_address}/api/v1", timeout=_REQUEST_SECONDS) as client:
        answer = client.post("/sessions", json={"email": VIEWER, "password": PASSWORD}).raise_for_status().json()
        client.headers["Authorization"] = f"Bearer {answer['token']}"
        profiles = client.get("/profiles").raise_for_status().json()
        profile = max(_items(profiles), key=lambda entry: entry["maturity_limit"])["id"]
        for title_id, source in sources.items():
            name = client.get(f"/titles/{title_id}").raise_for_status().json()["name"]
            expected = decode_source(tools, source)
            say(f"{name}: the source has {expected.frames} frames in {expected.duration_seconds:.2f} s")
            body = {"profile_id": profile, "title_id": title_id, "device": {"kind": "check"}}
            playback = client.post("/playbacks", json=body).raise_for_status().json()
            addresses = {f"edge {edge['id']}": f"{edge['url']}master.m3u8" for edge in playback["edges"]}
            addresses |= {"composed HLS": playback["hls_url"], "composed DASH": playback["dash_url"]}
            edges |= {edge["id"] for edge in playback["edges"]}
            for where, address in addresses.items():
                plays += 1
                found = faults_of(expected, decode_renditions(tools, address))
                faults += [f"{name} by {where}: {fault}" for fault in found]
                say(f"  {where}: {'; '.join(found) or 'every rendition is whole'}")
        home = client.get(f"/profiles/{profile}/home").raise_for_status().json()
        if sources and not home["rows"]:
            faults.append("The home page has no rows.")
    return {
        "ok": not faults and bool(sources),
        "films": len(sources),
        "edges": len(edges),
        "plays": plays,
        "seconds": round(time.monotonic() - started, 1),
        "faults": faults,
    }


def _items(answer: Any) -> list[dict[str, Any]]:
    return list(answer if isinstance(answer, list) else answer["profiles"])


def faults_of(expected: Decoded, renditions: Sequence[Decoded]) -> list[str]:
    """What differs between a source and its renditions, a sentence each."""
    if not renditions:
        return ["it has no video rendition"]
    faults = []
    for place, rendition in enumerate(renditions):
        if rendition.frames != expected.frames:
            faults.append(f"rendition {place} has {rendition.frames} of {expected.frames} frames")
        if abs(rendition.duration_seconds - expected.duration_seconds) > _TOLERANCE_SECONDS:
            faults.append(
                f"rendition {place} lasts {rendition.duration_seconds:.2f} s, not {expected.duration_seconds:.2f} s"
            )
    return faults


def decode_source(tools: Tools, path: Path) -> Decoded:
    """Decode the first video track of a file, whole."""
    return _decode(tools, str(path), "0:v:0")[0]


def decode_renditions(tools: Tools, url: str) -> list[Decoded]:
    """Decode every video rendition that a manifest names."""
    return _decode(tools, url, "0:v")


def _decode(tools: Tools, address: str, wanted: str) -> list[Decoded]:
    # framecrc writes one line a decoded picture: stream, dts, pts, duration, size, checksum, in ticks of "#tb".
    command = [tools.ffmpeg, "-v", "error", "-i", address, "-map", wanted, "-fps_mode", "passthrough"]
    command += ["-c:v", "rawvideo", "-f", "framecrc", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_DECODE_SECONDS)
    if done.returncode:
        raise EncodingFailed(f"FFmpeg could not decode {address}: {done.stderr.strip()[-300:]}")
    ticks: dict[int, float] = {}
    pictures: dict[int, list[tuple[int, int]]] = {}
    for line in done.stdout.splitlines():
        if line.startswith("#tb"):
            stream, tick = line.removeprefix("#tb").split(":")
            ticks[int(stream)] = float(Fraction(tick.strip()))
        elif not line.startswith("#"):
            stream, _, stamp, length, *_ = line.split(",")
            pictures.setdefault(int(stream), []).append((int(stamp), int(length)))
    return [
        Decoded(frames=len(shown), duration_seconds=(max(map(sum, shown)) - min(shown)[0]) * ticks[stream])
        for stream, shown in sorted(pictures.items())
    ]
