"""Three drawn episodes with a shared intro go through the pipeline; an operator sees what was found and corrects it."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import obstore
import pytest
from benchmarks.drawn_sounds import music, placed, samples, scene
from obstore.store import LocalStore
from scipy.ndimage import gaussian_filter

from encode_worker import LEASE_SECONDS
from matinee.adapters.clock_system import SystemClock
from matinee.adapters.compute_local import LocalCompute
from matinee.catalogue.titles import TitleDraft, TitleKind
from matinee.encodes.jobs import JobState
from matinee.encodes.pipeline import Pipeline
from matinee.encoding.orders import LadderKind
from matinee.event_json import from_json
from matinee.model.events import TitleEncoded
from matinee.model.media import presentation_from_json
from matinee.spans.episodes import Episodes
from matinee.spans.fingerprints import FINGERPRINTS
from matinee.spans.span import Said, SpanKind
from playing import report
from sources import H264, TOOLS, ffmpeg
from studio_pages import MEMBER, OPERATOR, Studio, database_of_two, opened, words

SECONDS, RATE, WIDTH, HEIGHT, SOUND_RATE = 60, 8, 160, 90, 16_000
INTRO, CREDITS = 12.0, 12.0
INTRO_AT = (2.0, 14.0, 6.5)
NEAR = 0.5


def landscape(rng: np.random.Generator, seconds: float) -> np.ndarray:
    """A view that moves: a window that wanders over hills."""
    length = round(seconds * RATE)
    land = gaussian_filter(rng.normal(0, 1, (HEIGHT, WIDTH + 8 * length)), 8)
    land = (land - land.min()) / np.ptp(land) * 200 + 20
    return np.stack([land[:, 8 * n : 8 * n + WIDTH] for n in range(length)]).astype(np.uint8)


def film(place: Path, pictures: np.ndarray, sound: np.ndarray) -> Path:
    """A source of pictures and sound."""
    raw, wave = place.with_suffix(".grey"), place.with_suffix(".s16")
    pictures.tofile(raw)
    samples(sound).tofile(wave)
    shape = ("-f", "rawvideo", "-pix_fmt", "gray", "-s", f"{WIDTH}x{HEIGHT}", "-r", str(RATE))
    ffmpeg(*shape, "-i", raw, "-f", "s16le", "-ar", str(SOUND_RATE), "-ac", "1", "-i", wave, *H264, place)
    return place


def draw_season(folder: Path) -> list[Path]:
    """Three episodes: a shared intro at other places, shared credits; the second begins with shots of the first."""
    rng = np.random.default_rng(20)
    intro, credits_ = music(rng, INTRO, SOUND_RATE), music(rng, CREDITS, SOUND_RATE)
    shots = [[landscape(rng, 4) for _ in range(SECONDS // 4)] for _ in INTRO_AT]
    shots[1][:3] = [shots[0][number] for number in (5, 8, 11)]
    episodes = []
    for number, at in enumerate(INTRO_AT):
        sound = placed(scene(rng, SECONDS, SOUND_RATE), intro, at, SOUND_RATE)
        sound = placed(sound, credits_, SECONDS - CREDITS, SOUND_RATE)
        episodes.append(film(folder / f"e{number + 1}.mp4", np.concatenate(shots[number]), sound))
    return episodes


@dataclass
class Season:
    """The studio over a season, who encodes and who listens, and the episodes' ids."""

    studio: Studio
    pipeline: Pipeline
    episodes: Episodes
    titles: list[str]


@pytest.fixture(scope="module")
def season(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Season]:
    """A service whose worker encoded the season and listened to it."""
    folder = tmp_path_factory.mktemp("season")
    with opened(database_of_two(folder), folder) as studio:
        rooms, objects, clock = studio.rooms, folder / "data" / "objects", SystemClock()
        series = rooms.catalogue.create(TitleDraft("Tides", TitleKind.SERIES))
        compute = LocalCompute(cores=2)
        open_store = partial(LocalStore, objects, mkdir=True)
        pipeline = Pipeline(
            jobs=rooms.encoding,
            open_store=open_store,
            folder=objects,
            compute=compute,
            tools=TOOLS,
            work=folder / "work",
            clock=clock,
            random_bytes=secrets.token_bytes,
            preset="ultrafast",
            ladder=LadderKind.FIXED,
            lease_seconds=LEASE_SECONDS,
        )
        titles = []
        for number, source in enumerate(draw_season(folder), start=1):
            draft = TitleDraft(f"Tide {number}", TitleKind.EPISODE, parent_id=series.id, episode_number=number)
            titles.append(rooms.catalogue.create(draft).id)
            obstore.put(open_store(), f"sources/{source.name}", source)
            rooms.encoding.submit(titles[-1], f"sources/{source.name}", source.name)
            encode(studio, pipeline, titles[-1])
        engine = rooms.catalogue._engine
        episodes = Episodes(engine, rooms.catalogue, rooms.spans, open_store, compute, folder / "work", clock)
        episodes.renew()
        yield Season(studio, pipeline, episodes, titles)
        compute.close()


