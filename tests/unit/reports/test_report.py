"""A report as JSON: read as it was written, by this release and others."""

import json

import pytest

from matinee.model.errors import Invalid
from matinee.reports.report import VERSION, Report, report_from_json, report_key, report_to_json
from reported import LENGTHS, fixed, per_title


@pytest.mark.parametrize("report", [per_title(), fixed()], ids=["per-title", "fixed"])
def test_what_is_written_is_read(report: Report) -> None:
    assert report_from_json(report_to_json(report)) == report


def test_names_that_a_later_release_adds_are_passed_over_and_missing_ones_have_their_defaults() -> None:
    values = json.loads(report_to_json(per_title()))
    values["mood"] = "hopeful"
    values["rungs"][0]["mood"] = "low"
    del values["again"], values["hull"]
    read = report_from_json(json.dumps(values).encode())
    assert (read.again, read.hull, read.rungs) == ((), (), per_title().rungs)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"source": 3}'])
def test_what_is_no_report_is_said_to_be_none(content: bytes) -> None:
    with pytest.raises(Invalid, match="not the report of an encode"):
        report_from_json(content)


def test_another_version_is_not_guessed_at() -> None:
    values = json.loads(report_to_json(fixed())) | {"version": VERSION + 1}
    with pytest.raises(Invalid, match=f"version {VERSION + 1}"):
        report_from_json(json.dumps(values).encode())


def test_shots_fill_the_film_and_stages_the_cost() -> None:
    report = per_title()
    assert report.lengths_seconds == LENGTHS
    assert report.cpu_seconds == 12


def test_reports_do_not_lie_where_edges_read() -> None:
    assert not report_key("t1", "r1").startswith("media/")
