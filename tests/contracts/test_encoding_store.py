"""The queue of encodes, on both databases."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from matinee.adapters.clock_manual import ManualClock
from matinee.adapters.events_database import DatabaseOutbox
from matinee.encodes.jobs import Job, Jobs, JobState, RenditionState
from matinee.encodes.lifecycle import TRANSITIONS
from matinee.event_json import from_json
from matinee.model.errors import Conflict, Invalid, NotFound
from matinee.model.events import TitleEncoded, TitleEncodingFailed
from matinee.model.media import Presentation, Rendition, TrackKind, presentation_from_json

_LEASE = 30.0
_PRESENTATION = Presentation(
    duration_seconds=12.0,
    renditions=(
        Rendition("240p", TrackKind.VIDEO, "avc1.640015", "v240/main.m3u8", 388_000, 333_000, 426, 240, 24.0, 288),
    ),
    files=(("master.m3u8", 700), ("v240/00001.m4s", 150_000)),
    colour="#1b2838",
)


@pytest.fixture
def jobs(database: sa.Engine, clock: ManualClock, random_bytes: Callable[[int], bytes]) -> Jobs:
    return Jobs(engine=database, outbox=DatabaseOutbox(), clock=clock, random_bytes=random_bytes)


def _submit(jobs: Jobs, name: str, priority: int = 100) -> Job:
    return jobs.submit(f"title-{name}", f"sources/{name}", f"{name}.mp4", priority=priority, name=name.title())


def _leased(jobs: Jobs, owner: str = "one") -> Job:
    job = jobs.lease(owner, _LEASE)
    assert job is not None
    return job


def _events(database: sa.Engine) -> list[object]:
    with database.connect() as connection:
        bodies = connection.execute(sa.text("SELECT body FROM events_outbox ORDER BY sequence")).scalars()
        return [from_json(body).facts for body in bodies]


def test_a_submitted_job_waits_with_all_that_was_said_of_it(jobs: Jobs, clock: ManualClock) -> None:
    job = _submit(jobs, "metropolis", priority=7)
    assert jobs.job(job.id) == job
    assert (job.title_id, job.source_key, job.source_name) == (
        "title-metropolis",
        "sources/metropolis",
        "metropolis.mp4",
    )
    assert (job.name, job.priority, job.state, job.attempts) == ("Metropolis", 7, JobState.QUEUED, 0)
    assert job.created_at == clock.now()
    assert job.created_at.tzinfo is not None


def test_a_job_needs_a_title_and_a_source(jobs: Jobs) -> None:
    with pytest.raises(Invalid):
        jobs.submit("", "sources/x", "x.mp4")
    with pytest.raises(NotFound, match="nothing"):
        jobs.job("nothing")


def test_jobs_are_listed_newest_first(jobs: Jobs) -> None:
    ids = [_submit(jobs, name).id for name in ("a", "b", "c")]
    assert [job.id for job in jobs.jobs()] == ids[::-1]
    assert [job.id for job in jobs.jobs(limit=1)] == ids[2:]


def test_the_lowest_priority_is_leased_first_and_then_the_oldest(jobs: Jobs) -> None:
    for name, priority in (("a", 100), ("b", 10), ("c", 100), ("d", 10)):
        _submit(jobs, name, priority)
    assert [_leased(jobs, f"w{turn}").name for turn in range(4)] == ["B", "D", "A", "C"]
    assert jobs.lease("w5", _LEASE) is None


def test_who_carries_enough_leaves_a_job_to_others_for_a_while(jobs: Jobs, clock: ManualClock) -> None:
    job = _submit(jobs, "a")
    clock.advance(0.9)
    assert jobs.lease("busy", _LEASE, waited_seconds=1.0) is None
    clock.advance(0.1)
    taken = jobs.lease("busy", _LEASE, waited_seconds=1.0)
    assert taken is not None
    assert (taken.id, taken.owner) == (job.id, "busy")


def test_many_workers_lease_each_job_once(jobs: Jobs) -> None:
    ids = {_submit(jobs, f"film{number}").id for number in range(12)}
    with ThreadPoolExecutor(6) as pool:
        taken = list(pool.map(lambda number: jobs.lease(f"w{number}", _LEASE), range(18)))
    leased = [job.id for job in taken if job is not None]
    assert sorted(leased) == sorted(ids)


def test_a_lease_that_ran_out_is_taken_by_another_worker(jobs: Jobs, clock: ManualClock) -> None:
    job = _submit(jobs, "a")
    assert _leased(jobs, "one").attempts == 1
    clock.advance(_LEASE - 1)
    assert jobs.lease("two", _LEASE) is None
    clock.advance(2)
    taken = _leased(jobs, "two")
    assert (taken.id, taken.owner, taken.attempts) == (job.id, "two", 2)
    with pytest.raises(Conflict, match="one"):
        jobs.renew(job.id, "one", _LEASE)
    with pytest.raises(Conflict):
        jobs.finish(job.id, "one", "revision", _PRESENTATION)
    assert jobs.job(job.id).state is JobState.RUNNING


def test_a_renewed_lease_lasts(jobs: Jobs, clock: ManualClock) -> None:
    job = _submit(jobs, "a")
    _leased(jobs, "one")
    for _ in range(3):
        clock.advance(_LEASE - 1)
        jobs.renew(job.id, "one", _LEASE)
    clock.advance(_LEASE - 1)
    jobs.progress(job.id, "one", stage="encoding", progress=0.4, seconds=_LEASE)
    clock.advance(_LEASE - 1)
    assert jobs.lease("two", _LEASE) is None


def test_a_worker_that_comes_back_under_its_name_goes_on_at_once(jobs: Jobs) -> None:
    job = _submit(jobs, "a")
    _leased(jobs, "one")
    assert _leased(jobs, "one").id == job.id


def test_progress_and_finished_renditions_are_seen(jobs: Jobs) -> None:
    job = _submit(jobs, "a")
    _leased(jobs)
    jobs.plan(job.id, "one", "rev1", ("240p", "a-und", "720p"))
    jobs.made(job.id, "one", "240p", file="240p-x.mp4", frames=288, size_bytes=5_000_000_000, seconds=1.5)
    jobs.progress(job.id, "one", stage="encoding", progress=0.4, seconds=_LEASE, renditions={"720p": 0.25})
    seen = jobs.job(job.id)
    assert (seen.stage, seen.progress, seen.revision) == ("encoding", 0.4, "rev1")
    assert [(made.name, made.state, made.progress) for made in seen.renditions] == [
        ("240p", RenditionState.DONE, 1.0),
        ("a-und", RenditionState.WAITING, 0.0),
        ("720p", RenditionState.RUNNING, 0.25),
    ]
    assert (seen.renditions[0].frames, seen.renditions[0].size_bytes) == (288, 5_000_000_000)
    assert jobs.jobs()[0] == seen


def test_a_plan_made_again_keeps_what_is_done(jobs: Jobs) -> None:
    job = _submit(jobs, "a")
    _leased(jobs)
    jobs.plan(job.id, "one", "rev1", ("240p", "1080p"))
    jobs.made(job.id, "one", "240p", file="240p-x.mp4", frames=288, size_bytes=1000, seconds=1.5)
    jobs.plan(job.id, "one", "rev1", ("240p", "720p"))
    states = {made.name: made.state for made in jobs.job(job.id).renditions}
    assert states == {"240p": RenditionState.DONE, "720p": RenditionState.WAITING}


def test_a_finished_job_and_its_event_come_in_one_transaction(
    jobs: Jobs, database: sa.Engine, clock: ManualClock
) -> None:
    job = _submit(jobs, "a")
    _leased(jobs)
    jobs.finish(job.id, "one", "rev1", _PRESENTATION)
    done = jobs.job(job.id)
    assert (done.state, done.progress, done.revision, done.message) == (JobState.DONE, 1.0, "rev1", None)
    assert done.ended_at == clock.now()
    (facts,) = _events(database)
    assert isinstance(facts, TitleEncoded)
    assert (facts.title_id, facts.revision) == (job.title_id, "rev1")
    assert presentation_from_json(json.loads(json.dumps(facts.presentation))) == _PRESENTATION


def test_an_event_that_cannot_be_kept_leaves_the_job_as_it_was(
    database: sa.Engine, clock: ManualClock, random_bytes: Callable[[int], bytes]
) -> None:
    class Broken(DatabaseOutbox):
        def append(self, connection: object, events: object) -> int:
            raise RuntimeError("no outbox today")

    jobs = Jobs(engine=database, outbox=Broken(), clock=clock, random_bytes=random_bytes)
    job = _submit(jobs, "a")
    _leased(jobs)
    with pytest.raises(RuntimeError):
        jobs.finish(job.id, "one", "rev1", _PRESENTATION)
    assert jobs.job(job.id).state is JobState.RUNNING


def test_a_failed_job_says_why_and_can_be_tried_again(jobs: Jobs, database: sa.Engine) -> None:
    job = _submit(jobs, "a")
    _leased(jobs)
    jobs.plan(job.id, "one", "rev1", ("240p",))
    jobs.fail(job.id, "one", "a.mp4 is empty.")
    failed = jobs.job(job.id)
    assert (failed.state, failed.message) == (JobState.FAILED, "a.mp4 is empty.")
    assert _events(database) == [TitleEncodingFailed(job.title_id, "a.mp4 is empty.")]
    assert jobs.lease("two", _LEASE) is None
    again = jobs.retry(job.id)
    assert (again.state, again.message, again.progress, again.failures) == (JobState.QUEUED, None, 0.0, 0)
    assert _leased(jobs, "two").id == job.id


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING, JobState.DONE])
def test_only_a_failed_job_is_tried_again(jobs: Jobs, state: JobState) -> None:
    job = _submit(jobs, "a")
    if state is not JobState.QUEUED:
        _leased(jobs)
    if state is JobState.DONE:
        jobs.finish(job.id, "one", "rev1", _PRESENTATION)
    with pytest.raises(Conflict, match=state.value):
        jobs.retry(job.id)


def test_a_job_given_back_is_leased_again_and_counts_no_failure(jobs: Jobs) -> None:
    job = _submit(jobs, "a")
    for _ in range(5):
        _leased(jobs)
        jobs.give_back(job.id, "one")
    assert jobs.job(job.id).state is JobState.QUEUED
    assert _leased(jobs, "two").failures == 1


def test_a_postponed_job_waits_its_time_and_fails_the_third_time(
    jobs: Jobs, database: sa.Engine, clock: ManualClock
) -> None:
    job = _submit(jobs, "a")
    for _ in range(2):
        _leased(jobs)
        assert jobs.postpone(job.id, "one", "The disk is full.", 20.0) is JobState.QUEUED
        assert jobs.job(job.id).message == "The disk is full."
        assert jobs.lease("one", _LEASE) is None
        clock.advance(21)
    _leased(jobs)
    assert jobs.postpone(job.id, "one", "The disk is full.", 20.0) is JobState.FAILED
    assert _events(database) == [TitleEncodingFailed(job.title_id, "The disk is full.")]


def test_three_crashes_that_finish_nothing_fail_a_job_and_hold_up_no_other(
    jobs: Jobs, database: sa.Engine, clock: ManualClock
) -> None:
    poison, good = _submit(jobs, "poison", priority=1), _submit(jobs, "good")
    for crash in range(3):
        assert _leased(jobs, f"w{crash}").id == poison.id
        clock.advance(_LEASE + 1)
    assert _leased(jobs, "w9").id == good.id
    failed = jobs.job(poison.id)
    assert failed.state is JobState.FAILED
    assert "poison.mp4" in (failed.message or "")
    assert _events(database) == [TitleEncodingFailed(poison.title_id, failed.message or "")]


def test_a_crash_after_something_was_finished_counts_anew(jobs: Jobs, clock: ManualClock) -> None:
    job = _submit(jobs, "long")
    for crash in range(6):
        owner = f"w{crash}"
        assert _leased(jobs, owner).id == job.id
        jobs.plan(job.id, owner, "rev1", ("240p",))
        jobs.made(job.id, owner, "240p", file="240p-x.mp4", frames=1, size_bytes=1, seconds=0.1)
        clock.advance(_LEASE + 1)
    assert _leased(jobs, "w9").attempts == 7


def test_a_crash_after_a_part_of_something_was_finished_counts_anew(jobs: Jobs, clock: ManualClock) -> None:
    job = _submit(jobs, "long")
    for crash in range(6):
        assert _leased(jobs, f"w{crash}").failures == 1
        jobs.advanced(job.id, f"w{crash}")
        clock.advance(_LEASE + 1)
    with pytest.raises(Conflict, match="another"):
        jobs.advanced(job.id, "another")


def test_every_state_that_is_named_has_its_place_in_the_table() -> None:
    assert set(TRANSITIONS) == set(JobState)
    assert TRANSITIONS[JobState.DONE] == frozenset()