def encode(studio: Studio, pipeline: Pipeline, title_id: str) -> str:
    """Encode what waits and publish it, as the group ``catalogue`` does; the revision."""
    assert pipeline.run_once("w1")
    done = next(job for job in studio.rooms.encoding.jobs(10) if job.title_id == title_id)
    assert done.state is JobState.DONE, done.message
    with studio.rooms.catalogue._engine.connect() as connection:
        bodies = connection.exec_driver_sql("SELECT body FROM events_outbox ORDER BY sequence DESC").scalars()
        facts = next(one for one in (from_json(body).facts for body in bodies) if isinstance(one, TitleEncoded))
    studio.rooms.catalogue.publish(title_id, facts.revision, presentation_from_json(facts.presentation))
    return facts.revision


def found(studio: Studio, title_id: str) -> dict[str, tuple[float, float]]:
    answer = studio.ask("GET", f"/api/v1/studio/titles/{title_id}/spans").json()
    return {span["kind"]: (span["start_seconds"], span["end_seconds"]) for span in answer["spans"]}


def test_the_pipeline_finds_what_was_drawn(season: Season) -> None:
    for title_id, at in zip(season.titles, INTRO_AT, strict=True):
        spans = found(season.studio, title_id)
        assert abs(spans["intro"][0] - at) < NEAR
        assert abs(spans["intro"][1] - at - INTRO) < NEAR
        assert abs(spans["credits"][0] - (SECONDS - CREDITS)) < NEAR
        assert abs(spans["credits"][1] - SECONDS) < NEAR
    assert "recap" not in found(season.studio, season.titles[0])
    assert "recap" not in found(season.studio, season.titles[2])
    start, end = found(season.studio, season.titles[1])["recap"]
    assert abs(start) < NEAR
    assert abs(end - 12) < NEAR


def test_a_second_run_changes_nothing(season: Season) -> None:
    before = [season.studio.rooms.spans.of(one, revision(season, one)) for one in season.titles]
    season.episodes.renew()
    assert [season.studio.rooms.spans.of(one, revision(season, one)) for one in season.titles] == before


def test_an_operator_sees_and_corrects_what_was_found_and_it_stays(season: Season) -> None:
    studio, title_id = season.studio, season.titles[0]
    page = words(studio.page(f"/titles/{title_id}"))
    assert "What may be skipped" in page
    assert "% sure" in page
    spans = {one.kind: one for one in studio.rooms.spans.of(title_id, revision(season, title_id))}
    intro, credits_ = spans[SpanKind.INTRO], spans[SpanKind.CREDITS]
    studio.do(f"/titles/{title_id}/spans/{intro.id}", kind="intro", start="0:02.5", end="0:13")
    studio.do(f"/titles/{title_id}/spans/{credits_.id}/removal")
    assert found(studio, title_id) == {"intro": (2.5, 13.0)}
    page = words(studio.page(f"/titles/{title_id}"))
    assert "said by an operator" in page
    assert "An operator decides on credits and intro." in page
    audit = words(studio.page("/audit"))
    assert "change span" in audit
    assert "remove span" in audit
    # Whatever is found from now on: a new encode of the third episode has all compared anew.
    encoded = encode_again(season, season.titles[2])
    season.episodes.renew()
    assert found(studio, title_id) == {"intro": (2.5, 13.0)}
    assert abs(found(studio, season.titles[2])["intro"][0] - INTRO_AT[2]) < NEAR
    assert revision(season, season.titles[2]) == encoded
    # A new encode of its own is as long: what was said holds.
    encode_again(season, title_id)
    season.episodes.renew()
    assert found(studio, title_id) == {"intro": (2.5, 13.0)}
    studio.do(f"/titles/{title_id}/spans/reset")
    season.episodes.renew()
    assert set(found(studio, title_id)) == {"intro", "credits"}
    assert {one.said for one in studio.rooms.spans.of(title_id, revision(season, title_id))} == {Said.FOUND}


