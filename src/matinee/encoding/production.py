"""Makes one source into a presentation in the object store: inspected, encoded rung by rung, packaged, checked.

Knows no queue: the pipeline gives it an order and hears from it how far it is. Each step is a task that may run on any
machine. Run again for the same order, it goes on where it was stopped.
"""

import hashlib
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from matinee.encoding import steps
from matinee.encoding.commands import CRF, PRESET
from matinee.encoding.depot import Depot, Finished, StoreUnavailable
from matinee.encoding.publication import Cuts, publish_film
from matinee.encoding.sound import encode_sounds
from matinee.encoding.steps import Place, Source
from matinee.encoding.stretches import Stretch, plan_stretches
from matinee.encoding.survey import Surveyed, survey_source
from matinee.encoding.text import read_film_texts
from matinee.inspection.frames import field_times, film_times
from matinee.inspection.inspection import Film
from matinee.ladder.fixed import fixed_ladder, groups
from matinee.model.errors import Unavailable
from matinee.model.media import Ladder, Presentation, Rung
from matinee.packaging.protection import Protection
from matinee.packaging.sound import plan_sounds
from matinee.packaging.text import text_names
from matinee.ports import Compute, Needs, Task

_RECIPE = 2  # counts changes of the commands that make other renditions of the same source
_BEAT_SECONDS = 0.5
# How the bar of progress is shared out: inspecting and surveying, encoding, and the rest.
_SURVEYED, _ENCODED = 0.1, 0.9
_SURVEY = ("survey", 0)
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
    With ``protection``, picture and sound are encrypted when they are packaged.
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
    protection: Protection | None = None


class Watcher(Protocol):
    """Who hears how far a production is. An error it raises ends the production."""

    def planned(self, film: Film, ladder: Ladder, names: tuple[str, ...]) -> None:
        """What will be made, by name, in order."""
        ...

    def progressed(self, stage: str, progress: float, renditions: Mapping[str, float]) -> None:
        """How far it is, from 0 to 1, about twice a second; ``renditions`` are those that run."""
        ...

    def advanced(self) -> None:
        """Something was finished that no later run makes again."""
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
    """A task, what it makes (a rendition's name and a stretch's number each), and what to do with its outcome."""

    task: Task
    done: Callable[[Any], None]
    makes: tuple[tuple[str, int], ...] = ()


