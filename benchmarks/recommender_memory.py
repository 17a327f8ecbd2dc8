"""How much memory a million profiles take in each process that serves pages.

Bar: 1 GiB. What is told of is a process's resident memory before and after it has learned the histories of so many
profiles (log-normal, a dozen titles most, hundreds some; 20,000 titles), with the boards and pairs that come of them.
A process of its own for each number of profiles, as memory that was freed once is not given back; the line through the
numbers says what a million take, and how much of it does not grow with profiles. ``--beats``: so many heartbeats a
play, at times and places that are no whole seconds, which are more bytes than one. Histories are folded as in serving;
what does not grow with them is counted at once (``crowd``). ``collector`` is one whole collection of garbage with all
of it in memory, before ``gc.freeze``.

``python -m benchmarks.recommender_memory [--profiles N …] [--beats N]``
"""

import argparse
import ctypes
import gc
import json
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import psutil

from benchmarks.crowd import crowd, known
from benchmarks.home_page import draft
from benchmarks.machine import report

SEED = 20260101
TITLES = 20_000
CASES = ((1, (25_000, 100_000)), (4, (20_000, 60_000)))
"""Heartbeats a play, and for how many profiles."""

MILLION = 1_000_000
_PUBLISHED = "Metarank, published: 0.8 GiB a million"


def learn(profiles: int, beats: int) -> dict[str, Any]:
    """Learn the histories of so many; bytes before and after, plays held, pairs, and seconds of a collection."""
    chance, now = random.Random(SEED), datetime.now(UTC)
    genres = [(f"{number:012x}", draft(number, chance).genres) for number in range(TITLES)]
    here = psutil.Process()
    # Once for nothing: what numpy and scipy take to count with is no one's profile.
    known(crowd(genres, [f"warm-{number:08x}" for number in range(2_000)], SEED, now))
    people = crowd(genres, [f"profile-{number:08x}" for number in range(profiles)], SEED, now)
    _give_back()
    before = here.memory_info().rss
    gc.disable()
    knowledge = known(people, beats)
    _give_back()
    after = here.memory_info().rss
    begun = time.perf_counter()
    gc.collect()
    collected = time.perf_counter() - begun
    bodies = knowledge.histories.bodies()
    return {
        "before": before,
        "after": after,
        "plays": len(people.titles),
        "bytes": sum(len(body) for _, body in bodies),
        "pairs": int(knowledge.transitions.links.columns()[0].sum()),
        "collected": collected,
    }


def _give_back() -> None:
    """Have the C library give back what is free: what was used in between is not what is held."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def main() -> None:
    if sys.argv[1:2] == ["learn"]:
        print(json.dumps(learn(int(sys.argv[2]), int(sys.argv[3]))))
        return
    asked = argparse.ArgumentParser(description="Memory by profiles.")
    asked.add_argument("--profiles", nargs="*", type=int, default=[])
    asked.add_argument("--beats", type=int, default=1)
    told = asked.parse_args()
    cases = [(told.beats, told.profiles)] if told.profiles else CASES
    rows = [row for beats, profiles in cases for row in _lines(sorted(profiles), beats)]
    report("recommender_memory", "how much memory do profiles take?", rows, seed=SEED, published=_PUBLISHED)


def _lines(sizes: Sequence[int], beats: int) -> list[dict[str, str]]:
    """A row a number of profiles, and one for a million by the line through the least and the most."""
    rows, points = [], list[tuple[int, float]]()

    def learned(profiles: int) -> dict[str, Any]:
        command = [sys.executable, "-m", "benchmarks.recommender_memory", "learn", str(profiles), str(beats)]
        told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        return dict(json.loads(told.stdout))

    with ThreadPoolExecutor(2) as two:
        every = list(two.map(learned, sizes))
    for profiles, found in zip(sizes, every, strict=True):
        grown = (found["after"] - found["before"]) / 2**30
        points.append((profiles, grown))
        rows.append(
            {
                "profiles": f"{profiles:,}",
                "heartbeats a play": str(beats),
                "plays held": f"{found['plays']:,}",
                "bytes a play": f"{found['bytes'] / found['plays']:.1f}",
                "pairs of titles": f"{found['pairs']:,}",
                "collector": f"{found['collected'] * 1e3:.0f} ms",
                "memory": f"{grown:.3f} GiB",
                "bar": "",
            }
        )
    slope = (points[-1][1] - points[0][1]) / (points[-1][0] - points[0][0]) if len(points) > 1 else 0.0
    fixed = points[-1][1] - slope * points[-1][0]
    total = f"{slope * MILLION + fixed:.2f} GiB, {fixed:.2f} of it whatever the profiles"
    named = f"{MILLION:,}, by the line through the least and the most"
    rows.append(
        dict.fromkeys(rows[0], "")
        | {"profiles": named, "heartbeats a play": str(beats), "memory": total, "bar": "1 GiB"}
    )
    return rows


if __name__ == "__main__":
    main()