def test_what_cannot_be_is_refused_with_a_sentence(season: Season) -> None:
    studio, title_id = season.studio, season.titles[1]
    there = found(studio, title_id)
    path = f"/titles/{title_id}/spans"
    for form, sentence in (
        ({"kind": "intro", "start": "0:50", "end": "2:00"}, "A span lies within the episode"),
        ({"kind": "intro", "start": "soon", "end": "0:50"}, "A time is written as 83.5 or 1:23.5, not 'soon'."),
        ({"kind": "pause", "start": "0:30", "end": "0:31"}, "not 'pause'"),
        ({"kind": "credits", "start": "0:16", "end": "0:20"}, "would cover a part of the intro"),
    ):
        answer = studio.do(path, 303, **form)
        assert sentence in words(studio.ask("GET", answer.headers["location"]).text)
    assert found(studio, title_id) == there
    api = f"/api/v1/studio/titles/{title_id}/spans"
    span = studio.ask("GET", api).json()["spans"][0]
    studio.ask("PATCH", f"{api}/{span['id']}", 400, json={"start_seconds": -1})
    studio.ask("PATCH", f"{api}/0000000000000000", 404, json={"start_seconds": 1})
    studio.ask("PATCH", f"{api}/{span['id']}", 400, json={"kind": None})
    studio.enter(MEMBER)
    try:
        for method, where in (("GET", api), ("POST", api), ("PATCH", f"{api}/{span['id']}"), ("DELETE", api)):
            body = {"kind": "intro", "start_seconds": 30, "end_seconds": 31}
            studio.ask(method, where, 403, json=body if method in {"POST", "PATCH"} else None)
        studio.do(path, 403, kind="intro", start="0:30", end="0:31")
    finally:
        studio.enter(OPERATOR)


def test_a_player_is_told(season: Season) -> None:
    studio = season.studio
    studio.rooms.edges.report(report("europe-1", "europe"))
    profile = studio.ask("POST", "/api/v1/profiles", 201, json={"name": "Ada"}).json()["id"]
    asked = {"profile_id": profile, "title_id": season.titles[1], "device": "test"}
    told = studio.ask("POST", "/api/v1/playbacks", 201, json=asked).json()["spans"]
    assert [span["kind"] for span in told] == ["recap", "intro", "credits"]
    assert {frozenset(span) for span in told} == {frozenset({"kind", "start_seconds", "end_seconds"})}


def test_what_is_withdrawn_is_forgotten_and_found_again(season: Season) -> None:
    catalogue, title_id = season.studio.rooms.catalogue, season.titles[2]
    catalogue.withdraw(title_id)
    season.episodes.renew()
    assert found(season.studio, title_id) == {}
    assert len(fingerprints(season)) == 2
    catalogue.restore(title_id)
    season.episodes.renew()
    assert set(found(season.studio, title_id)) == {"intro", "credits"}
    assert len(fingerprints(season)) == 3


def test_a_fingerprint_that_was_lost_is_made_again(season: Season) -> None:
    lost = fingerprints(season)[0]
    obstore.delete(season.episodes._objects, lost)
    season.studio.rooms.catalogue.withdraw(season.titles[2])  # so that others are compared again
    season.episodes.renew()
    season.studio.rooms.catalogue.restore(season.titles[2])
    season.episodes.renew()
    season.episodes.renew()
    assert lost in fingerprints(season)
    assert all("intro" in found(season.studio, title_id) for title_id in season.titles)


def fingerprints(season: Season) -> list[str]:
    listed = obstore.list(season.episodes._objects, f"{FINGERPRINTS}/")
    return sorted(entry["path"] for some in listed for entry in some)


def revision(season: Season, title_id: str) -> str | None:
    return season.studio.rooms.catalogue.title(title_id).revision


def encode_again(season: Season, title_id: str) -> str:
    source = f"e{season.titles.index(title_id) + 1}.mp4"
    season.studio.rooms.encoding.submit(title_id, f"sources/{source}", source)
    return encode(season.studio, season.pipeline, title_id)
