"""What can be played of a film while it is surveyed: a playlist that only grows, in time, whatever is killed."""

import json
import secrets
from pathlib import Path

import av
import m3u8
import numpy as np
import pytest
from obstore.store import LocalStore, MemoryStore, ObjectStore
from PIL import Image

from matinee.commands.first_rung import first_rung
from matinee.encoding.depot import Depot, identity_of
from matinee.encoding.early import NOTE, Early
from matinee.encoding.steps import Place, Source, inspect_source
from matinee.encoding.survey import Surveyed, survey_source
from matinee.model.media import Presentation, presentation_from_json
from sources import H264, TOOLS, decode, ffmpeg

_SECONDS = 13
# Sound that begins more than a second before the picture is kept: the film begins with it, and with a still picture.
_LATE = [("0", 0.0), ("1.5", 1.5), ("-0.8", -0.8), ("-1.2", 0.0)]
_BEEPS = "aevalsrc='0.5*sin(2*PI*880*t)*lt(mod(t,3),0.2)*gt(t,1)':s=44100"


def _draw(place: Path, *more: str) -> Path:
    """Beeps at 3, 6, 9 and 12 seconds."""
    ffmpeg(
        *("-f", "lavfi", "-i", f"testsrc2=duration={_SECONDS}:size=640x360:rate=25"),
        *("-f", "lavfi", "-t", str(_SECONDS), "-i", _BEEPS),
        *H264,
        *("-g", "250", "-c:a", "aac", *more),
        place,
    )
    return place


class _World:
    """A store with a source, and depots of it."""

    def __init__(self, folder: Path, source: Path, *, in_folder: bool = True) -> None:
        self.folder, self.source = folder, source
        self.objects = folder / "objects"
        self.store: ObjectStore = LocalStore(self.objects, mkdir=True) if in_folder else MemoryStore()
        self.in_folder = in_folder
        self.store.put(source.name, source)

    def survey(self, early: str | None = "media/t/r", *, first: bool = True) -> Surveyed:
        """In a depot where nothing is known of it."""
        objects = self.objects if self.in_folder else None
        depot = Depot(lambda: self.store, secrets.token_hex(4), self.folder / "shelves", objects)
        place, source = Place(depot, TOOLS), Source(self.source.name, self._identity(), self.source.name)
        film = inspect_source(place, source, _nobody)
        rung = first_rung(film) if first else None
        return survey_source(place, source, film, rung, None if early is None else Early(early, "Film"), _nobody)

    def _identity(self) -> str:
        meta = self.store.head(self.source.name)
        return identity_of(meta["size"], meta["e_tag"])

    def playlist(self) -> m3u8.M3U8:
        return m3u8.loads(bytes(self.store.get("media/t/r/v360/main.m3u8").bytes()).decode())

    def presentation(self) -> Presentation:
        return presentation_from_json(json.loads(bytes(self.store.get(f"media/t/r/{NOTE}").bytes())))

    def fetched(self) -> Path:
        """The edition as files."""
        out = self.folder / "fetched"
        for part in self.store.list():
            for entry in part:
                if entry["path"].startswith("media/"):
                    (out / entry["path"]).parent.mkdir(parents=True, exist_ok=True)
                    (out / entry["path"]).write_bytes(bytes(self.store.get(entry["path"]).bytes()))
        return out / "media/t/r"


