"""What stands beside every figure: the machine, the command, the time; and where results are written."""

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def machine() -> dict[str, Any]:
    """The machine in words: cores, memory in GiB, processor, kernel, Python."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory, 1),
        "processor": models[0].partition(":")[2].strip() if models else platform.processor(),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def as_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as a Markdown table; the columns are the first row's keys."""
    columns = list(rows[0])
    widths = {column: max(len(column), *(len(str(row[column])) for row in rows)) for column in columns}
    lines = ({column: column for column in columns}, {column: "-" * widths[column] for column in columns}, *rows)
    return "\n".join(
        "| " + " | ".join(str(line[column]).ljust(widths[column]) for column in columns) + " |" for line in lines
    )


def report(name: str, question: str, rows: Sequence[Mapping[str, Any]], **facts: Any) -> None:
    """Print one table (columns are the first row's keys) and write it as JSON under ``benchmarks/results``."""
    here = machine()
    print(f"\n## {name}: {question}\n")
    print(as_table(rows))
    command = f"python -m benchmarks.{name}"
    print(f"\n`{command}` on {here['cores']} cores, {here['memory_gib']} GiB, {here['processor']}, {here['kernel']}")
    for key, value in facts.items():
        print(f"{key}: {value}")
    RESULTS.mkdir(exist_ok=True)
    written = {
        "question": question,
        "command": command,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": here,
        "rows": list(rows),
        **facts,
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(written, indent=2) + "\n")
    sys.stdout.flush()