class Production:
    """One order on its way. ``depot`` is the place's, where what is asked of it here must end sooner than in a task."""

    def __init__(self, order: Order, compute: Compute, watcher: Watcher, depot: Depot | None = None) -> None:
        self._order = order
        self._depot = depot or order.place.depot
        self._compute = compute
        self._watcher = watcher
        self._weights: dict[tuple[str, int], float] = {}
        self._shares: dict[tuple[str, int], float] = {}
        self._parts: dict[str, dict[int, Finished]] = {}
        self._finished: dict[str, Finished] = {}
        self._names: tuple[str, ...] = ()
        self._reused: list[str] = []
        self._seconds: dict[str, float] = {}

    def run(self) -> Produced:
        """Publish the presentation; errors of the tools, of the store and of compute come through."""
        found = self._survey(self._inspect())
        film, (times, end) = found.film, film_times(found.film, found.frames)
        stretches = plan_stretches(film, found.frames, times, end)
        ladder = fixed_ladder(film.picture.display_width, film.picture.height, float(film.shown_rate))
        self._plan(film, ladder, stretches)
        self._encode(found, ladder, stretches)
        shown = field_times(times, end) if film.picture.is_interlaced else times
        cuts = Cuts(shown, end, sum(len(stretch.starts) for stretch in stretches))
        presentation = self._publish(film, ladder, cuts)
        finished = tuple(self._finished[name] for name in self._names)
        return Produced(presentation, film, ladder, finished, tuple(self._reused), self._seconds)

    def _inspect(self) -> Film:
        found: list[Film] = []
        task = self._task("inspecting", _AT_ONCE, _GLANCE, steps.inspect_source)
        self._do("inspecting", [_Work(task, found.append)])
        return found[0]

    def _survey(self, film: Film) -> Surveyed:
        found: list[Surveyed] = []
        task = self._task("surveying", _FIRST_RUNG, _survey_needs(film), survey_source, film)
        self._do("surveying", [_Work(task, found.append, (_SURVEY,))])
        return found[0]

    def _plan(self, film: Film, ladder: Ladder, stretches: Sequence[Stretch]) -> None:
        whole = sum(stretch.encoded for stretch in stretches)
        self._weights = {
            (rung.name, stretch.number): rung.width * rung.height * stretch.encoded / whole
            for rung in ladder.rungs
            for stretch in stretches
        }
        names = [rung.name for rung in ladder.rungs]
        sounds = [sound.name for sound in plan_sounds(film.source.sounds)]
        self._weights |= {(name, 0): _SOUND_WEIGHT for name in sounds}
        names[1:1] = sounds
        self._names = (*names, *text_names(film.source.texts))
        self._watcher.planned(film, ladder, self._names)

    def _encode(self, found: Surveyed, ladder: Ladder, stretches: Sequence[Stretch]) -> None:
        """The first rung from its start on, with sound and text; then the others. What is there is taken as it is."""
        film = found.film
        files = {key: self._file(found, *key, stretches[key[1]], rung) for key, rung in _every(ladder, stretches)}
        there = self._depot.find_all(files.values())
        rungs = {rung.name: rung for rung in ladder.rungs}
        for name in rungs:
            kept = [stretch for stretch in stretches if files[name, stretch.number] in there]
            if len(kept) == len(stretches):
                self._reused.append(name)
            for stretch in kept:
                self._part_made(stretch.number, there[files[name, stretch.number]], stretches)
        work = self._sounds_to_make(film) + self._texts_to_read(film)
        for turn, group in enumerate(groups(ladder), start=_FIRST_RUNG):
            for stretch in stretches:
                left = tuple(rung for rung in group if files[rung.name, stretch.number] not in there)
                if left:
                    chosen = tuple(files[rung.name, stretch.number] for rung in left)
                    work.append(self._stretch_to_make(found, stretch, stretches, left, chosen, turn))
        self._do("encoding", work)

    def _stretch_to_make(
        self,
        found: Surveyed,
        stretch: Stretch,
        stretches: Sequence[Stretch],
        rungs: tuple[Rung, ...],
        files: tuple[str, ...],
        turn: int,
    ) -> _Work:
        order, film = self._order, found.film
        names = ", ".join(rung.name for rung in rungs)
        what = f"encoding to {names}, part {stretch.number + 1} of {len(stretches)}"
        needs = _video_needs(film, rungs, alone=len(stretches) == 1)
        arguments = (film, found.copy, stretch, rungs, files, order.preset, order.crf)

        def done(made: Sequence[Finished]) -> None:
            for one in made:
                self._part_made(stretch.number, one, stretches)
            self._watcher.advanced()

        task = self._task(what, turn, needs, steps.encode_stretch, *arguments)
        return _Work(task, done, tuple((rung.name, stretch.number) for rung in rungs))

    def _sounds_to_make(self, film: Film) -> list[_Work]:
        work = []
        for track in film.source.sounds:
            sounds = tuple(one for one in plan_sounds(film.source.sounds) if one.track == track)
            files = tuple(self._whole_file(film, one.name, one) for one in sounds)
            found = [self._found(one.name, file) for one, file in zip(sounds, files, strict=True)]
            if not all(found):  # one decode gives all layouts
                task = self._task("encoding the sound", _FIRST_RUNG, _SMALL, encode_sounds, film, sounds, files)
                work.append(_Work(task, self._all_made, tuple((one.name, 0) for one in sounds)))
        return work

    def _texts_to_read(self, film: Film) -> list[_Work]:
        names, files = text_names(film.source.texts), self._text_files(film)
        found = [self._found(name, file) for name, file in zip(names, files, strict=True)]
        if all(found):
            return []
        # One reading of the source gives all of them.
        task = self._task("reading the subtitles", _FIRST_RUNG, _SMALL, read_film_texts, film, files)
        return [_Work(task, self._all_made, tuple((name, 0) for name in names))]

    def _text_files(self, film: Film) -> tuple[str, ...]:
        tracks = film.source.texts
        named = zip(text_names(tracks), tracks, strict=True)
        return tuple(self._whole_file(film, name, track, "vtt") for name, track in named)

    def _publish(self, film: Film, ladder: Ladder, cuts: Cuts) -> Presentation:
        order, found = self._order, list[Presentation]()
        parts = {name: tuple(made[number] for number in sorted(made)) for name, made in self._parts.items()}
        task = Task(
            f"packaging: {order.source.name}",
            publish_film,
            (order.place, film, ladder, parts, cuts, order.title, order.font, order.prefix, order.protection),
            Needs(cores=2.0, memory_bytes=2 * _PROGRAM_BYTES),
            order.priority * _TURNS + _AT_ONCE,
            order.share,
        )
        self._do("packaging", [_Work(task, found.append)])
        return found[0]

    def _file(self, found: Surveyed, name: str, number: int, stretch: Stretch, rung: Rung) -> str:
        """The name of a part's file: all that decides its content is in it."""
        order, film = self._order, found.film
        source = (order.source.identity, found.copy, film.source.video.index)
        words = (
            _RECIPE,
            *source,
            order.preset,
            order.crf,
            film.picture,
            film.shown_rate,
            film.is_steady,
            stretch,
            rung,
        )
        return _named(f"{name}-{number:05}", words)

    def _whole_file(self, film: Film, name: str, content: Any, ending: str = "mp4") -> str:
        """The same of what is made in one piece for the whole film: a sound, a text."""
        words = (_RECIPE, self._order.source.identity, film.shift_seconds, film.length_seconds, content)
        return _named(name, words, ending)

    def _found(self, name: str, file: str) -> bool:
        finished = self._depot.find(file)
        if finished is None:
            return False
        self._reused.append(name)
        self._made(finished, (finished,))
        return True

    def _all_made(self, finished: Sequence[Finished]) -> None:
        for one in finished:
            self._made(one, (one,))

    def _part_made(self, number: int, part: Finished, stretches: Sequence[Stretch]) -> None:
        """Keep a part in mind; with the last of them the rendition is done."""
        self._shares[part.name, number] = 1.0
        parts = self._parts.setdefault(part.name, {})
        parts[number] = part
        if len(parts) == len(stretches):
            first, every = parts[0], parts.values()
            whole = replace(
                first,
                frames=sum(stretch.encoded for stretch in stretches),
                length_seconds=sum(one.length_seconds for one in every),
                size_bytes=sum(one.size_bytes for one in every),
                seconds=round(sum(one.seconds for one in every), 3),
            )
            self._made(whole, ())

    def _made(self, finished: Finished, parts: Sequence[Finished]) -> None:
        self._finished[finished.name] = finished
        for number, part in enumerate(parts):
            self._shares[finished.name, number] = 1.0
            self._parts.setdefault(finished.name, {})[number] = part
        self._watcher.made(finished)

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
                running = {name for future in waiting for name, _ in futures[future].makes}
                self._watcher.progressed(stage, self._progress(stage), self._renditions(running))
        finally:
            for future in futures:
                future.cancel()
            wait(futures)
        if away is not None:
            raise away
        self._seconds[stage] = round(self._seconds.get(stage, 0.0) + time.monotonic() - started, 3)

    def _submit(self, piece: _Work) -> Future[Any]:
        try:
            return self._compute.submit(piece.task, self._listener(piece.makes))
        except Unavailable as error:
            # Compute takes nothing any more: the work is not at fault, and goes on elsewhere or later.
            raise CancelledError(str(error)) from error

    def _listener(self, makes: Sequence[tuple[str, int]]) -> Callable[[float], None]:
        def listen(share: float) -> None:
            self._shares.update(dict.fromkeys(makes, share))

        return listen

    def _renditions(self, names: Collection[str]) -> dict[str, float]:
        """How far those renditions are of which something was made."""
        told = {}
        for name in names:
            keys = [key for key in self._weights if key[0] == name]
            if any(key in self._shares for key in keys):
                whole = sum(self._weights[key] for key in keys)
                told[name] = sum(self._weights[key] * self._shares.get(key, 0.0) for key in keys) / whole
        return told

    def _progress(self, stage: str) -> float:
        if stage in {"inspecting", "surveying"}:
            return _SURVEYED * self._shares.get(_SURVEY, 0.0)
        if stage != "encoding":
            return _ENCODED
        whole = sum(self._weights.values())
        share = sum(weight * self._shares.get(key, 0.0) for key, weight in self._weights.items())
        return _SURVEYED + (_ENCODED - _SURVEYED) * share / whole


