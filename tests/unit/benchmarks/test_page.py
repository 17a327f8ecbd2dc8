"""The page of all tables says which of them are this run's."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from benchmarks.__main__ import page

BEGUN = datetime(2026, 11, 22, 21, 0, tzinfo=UTC)
HERE = {"cores": 2, "memory_gib": 8.0, "processor": "one", "kernel": "6", "python": "3.11"}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    for name, minutes in (("home_page", -10), ("listing", 10)):
        result = {
            "question": f"how is {name}?",
            "command": f"python -m benchmarks.{name}",
            "time": (BEGUN + timedelta(minutes=minutes)).isoformat(timespec="seconds"),
            "machine": HERE,
            "rows": [{"what": name, "figure": 1}],
        }
        (tmp_path / f"{name}.json").write_text(json.dumps(result))
    return tmp_path


def section(text: str, name: str) -> str:
    """What the page says under a benchmark's question."""
    return next(part for part in text.split("\n## ") if part.startswith(f"How is {name}?"))


def test_a_table_of_an_older_run_says_so_and_one_of_this_run_does_not(results: Path) -> None:
    written = page(results, since=BEGUN)
    assert "An older run's" in section(written, "home_page")
    assert "| home_page" in section(written, "home_page")
    assert "**" not in section(written, "listing")


def test_a_table_of_a_benchmark_that_failed_says_so(results: Path) -> None:
    written = page(results, since=BEGUN, failed=["home_page", "listing"])
    assert "Not passed" in section(written, "listing")
    assert "An older run's" in section(written, "home_page")


def test_a_result_of_the_very_second_in_which_the_run_began_is_its_own(results: Path) -> None:
    assert "**" not in section(page(results, since=BEGUN + timedelta(minutes=10)), "listing")
