"""What a machine has made lies on its shelf until the store has it: a store that is away costs no second making."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from fractions import Fraction
from functools import partial
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
from obstore.exceptions import GenericError
from obstore.store import LocalStore, MemoryStore, ObjectStore

from matinee.commands.stretches import Stretch
from matinee.encoding.chunks import Made, encode_stretch
from matinee.encoding.costs import Outcome, counted
from matinee.encoding.depot import Depot, Finished, StoreUnavailable
from matinee.encoding.orders import LadderKind, Order
from matinee.encoding.production import Production
from matinee.encoding.sound import encode_sounds
from matinee.encoding.steps import Place, Source, inspect_source
from matinee.encoding.survey import FirstRung, Surveyed, survey_source
from matinee.inspection.frames import Frames
from matinee.inspection.inspection import Film, Picture
from matinee.ladder.fixed import fixed_ladder
from matinee.ladder.recipes import Recipe
from matinee.model import media
from matinee.model.errors import MatineeError
from matinee.packaging.sound import plan_sounds
from matinee.ports import Task
from sources import TOOLS

_FILM = Film(
    name="night.mp4",
    source=media.Source(
        container="mov",
        duration_seconds=2.0,
        size_bytes=1_000,
        video=media.SourceTrack(0, media.TrackKind.VIDEO, "h264", width=640, height=360, frame_rate=24.0, frames=48),
        audio=media.SourceTrack(1, media.TrackKind.AUDIO, "aac", channels=2, sample_rate_hz=48_000),
    ),
    picture=Picture(640, 360, Fraction(1), "yuv420p", is_interlaced=False, first_seconds=0.0),
    frame_rate=Fraction(24),
    shift_seconds=0.0,
    length_seconds=2.0,
    is_steady=True,
    notes=(),
)
_FRAMES = Frames(tuple(range(0, 48 * 3_750, 3_750)))
_STRETCH = Stretch(0, 0, _FRAMES.times, (0,))
_RUNGS = fixed_ladder(640, 360, 24.0).rungs
_RECIPES = tuple(Recipe(rung, (20.0,)) for rung in _RUNGS)
_FIRST = FirstRung(_RUNGS[-1], "first.mp4", _FRAMES.times, (800,) * 48)
_SOUNDS = plan_sounds(_FILM.source.sounds)


def _shelve(depot: Depot, name: str, file: str) -> Finished:
    """Lay a file on the shelf as if it were a rendition that was made here."""
    finished = Finished(name, file, 48, 2.0, len(name), 1.5)
    with depot.desk() as desk:
        (desk / file).write_text(name)
        depot.shelve(finished, desk / file)
    return finished


def _nobody(_fraction: float) -> None:
    """Listens not."""


def test_what_the_store_does_not_take_lies_on_the_shelf_until_it_does(objects: ObjectStore, tmp_path: Path) -> None:
    away = [True]

    def open_store() -> ObjectStore:
        if away:
            raise GenericError("503 Service Unavailable")
        return objects

    folder = tmp_path / "objects" if isinstance(objects, LocalStore) else None
    depot = Depot(open_store, "night", tmp_path / "shelves", folder)
    assert depot.shelved("240p-0123.mp4") is None
    finished = _shelve(depot, "240p", "240p-0123.mp4")
    with pytest.raises(StoreUnavailable, match="503"):
        depot.keep(finished)
    assert depot.shelved(finished.file) == finished
    away.clear()
    assert depot.find(finished.file) is None
    depot.keep(finished)
    assert depot.find(finished.file) == finished


def test_a_rendition_that_is_not_whole_on_the_shelf_is_not_there(tmp_path: Path) -> None:
    depot = Depot(partial(LocalStore, tmp_path), "night", tmp_path / "shelves")
    finished = _shelve(depot, "240p", "240p-0123.mp4")
    whole = depot.shelf / finished.file
    whole.write_text("24")
    assert depot.shelved(finished.file) is None
    whole.write_text("240p")
    assert depot.shelved(finished.file) == finished
    (depot.shelf / f"{finished.file}.json").write_text('{"name": "240p"}')
    assert depot.shelved(finished.file) is None


@pytest.mark.parametrize("in_folder", [True, False])
def test_a_machine_makes_only_what_does_not_lie_on_its_shelf(in_folder: bool, tmp_path: Path) -> None:
    folder = tmp_path / "objects"
    objects = LocalStore(folder, mkdir=True) if in_folder else MemoryStore()
    depot = Depot(lambda: objects, "night", tmp_path / "shelves", folder if in_folder else None)
    # There is no such source: whatever is made fails.
    place, source = Place(depot, TOOLS), Source("sources/night.mp4", "unknown", "night.mp4")
    lying = [_shelve(depot, rung.name, f"{rung.name}-0123.mp4") for rung in _RUNGS]
    files, what = [one.file for one in lying], (_FILM, None, _STRETCH, _RECIPES)
    with pytest.raises((MatineeError, FileNotFoundError)):
        encode_stretch(place, source, *what, [*files[:-1], "another.mp4"], "slow", None, _nobody)
    made = encode_stretch(place, source, *what, files, "slow", None, _nobody)
    assert (made.finished, made.looked) == (tuple(lying), None)
    assert [depot.find(file) for file in files] == lying
    with pytest.raises((MatineeError, FileNotFoundError)):
        encode_sounds(place, source, _FILM, _SOUNDS, ["sound.mp4"], _nobody)
    sound = _shelve(depot, "a-und", "sound.mp4")
    assert encode_sounds(place, source, _FILM, _SOUNDS, ["sound.mp4"], _nobody) == (sound,)
    assert depot.find("sound.mp4") == sound
    assert depot.rendition("sound.mp4").read_text() == "a-und"


class _Compute:
    """Makes pictures after a moment; of the sound it says at once that the store is away."""

    def submit(self, task: Task, on_progress: Callable[[float], None] | None = None) -> "Future[Any]":
        del on_progress
        future: Future[Any] = Future()
        assert task.function is counted
        function, *arguments = task.arguments
        if function is inspect_source:
            future.set_result(Outcome(_FILM, 0.1))
        elif function is survey_source:
            future.set_result(Outcome(Surveyed(_FILM, _FRAMES, None, _FIRST), 0.1))
        elif function is encode_sounds:
            future.set_exception(StoreUnavailable("503 Service Unavailable"))
        else:
            recipes, files = arguments[5:7]
            named = zip(recipes, files, strict=True)
            made = tuple(Finished(recipe.rung.name, file, 48, 2.0, 9, 1.5) for recipe, file in named)
            Timer(0.3, self._end, (future, Outcome(Made(made), 0.1))).start()
        return future

    def _end(self, future: "Future[Any]", made: Outcome) -> None:
        if future.set_running_or_notify_cancel():
            future.set_result(made)

    def close(self) -> None:
        """Nothing is held."""


class _Watcher:
    """Notes what was made."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def begun(self, film: Film, early: media.Presentation) -> None:
        """Not noted."""

    def planned(self, film: Film, ladder: media.Ladder, names: tuple[str, ...]) -> None:
        """Not noted."""

    def progressed(self, stage: str, progress: float, renditions: Mapping[str, float]) -> None:
        """Not noted."""

    def advanced(self) -> None:
        """Not noted."""

    def made(self, finished: Finished) -> None:
        self.names.append(finished.name)


def test_a_store_that_is_away_for_one_rendition_does_not_stop_the_others(tmp_path: Path) -> None:
    depot, watcher = Depot(MemoryStore, "night", tmp_path / "shelves"), _Watcher()
    source, place = Source("sources/night.mp4", "unknown", "night.mp4"), Place(depot, TOOLS)
    order = Order(source, "Night", place, "media/night", ladder=LadderKind.FIXED)
    with pytest.raises(StoreUnavailable, match="503"):
        Production(order, _Compute(), watcher).run()
    assert sorted(watcher.names) == [rung.name for rung in _RUNGS]
