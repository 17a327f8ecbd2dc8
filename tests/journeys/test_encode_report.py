"""An encode's report: beside a film that a command made, and over HTTP of one taken in, for operators alone."""

import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from obstore.store import LocalStore

from matinee.adapters.clock_system import SystemClock
from matinee.adapters.compute_local import LocalCompute
from matinee.catalogue.titles import TitleDraft
from matinee.compose.encode import encode_folder
from matinee.encodes.pipeline import Pipeline
from matinee.reports.keeping import keep_report
from matinee.reports.report import Report, report_from_json
from playing import presentation
from sources import TOOLS, draw
from studio_pages import MEMBER, Studio, database_of_two, opened, words


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return database_of_two(tmp_path_factory.mktemp("studio"))


@pytest.fixture
def studio(two: bytes, tmp_path: Path) -> Iterator[Studio]:
    with opened(two, tmp_path) as found:
        yield found


def _is_whole(report: Report) -> None:
    """Its sums are right, whatever the film."""
    assert report.frames == 63
    assert report.first is not None
    assert report.verified is not None
    shots = len(report.starts_seconds)
    assert shots == len(report.verified.shot_vmaf) == len(report.first.shot_vmaf)
    for rung in report.rungs:
        assert len(rung.shot_bits) == len(rung.crfs) == shots
        assert rung.bps == pytest.approx(sum(rung.shot_bits) / report.length_seconds, abs=5)
        assert rung.hull_gap is not None
        assert rung.hull_gap > -0.01
        assert rung.cpu_seconds
        assert rung.cpu_seconds > 0
    assert sum(rung.size_bytes for rung in report.rungs) < report.size_bytes
    spent = {stage.name: stage.cpu_seconds for stage in report.stages}
    assert set(spent) == {"inspecting", "surveying", "measuring", "encoding", "verifying", "sound", "packaging"}
    assert all(seconds > 0 for seconds in spent.values())
    # What the task of an encode takes besides its tools is little.
    assert sum(rung.cpu_seconds or 0 for rung in report.rungs) <= spent["encoding"] + 0.01
    (sound,) = report.normalised.sounds
    assert sound.lufs + sound.gain_db <= -22.9


def test_a_folder_has_its_report_as_json_and_as_a_page_that_fetches_nothing(tmp_path: Path) -> None:
    told = encode_folder(draw(tmp_path / "film.mp4"), tmp_path / "out")
    written = json.loads((tmp_path / "out" / "report.json").read_text())
    assert written == told
    report = report_from_json(json.dumps(written["report"]).encode())
    _is_whole(report)
    page = (tmp_path / "out" / "report.html").read_text()
    assert "film.mp4" in words(page)
    assert page.count("<figure") == 3
    assert not re.findall(r"<(?:script|link|img)|@import|(?:href|src)=\"(?!#)", page)


def test_an_upload_has_its_report_before_its_job_ends_and_operators_read_it(studio: Studio, tmp_path: Path) -> None:
    objects, rooms = tmp_path / "data" / "objects", studio.rooms
    title = rooms.catalogue.create(TitleDraft("Tide"))
    address = f"/api/v1/studio/titles/{title.id}/report"
    assert "no encode yet" in studio.ask("GET", address, 404).text
    source = draw(objects / "film.mp4")
    job = rooms.encoding.submit(title.id, "film.mp4", source.name, name="Tide")
    compute = LocalCompute(cores=2)
    try:
        pipeline = Pipeline(
            jobs=rooms.encoding,
            open_store=partial(LocalStore, objects),
            folder=objects,
            compute=compute,
            tools=TOOLS,
            work=tmp_path / "work",
            clock=SystemClock(),
            random_bytes=rooms.random_bytes,
            keep_report=keep_report,
        )
        assert pipeline.run_once("w1")
    finally:
        compute.close()
    done = rooms.encoding.job(job.id)
    assert done.revision is not None
    rooms.catalogue.publish(title.id, done.revision, presentation())
    answer = studio.ask("GET", address)
    assert answer.headers["content-type"] == "application/json"
    _is_whole(report_from_json(answer.content))
    kept = objects / "reports" / title.id / f"{done.revision}.json"
    assert report_from_json(kept.read_bytes()) == report_from_json(answer.content)
    page = studio.page(f"/titles/{title.id}/report")
    assert "of processors" in words(page)
    assert page.count("<figure") == 3
    for linking in (studio.page(f"/titles/{title.id}"), studio.page("/encodes")):
        assert f'href="/studio/titles/{title.id}/report"' in linking
    studio.enter(MEMBER)
    studio.ask("GET", address, 403)
    studio.ask("GET", f"/studio/titles/{title.id}/report", 403)


def test_an_encode_of_an_earlier_release_has_none_and_that_is_said(studio: Studio) -> None:
    title = studio.rooms.catalogue.create(TitleDraft("Old"))
    studio.rooms.catalogue.publish(title.id, "r1", presentation())
    assert (
        "There is no report of this encode of Old"
        in studio.ask("GET", f"/api/v1/studio/titles/{title.id}/report", 404).text
    )
    assert "an earlier release made it" in words(studio.ask("GET", f"/studio/titles/{title.id}/report", 404).text)