def _nobody(_share: float) -> None:
    """Listens not."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _draw(tmp_path_factory.mktemp("early") / "film.mp4")


@pytest.mark.parametrize("in_folder", [True, False])
def test_the_first_rung_is_there_whole_with_its_sound_when_the_survey_ends(
    in_folder: bool, source: Path, tmp_path: Path
) -> None:
    world = _World(tmp_path, source, in_folder=in_folder)
    found = world.survey()
    playlist, folder = world.playlist(), world.fetched()
    assert playlist.is_endlist
    assert playlist.playlist_type == "event"
    assert all(0 < segment.duration <= playlist.target_duration for segment in playlist.segments)
    assert sum(segment.duration for segment in playlist.segments) == pytest.approx(_SECONDS, abs=0.1)
    decoded = decode(folder / "v360/main.m3u8")
    assert decoded.frames == len(found.frames.times) == _SECONDS * 25
    presentation = world.presentation()
    assert presentation.is_growing
    assert presentation.duration_seconds == pytest.approx(_SECONDS, abs=0.05)
    (rendition,) = presentation.video
    assert (rendition.width, rendition.height) == (640, 360)
    assert rendition.codecs.startswith("avc1.64")
    assert rendition.codecs.endswith(",mp4a.40.2")
    for picture in (presentation.poster, presentation.still):
        assert (folder / picture).read_bytes()[:2] == b"\xff\xd8"


# The picture of all but Matroska is copied before it is decoded, and its sound is read where it was.
@pytest.mark.parametrize(
    ("container", "late", "shift"),
    [
        *(("mkv", late, shift) for late, shift in _LATE),
        *(("ts", late, shift) for late, shift in _LATE),
        *((container, "0", 0.0) for container in ("mpg", "flv", "avi")),
    ],
)
def test_it_is_heard_when_it_is_seen(container: str, late: str, shift: float, source: Path, tmp_path: Path) -> None:
    """Also where the sound begins later than the picture, or earlier."""
    shifted = tmp_path / f"late.{container}"
    own = ("-c:v", "mpeg2video", "-q:v", "3", "-c:a", "ac3", "-ar", "48000") if container == "mpg" else ()
    ffmpeg("-i", source, "-itsoffset", late, "-i", source, "-map", "0:v", "-map", "1:a", "-c", "copy", *own, shifted)
    world = _World(tmp_path, shifted)
    found = world.survey()
    assert not [note for note in found.film.notes if "breaks off" in note]
    folder = world.fetched() / "v360"
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join((folder / segment.uri).read_bytes() for segment in world.playlist().segments))
    first, beeps = _heard(joined)
    expected = [at + shift for at in (3, 6, 9)]
    for at in expected:
        assert min(abs(beep - first - at) for beep in beeps) < 0.04, (beeps, first)


def test_what_an_earlier_run_has_shown_is_gone_on_with_and_never_changed(source: Path, tmp_path: Path) -> None:
    world = _World(tmp_path, source)
    world.survey()
    whole = world.playlist()
    # As if the worker had been killed after two segments.
    folder = world.objects / "media/t/r/v360"
    lines = (folder / "main.m3u8").read_text().splitlines()
    end = [place for place, line in enumerate(lines) if line.endswith(".ts")][1]
    (folder / "main.m3u8").unlink()
    (folder / "main.m3u8").write_text("\n".join(lines[: end + 1]) + "\n")
    for segment in whole.segments[2:]:
        (folder / segment.uri).unlink()
    kept = {segment.uri: (folder / segment.uri).stat().st_mtime_ns for segment in whole.segments[:2]}
    world.survey()
    assert [one.uri for one in world.playlist().segments] == [one.uri for one in whole.segments]
    assert {name: (folder / name).stat().st_mtime_ns for name in kept} == kept
    assert decode(folder / "main.m3u8").frames == _SECONDS * 25


def test_nothing_is_shown_where_nobody_asked_for_it_and_the_first_rung_is_the_same(
    source: Path, tmp_path: Path
) -> None:
    quiet, shown = _World(tmp_path / "quiet", source), _World(tmp_path / "shown", source)
    first, same = quiet.survey(early=None).first, shown.survey().first
    assert first is not None
    assert same is not None
    assert (first.times, first.bits) == (same.times, same.bits)
    assert not (quiet.objects / "media").exists()
    assert len(first.bits) == _SECONDS * 25


def test_a_film_without_a_first_rung_has_the_same_frames(source: Path, tmp_path: Path) -> None:
    found = _World(tmp_path / "without", source).survey(early=None, first=False)
    same = _World(tmp_path / "with", source).survey(early=None)
    assert found.first is None
    assert (found.film, found.frames) == (same.film, same.frames)


def test_a_source_without_sound_is_shown_without(tmp_path: Path) -> None:
    world = _World(tmp_path, _draw(tmp_path / "mute.mp4", "-an"))
    world.survey()
    (rendition,) = world.presentation().video
    assert "mp4a" not in rendition.codecs


def _heard(path: Path) -> tuple[float, list[float]]:
    """When the picture begins, and when each beep does, by the file's clock."""
    with av.open(path) as container:
        first = next(float(frame.time or 0) for frame in container.decode(video=0))
    with av.open(path) as container:
        beeps, quiet_since = list[float](), -1.0
        for frame in container.decode(audio=0):
            samples = np.abs(np.atleast_2d(frame.to_ndarray())).max(axis=0)
            for place in np.flatnonzero(samples > 0.1):
                at = float(frame.time or 0) + place / frame.sample_rate
                if at - quiet_since > 0.5:
                    beeps.append(at)
                quiet_since = at
    return first, beeps


def test_its_pictures_are_from_inside_the_film_and_not_of_the_card_it_begins_with(tmp_path: Path) -> None:
    film = tmp_path / "card.mp4"
    card, inside = "color=blue:s=640x360:r=25:d=3", "color=red:s=640x360:r=25:d=9"
    ffmpeg("-f", "lavfi", "-i", card, "-f", "lavfi", "-i", inside, "-filter_complex", "[0][1]concat", *H264, film)
    world = _World(tmp_path, film)
    world.survey()
    with Image.open(world.fetched() / world.presentation().still) as still:
        red, _, blue = still.convert("RGB").resize((1, 1)).tobytes()
    assert red > 150 > blue
