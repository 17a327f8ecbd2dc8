"""Makes one source into a presentation in the object store: inspected, encoded rung by rung, packaged, checked.

Knows no queue: the pipeline gives it an order and hears from it how far it is. Each step is a task that may run on any
machine. Run again for the same order, it goes on where it was stopped.
"""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from matinee.encoding import steps
from matinee.encoding.commands import CRF, PRESET
from matinee.encoding.depot import Depot, Finished, StoreUnavailable
from matinee.encoding.publication import publish_film
from matinee.encoding.sound import encode_sounds
from matinee.encoding.steps import Place, Source
from matinee.encoding.text import read_film_texts
from matinee.inspection.inspection import Film
from matinee.ladder.fixed import fixed_ladder, groups
from matinee.model.errors import Unavailable
from matinee.model.media import Ladder, Presentation, Rung
from matinee.packaging.sound import plan_sounds
from matinee.packaging.text import text_names
from matinee.ports import Compute, Needs, Task

_RECIPE = 2  # counts changes of the commands that make other renditions of the same source
_BEAT_SECONDS = 0.5
_TRUST_SECONDS = 1.0  # when the encoder's length differs by more from the container's, the encoder is right
# How the bar of progress is shared out: inspecting, encoding, and the rest.
_INSPECTED, _ENCODED = 0.02, 0.9
_SOUND_WEIGHT = 100_000.0  # pixels a frame that take as long
# Within one priority of jobs, steps have turns: what opens or ends a film, its first rung, then the others; so that
# a new film has something to show before an old one has its last rung.
_TURNS, _AT_ONCE, _FIRST_RUNG = 100, 0, 1
# What steps take of a machine: x264 keeps about four cores busy with a large picture, two with a small one; beside the
# programs themselves, memory holds frames of 1.5 bytes a pixel, waiting in decoders, filters and lookaheads.
_LARGE_PIXELS = 640 * 360
_PROGRAM_BYTES = 256 * 2**20
_SOURCE_FRAMES, _RUNG_FRAMES, _PIXEL_BYTES = 60, 90, 1.5
_SMALL = Needs(cores=1.0, memory_bytes=_PROGRAM_BYTES)
# A few frames are looked at: this waits for nobody, also where a rung has the whole machine, so that a new film's first
# rung is in line before the machine is given away again.
_GLANCE = Needs(cores=0.0, memory_bytes=0)


@dataclass(frozen=True, slots=True)
class Order:
    """What to make, and where: the presentation goes under ``prefix`` in the object store.

    ``title`` goes on the poster, in ``font`` if there is one; ``share`` is who gets its share of the machines.
    """

    source: Source
    title: str
    place: Place
    prefix: str
    preset: str = PRESET
    crf: float = CRF
    priority: int = 0
    share: str = ""
    font: Path | None = None


class Watcher(Protocol):
    """Who hears how far a production is. An error it raises ends the production."""

    def planned(self, film: Film, ladder: Ladder, names: tuple[str, ...]) -> None:
        """What will be made, by name, in order."""
        ...

    def progressed(self, stage: str, progress: float, renditions: Mapping[str, float]) -> None:
        """How far it is, from 0 to 1, about twice a second; ``renditions`` are those that run."""
        ...

    def made(self, finished: Finished) -> None:
        """A rendition is done, now or by an earlier run."""
        ...


@dataclass(frozen=True, slots=True)
class Produced:
    """A presentation in the store. ``reused`` were found finished; ``seconds`` is what each stage took."""

    presentation: Presentation
    film: Film
    ladder: Ladder
    finished: tuple[Finished, ...]
    reused: tuple[str, ...]
    seconds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Work:
    """A task, the renditions it makes, and what to do with its outcome."""

    task: Task
    done: Callable[[Any], None]
    names: tuple[str, ...] = ()


