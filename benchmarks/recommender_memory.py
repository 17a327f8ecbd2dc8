"""How much memory a million profiles take in each process that serves pages.

Bar: 1 GiB. What is told of is a process's resident memory before and after it has learned the histories of so many
profiles (log-normal, a dozen titles most, hundreds some; 20,000 titles), with the boards and pairs that come of them.
A process of its own for each number of profiles, as memory that was freed once is not given back; the line through the
numbers says what a million take, and how much of it does not grow with profiles.

``python -m benchmarks.recommender_memory [--profiles N …]``
"""

import argparse
import gc
import json
import random
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import psutil

from benchmarks.audience import audience
from benchmarks.home_page import draft
from benchmarks.machine import report
from matinee.taste.knowledge import Knowledge

SEED = 20260101
TITLES = 20_000
PROFILES = (25_000, 50_000, 100_000)
MILLION = 1_000_000
_PUBLISHED = "Metarank, published: 0.8 GiB a million"


def learn(profiles: int) -> dict[str, Any]:
    """Learn the histories of so many; bytes before and after, plays held, and pairs."""
    chance, now = random.Random(SEED), datetime.now(UTC)
    people = audience([(f"{number:012x}", draft(number, chance).genres) for number in range(TITLES)], chance)
    knowledge, here, plays = Knowledge(), psutil.Process(), 0
    gc.collect()
    before = here.memory_info().rss
    gc.disable()
    for number in range(profiles):
        for event in people.history(f"profile-{number:08x}", chance, now):
            knowledge.learn(event, now)
    gc.collect()
    after = here.memory_info().rss
    plays = sum(len(knowledge.histories.of(one).plays) for one in knowledge.histories)
    _, together = knowledge.transitions.counts()
    return {"before": before, "after": after, "plays": plays, "pairs": sum(map(len, together.values()))}


def main() -> None:
    if sys.argv[1:2] == ["learn"]:
        print(json.dumps(learn(int(sys.argv[2]))))
        return
    asked = argparse.ArgumentParser(description="Memory by profiles.")
    asked.add_argument("--profiles", nargs="*", type=int, default=list(PROFILES))
    told = asked.parse_args()
    rows, points = [], list[tuple[int, float]]()
    for profiles in sorted(told.profiles):
        command = [sys.executable, "-m", "benchmarks.recommender_memory", "learn", str(profiles)]
        found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
        grown = (found["after"] - found["before"]) / 2**30
        points.append((profiles, grown))
        rows.append(
            {
                "profiles": f"{profiles:,}",
                "plays held": f"{found['plays']:,}",
                "pairs of titles": f"{found['pairs']:,}",
                "memory": f"{grown:.3f} GiB",
                "bar": "",
            }
        )
    slope = (points[-1][1] - points[0][1]) / (points[-1][0] - points[0][0]) if len(points) > 1 else 0.0
    fixed = points[-1][1] - slope * points[-1][0]
    rows.append(
        {
            "profiles": f"{MILLION:,}, by the line through the least and the most",
            "plays held": "",
            "pairs of titles": "",
            "memory": f"{slope * MILLION + fixed:.2f} GiB, {fixed:.2f} of it whatever the profiles",
            "bar": "1 GiB",
        }
    )
    report("recommender_memory", "how much memory do profiles take?", rows, seed=SEED, published=_PUBLISHED)


if __name__ == "__main__":
    main()
