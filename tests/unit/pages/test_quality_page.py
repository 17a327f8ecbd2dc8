"""What operators read of a night: the last day's table, a sentence a rival, and a line a model over the days."""

from datetime import timedelta
from typing import Any

import pytest

from matinee.pages.plots import HEIGHT, WIDTH
from matinee.pages.quality import of_reports
from matinee.teaching.nightly import DayReport
from plays import NOON


def report(day: str, hits: float = 0.2, difference: tuple[float, float, float] = (0.05, 0.02, 0.08)) -> DayReport:
    rows = [
        {
            "model": model,
            "hr@10": share,
            "ndcg@10": share / 2,
            "coverage": 0.4,
            "novelty": 6.5,
            "miscalibration": 0.3,
            "ci95": {"hr@10": [share - 0.05, share + 0.05], "ndcg@10": [share / 2 - 0.02, share / 2 + 0.02]},
        }
        for model, share in (("matinee", hits), ("popularity", 0.1), ("trending", 0.15))
    ]
    found = {name: {"hr@10": list(difference)} for name in ("popularity", "trending")}
    body = {"plays": 90, "asked": 80, "left_out": 10, "profiles": 40, "ranker": 3, "sentence": "", "rows": rows}
    return DayReport(day, NOON, body | {"differences": found})


def nothing(day: str) -> DayReport:
    body: dict[str, Any] = {"asked": 0, "ranker": 0, "sentence": "Nobody watched anything new that day."}
    return DayReport(day, NOON + timedelta(days=1), body | {"rows": [], "differences": {}})


def test_before_the_first_night_there_is_nothing_to_read() -> None:
    assert of_reports([]) is None
    quiet = of_reports([nothing("2026-01-01")])
    assert quiet is not None
    assert (quiet.lines, quiet.plot) == ((), None)


@pytest.mark.parametrize(
    ("difference", "finding", "says"),
    [
        (
            (0.05, 0.02, 0.08),
            "better",
            "Better than trending by +5.0 points (+2.0 to +8.0) over 80 plays.",
        ),
        ((0.01, -0.02, 0.04), "nothing", "No difference found from trending: +1.0 points"),
        ((-0.05, -0.08, -0.02), "worse", "Worse than trending: \N{MINUS SIGN}5.0 points"),
    ],
)
def test_a_rival_has_a_sentence(difference: tuple[float, float, float], finding: str, says: str) -> None:
    page = of_reports([report("2026-01-02", difference=difference)])
    assert page is not None
    assert page.verdicts[1][0] == finding
    assert page.verdicts[1][1].startswith(says)
    assert page.ranked_by == "version 3 of the ranker"
    assert [line.name for line in page.lines] == ["Matinee", "All-time popularity", "Trending"]


def test_a_day_without_plays_stands_above_the_last_one_that_had_some() -> None:
    page = of_reports([nothing("2026-01-03"), report("2026-01-02")])
    assert page is not None
    assert (page.day, page.newest.day) == ("2026-01-02", "2026-01-03")


def test_every_day_has_its_place_within_the_frame() -> None:
    page = of_reports([report("2026-01-09", 0.3), report("2026-01-04", 0.25), report("2026-01-03")])
    assert page is not None
    assert page.plot is not None
    [ours, *_] = page.plot.drawn
    places = [at for at, _ in ours.dots]
    # The gap of four days is as wide as it is.
    assert places[2] - places[1] == pytest.approx(5 * (places[1] - places[0]), abs=0.5)
    assert [height for _, height in ours.dots] == sorted((height for _, height in ours.dots), reverse=True)
    for one in page.plot.drawn:
        for point in (*one.line.split(), *one.band.split()):
            at, height = map(float, point.split(","))
            assert page.plot.frame.left <= at <= page.plot.frame.right <= WIDTH
            assert page.plot.frame.top <= height <= page.plot.frame.bottom <= HEIGHT
    assert page.plot.across[-1].label == "01-09"
    alone = of_reports([report("2026-01-09")])
    assert alone is not None
    assert alone.plot is not None
    assert len(alone.plot.drawn[0].dots) == len(alone.plot.across) == 1
