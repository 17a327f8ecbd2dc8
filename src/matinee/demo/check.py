"""Plays every film through every edge, as a player would, and compares what FFmpeg decodes with the source."""

import os
import subprocess
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import httpx
import stamina

from matinee.demo.show import PASSWORD, VIEWER
from matinee.encoding.ffmpeg import Tools
from matinee.model.errors import EncodingFailed, MatineeError
from matinee.settings import Settings

_TOLERANCE_SECONDS = 0.15
_REQUEST_SECONDS = 30.0
_DECODE_SECONDS = 1800.0
_OFFERED_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a decoder found of one video: every picture counted, and how long they last in seconds."""

    frames: int
    duration_seconds: float


def check_service(
    settings: Settings, tools: Tools, sources: Mapping[str, Path], edges: Collection[str], say: Callable[[str], None]
) -> dict[str, Any]:
    """Play each title (id -> its source's path) through each of these edges and ask for a home page.

    Returns ``{ok, films, edges, plays, seconds, faults}``; a fault is a sentence.
    """
    started = time.monotonic()
    faults: list[str] = []
    plays = 0
    address = f"{settings.public_address}/api/v1"
    with httpx.Client(base_url=address, timeout=_REQUEST_SECONDS, trust_env=False) as client:
        try:
            profile = _signed_in(client)
            for title_id, source in sources.items():
                plays += _check_title(_Title(client, tools, profile, title_id, source), edges, faults, say)
            if sources and not client.get(f"/profiles/{profile}/home").raise_for_status().json()["rows"]:
                faults.append("The home page has no rows.")
        except httpx.HTTPError as error:
            faults.append(f"The service did not answer: {error}.")
    return {
        "ok": not faults and bool(sources),
        "films": len(sources),
        "edges": len(edges),
        "plays": plays,
        "seconds": round(time.monotonic() - started, 1),
        "faults": faults,
    }


@dataclass(frozen=True, slots=True)
class _Title:
    """One title on its way through the check."""

    client: httpx.Client
    tools: Tools
    profile: str
    id: str
    source: Path


def _signed_in(client: httpx.Client) -> str:
    answer = client.post("/sessions", json={"email": VIEWER, "password": PASSWORD}).raise_for_status().json()
    client.headers["Authorization"] = f"Bearer {answer['token']}"
    profiles = client.get("/profiles").raise_for_status().json()["profiles"]
    return str(max(profiles, key=lambda entry: entry["maturity_limit"])["id"])


def _check_title(title: _Title, edges: Collection[str], faults: list[str], say: Callable[[str], None]) -> int:
    """Play one title everywhere; its faults are added. Returns the number of plays."""
    client = title.client
    name = client.get(f"/titles/{title.id}").raise_for_status().json()["name"]
    expected = decode_source(title.tools, title.source)
    say(f"{name}: the source has {expected.frames} frames in {expected.duration_seconds:.2f} s")
    body = {"profile_id": title.profile, "title_id": title.id, "device": {"kind": "check"}}
    playback, missing = offered_playback(client, body, edges)
    addresses = {edge["id"]: f"{edge['url']}master.m3u8" for edge in playback["edges"]}
    faults += [f"{name} is not offered by edge {edge}." for edge in missing]
    addresses |= {"the composed HLS": playback["hls_url"], "the composed DASH": playback["dash_url"]}
    for where, address in addresses.items():
        try:
            found = faults_of(expected, decode_renditions(title.tools, address))
        except (MatineeError, subprocess.TimeoutExpired) as error:
            found = [str(error)]
        faults += [f"{name} by {where}: {fault}" for fault in found]
        say(f"  {where}: {'; '.join(found) or 'every rendition is whole'}")
    return len(addresses)


class _NotOffered(Exception):
    """A playback that lacks an edge."""


def offered_playback(
    client: httpx.Client, body: Mapping[str, Any], edges: Collection[str], patience_seconds: float = _OFFERED_SECONDS
) -> tuple[dict[str, Any], list[str]]:
    """A playback that offers all of these edges, or the last that was had, with the edges that it lacks.

    Asked for again while it lacks one: each copy of ``serve`` reads of an edge's first heartbeat a moment later.
    """
    playback: dict[str, Any] = {}
    missing = list(edges)
    with suppress(_NotOffered):
        for attempt in stamina.retry_context(_NotOffered, attempts=None, timeout=patience_seconds, wait_max=1.0):
            with attempt:
                playback = client.post("/playbacks", json=body).raise_for_status().json()
                offered = {edge["id"] for edge in playback["edges"]}
                missing = [edge for edge in edges if edge not in offered]
                if missing:
                    raise _NotOffered
    return playback, missing


def faults_of(expected: Decoded, renditions: Sequence[Decoded]) -> list[str]:
    """What differs between a source and its renditions, a sentence each."""
    if not renditions:
        return ["it has no video rendition"]
    faults = []
    # Of an interlaced source every field becomes a frame, in all renditions alike.
    doubled = all(rendition.frames == 2 * expected.frames for rendition in renditions)
    for place, rendition in enumerate(renditions):
        if rendition.frames != expected.frames and not doubled:
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
    direct = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_DECODE_SECONDS, env=direct)
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