def _named(name: str, words: tuple[Any, ...], ending: str = "mp4") -> str:
    return f"{name}-{hashlib.sha256(repr(words).encode()).hexdigest()[:16]}.{ending}"


def _every(ladder: Ladder, stretches: Sequence[Stretch]) -> Iterator[tuple[tuple[str, int], Rung]]:
    """Each rung's every part, by its name and number."""
    return (((rung.name, stretch.number), rung) for rung in ladder.rungs for stretch in stretches)


def _survey_needs(film: Film) -> Needs:
    pixels = film.picture.width * film.picture.height
    return Needs(2.0, _PROGRAM_BYTES + round(pixels * _SOURCE_FRAMES * _PIXEL_BYTES))


def _video_needs(film: Film, rungs: Sequence[Rung], *, alone: bool) -> Needs:
    """What a stretch takes: one core, so that many run beside each other, unless there is but one."""
    pixels = [rung.width * rung.height for rung in rungs]
    frames = film.picture.display_width * film.picture.height * _SOURCE_FRAMES + sum(pixels) * _RUNG_FRAMES
    held = 1.0 if alone else 0.5  # fewer threads hold fewer: 2160p60 to five rungs was seen to take 700 MiB
    cores = 1.0 if not alone else 4.0 if max(pixels) > _LARGE_PIXELS else 2.0
    return Needs(cores, _PROGRAM_BYTES + round(frames * held * _PIXEL_BYTES))