class Production:
    """One order on its way. ``depot`` is the place's, where what is asked of it here must end sooner than in a task."""

    def __init__(self, order: Order, compute: Compute, watcher: Watcher, depot: Depot | None = None) -> None:
        self._order = order
        self._depot = depot or order.place.depot
        self._compute = compute
        self._watcher = watcher
        self._weights: dict[str, float] = {}
        self._shares: dict[str, float] = {}
        self._finished: dict[str, Finished] = {}
        self._reused: list[str] = []
        self._seconds: dict[str, float] = {}

    def run(self) -> Produced:
        """Publish the presentation; errors of the tools, of the store and of compute come through."""
        film = self._inspect()
        ladder = fixed_ladder(film.picture.display_width, film.picture.height, float(film.frame_rate))
        self._plan(film, ladder)
        film = self._encode(film, ladder)
        presentation = self._publish(film, ladder)
        finished = tuple(self._finished.values())
        return Produced(presentation, film, ladder, finished, tuple(self._reused), self._seconds)

    def _inspect(self) -> Film:
        found: list[Film] = []
        task = self._task("inspecting", _AT_ONCE, _GLANCE, steps.inspect_source)
        self._do("inspecting", [_Work(task, found.append)])
        return found[0]

    def _plan(self, film: Film, ladder: Ladder) -> None:
        self._weights = {rung.name: float(rung.width * rung.height) for rung in ladder.rungs}
        names = [rung.name for rung in ladder.rungs]
        sounds = [sound.name for sound in plan_sounds(film.source.sounds)]
        self._weights |= dict.fromkeys(sounds, _SOUND_WEIGHT)
        names[1:1] = sounds
        self._watcher.planned(film, ladder, (*names, *text_names(film.source.texts)))

    def _encode(self, film: Film, ladder: Ladder) -> Film:
        """The first rung, then the sound and the other rungs; the film, its length as the encoder found it.

        What is there already is taken as it is.
        """
        first, *others = groups(ladder, film.length_seconds)
        self._do("encoding", self._videos_to_make(film, first, _FIRST_RUNG))
        measured = self._finished[first[0].name].length_seconds
        if abs(measured - film.length_seconds) > _TRUST_SECONDS:
            film = replace(film, length_seconds=measured)
        work = self._sounds_to_make(film) + self._texts_to_read(film)
        for turn, group in enumerate(others, start=_FIRST_RUNG + 1):
            work += self._videos_to_make(film, group, turn)
        self._do("encoding", work)
        return film

    def _videos_to_make(self, film: Film, rungs: Sequence[Rung], turn: int) -> list[_Work]:
        order = self._order
        files = {rung.name: self._file(film, rung.name, rung) for rung in rungs}
        left = tuple(rung for rung in rungs if not self._found(rung.name, files[rung.name]))
        if not left:
            return []
        names = tuple(rung.name for rung in left)
        chosen = tuple(files[name] for name in names)
        what, needs = f"encoding to {', '.join(names)}", _video_needs(film, left)
        arguments = (film, left, chosen, order.preset, order.crf)
        return [_Work(self._task(what, turn, needs, steps.encode_videos, *arguments), self._all_made, names)]

    def _sounds_to_make(self, film: Film) -> list[_Work]:
        work = []
        for track in film.source.sounds:
            sounds = tuple(one for one in plan_sounds(film.source.sounds) if one.track == track)
            files = tuple(self._file(film, one.name, (one, film.length_seconds)) for one in sounds)
            found = [self._found(one.name, file) for one, file in zip(sounds, files, strict=True)]
            if not all(found):  # one decode gives all layouts
                task = self._task("encoding the sound", _FIRST_RUNG, _SMALL, encode_sounds, film, sounds, files)
                work.append(_Work(task, self._all_made, tuple(one.name for one in sounds)))
        return work

    def _texts_to_read(self, film: Film) -> list[_Work]:
        names, files = text_names(film.source.texts), self._text_files(film)
        found = [self._found(name, file) for name, file in zip(names, files, strict=True)]
        if all(found):
            return []
        # One reading of the source gives all of them.
        task = self._task("reading the subtitles", _FIRST_RUNG, _SMALL, read_film_texts, film, files)
        return [_Work(task, self._all_made, names)]

    def _text_files(self, film: Film) -> tuple[str, ...]:
        tracks = film.source.texts
        words = [(name, (track, film.length_seconds)) for name, track in zip(text_names(tracks), tracks, strict=True)]
        return tuple(self._file(film, name, content, "vtt") for name, content in words)

    def _publish(self, film: Film, ladder: Ladder) -> Presentation:
        order, found = self._order, list[Presentation]()
        arguments = (film, ladder, self._finished, order.title, order.font, order.prefix)
        task = Task(
            f"packaging: {order.source.name}",
            publish_film,
            (order.place, *arguments),
            Needs(cores=2.0, memory_bytes=2 * _PROGRAM_BYTES),
            order.priority * _TURNS + _AT_ONCE,
            order.share,
        )
        self._do("packaging", [_Work(task, found.append)])
        return found[0]

    def _file(self, film: Film, name: str, content: Any, ending: str = "mp4") -> str:
        """The name of a rendition's file: all that decides its content is in it."""
        order = self._order
        words = (_RECIPE, order.source.identity, order.preset, order.crf, film.picture, film.shift_seconds, content)
        recipe = hashlib.sha256(repr(words).encode()).hexdigest()[:16]
        return f"{name}-{recipe}.{ending}"

    def _found(self, name: str, file: str) -> bool:
        finished = self._depot.find(file)
        if finished is None:
            return False
        self._reused.append(name)
        self._made(finished)
        return True

    def _made(self, finished: Finished) -> None:
        self._finished[finished.name] = finished
        self._shares[finished.name] = 1.0
        self._watcher.made(finished)

    def _all_made(self, finished: Sequence[Finished]) -> None:
        for one in finished:
            self._made(one)

    def _task(self, what: str, turn: int, needs: Needs, function: Callable[..., Any], *arguments: Any) -> Task:
        order = self._order
        name, priority = f"{what}: {order.source.name}", order.priority * _TURNS + turn
        return Task(name, function, (order.place, order.source, *arguments), needs, priority, order.share)

    def _do(self, stage: str, work: Sequence[_Work]) -> None:
        """Have work done, telling the watcher how far it is; the first error stops the rest of it.

        Not so a store that is away: the rest goes on to its end, for what it makes stays on its machine's shelf.
        """
        started = time.monotonic()
        futures: dict[Future[Any], _Work] = {}
        away: StoreUnavailable | None = None
        try:
            for piece in work:
                futures[self._submit(piece)] = piece
            waiting = set(futures)
            while waiting:
                done, waiting = wait(waiting, timeout=_BEAT_SECONDS, return_when=FIRST_COMPLETED)
                for future in done:
                    try:
                        outcome = future.result()
                    except StoreUnavailable as error:
                        away = error
                        continue
                    futures[future].done(outcome)
                running = [name for future in waiting for name in futures[future].names]
                shares = {name: self._shares[name] for name in running if name in self._shares}
                self._watcher.progressed(stage, self._progress(stage), shares)
        finally:
            for future in futures:
                future.cancel()
            wait(futures)
        if away is not None:
            raise away
        self._seconds[stage] = round(self._seconds.get(stage, 0.0) + time.monotonic() - started, 3)

    def _submit(self, piece: _Work) -> Future[Any]:
        try:
            return self._compute.submit(piece.task, self._listener(piece.names))
        except Unavailable as error:
            # Compute takes nothing any more: the work is not at fault, and goes on elsewhere or later.
            raise CancelledError(str(error)) from error

    def _listener(self, names: Sequence[str]) -> Callable[[float], None]:
        def listen(share: float) -> None:
            self._shares.update(dict.fromkeys(names, share))

        return listen

    def _progress(self, stage: str) -> float:
        if stage == "inspecting":
            return 0.0
        if stage != "encoding":
            return _ENCODED
        whole = sum(self._weights.values())
        share = sum(weight * self._shares.get(name, 0.0) for name, weight in self._weights.items())
        return _INSPECTED + (_ENCODED - _INSPECTED) * share / whole


def _video_needs(film: Film, rungs: Sequence[Rung]) -> Needs:
    pixels = [rung.width * rung.height for rung in rungs]
    frames = film.picture.display_width * film.picture.height * _SOURCE_FRAMES + sum(pixels) * _RUNG_FRAMES
    cores = 4.0 if max(pixels) > _LARGE_PIXELS else 2.0
    return Needs(cores, _PROGRAM_BYTES + round(frames * _PIXEL_BYTES))
