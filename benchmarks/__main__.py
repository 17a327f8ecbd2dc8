"""Every benchmark, one after another, and the page of their tables: ``make bench``."""

import json
import subprocess
import sys
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.machine import RESULTS, as_table

NAMES = (
    "demo_start",
    "home_page",
    "edge_throughput",
    "cold_herd",
    "edge_memory",
    "edge_restart",
    "demand_cache",
    "events_accepted",
    "events_killed",
    "event_log",
    "ray_scaling",
    "encoding_chunks",
    "encoding_peers",
    "encoding_memory",
    "encoding_first",
    "control_plane",
    "rebuild",
    "bandit_world",
    "listing",
    "start_up",
    "recommender_fresh",
    "recommender_pages",
    "recommender_memory",
    "recommender_rivals",
    "recommender_quality",
    "recommender_stream",
    "recommender_fit",
    "ladder_fit",
    "encoding_ladder",
    "encoding_ladder_made",
    "encoding_codecs",
    "film_grain",
    "episode_spans",
    "spans_found",
)
PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
_HEAD = """# Benchmarks

One question each, beside the strongest rival in the same run where there is one. Written by `make bench`; each table
stands with the command and the machine that made it.
"""


def page(results: Path = RESULTS, since: datetime | None = None, failed: Collection[str] = ()) -> str:
    """The page of all results that there are; a table from before ``since``, or of one that failed, says so."""
    parts = [_HEAD]
    for name in NAMES:
        path = results / f"{name}.json"
        if not path.exists():
            continue
        result = json.loads(path.read_text())
        here = result["machine"]
        parts.append(f"## {result['question'][:1].upper()}{result['question'][1:]}\n")
        if since is not None and datetime.fromisoformat(result["time"]) < since:
            parts.append("**An older run's: in the run that wrote this page it was skipped or did not finish.**\n")
        elif name in failed:
            parts.append("**Not passed: the benchmark ended with an error.**\n")
        parts.append(f"{as_table(result['rows'])}\n")
        parts.append(
            f"`{result['command']}` at {result['time']}: {here['cores']} cores, {here['memory_gib']} GiB, "
            f"{here['processor']}, Linux {here['kernel']}, Python {here['python']}."
        )
        known = {"question", "command", "time", "machine", "rows"}
        parts += [
            f"{key}: {value}" for key, value in result.items() if key not in known and isinstance(value, str | int)
        ]
        parts.append("")
    return "\n".join(parts)


def main() -> None:
    """Run all, write the page, and fail if one did not finish."""
    begun = datetime.now(UTC).replace(microsecond=0)  # as results write it
    runs = {name: subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False) for name in NAMES}
    failed = [name for name, run in runs.items() if run.returncode]
    PAGE.write_text(page(since=begun, failed=failed))
    if failed:
        sys.exit(f"These benchmarks did not finish: {', '.join(failed)}")


if __name__ == "__main__":
    main()
