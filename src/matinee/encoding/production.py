"""Makes one source into a presentation in the object store: surveyed, its ladder chosen, encoded, packaged, checked.

Knows no queue: the pipeline gives it an order and hears from it how far it is. Each step is a task that may run on any
machine. Run again for the same order, it goes on where it was stopped.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from matinee.commands.encoders import in_codecs
from matinee.commands.first_rung import first_rung
from matinee.commands.needs import GLANCE, SMALL, measuring_needs, packaging_needs, survey_needs
from matinee.commands.stretches import Stretch, plan_glimpses, plan_stretches, start_seconds
from matinee.encoding import steps
from matinee.encoding.analysis import Analysing
from matinee.encoding.depot import Depot, Finished, StoreUnavailable
from matinee.encoding.early import NOTE, Early
from matinee.encoding.grain import look_for_grain
from matinee.encoding.names import grain_name, whole_name
from matinee.encoding.orders import LadderKind, Order, Produced, Watcher
from matinee.encoding.parts import Desk, Parts, joined
from matinee.encoding.publication import Cuts, publish_film
from matinee.encoding.running import Piece, Running
from matinee.encoding.sound import encode_sounds
from matinee.encoding.survey import Surveyed, survey_files, survey_source
from matinee.encoding.text import read_film_texts
from matinee.inspection.frames import field_times, film_times
from matinee.inspection.inspection import Film
from matinee.ladder.fixed import fixed_ladder
from matinee.ladder.grain import may_have_grain, with_grain
from matinee.ladder.quality import can_be_compared
from matinee.ladder.recipes import Recipe, fixed_recipes
from matinee.model.media import Ladder, Presentation, presentation_from_json
from matinee.packaging.sound import plan_sounds
from matinee.packaging.text import text_names
from matinee.ports import Compute, Needs, Task

_SURVEY = ("survey", 0)
_SOUND_WEIGHT = 100_000.0  # pixels a frame that take as long
# Steps have turns, whatever film they are of: what opens or ends one, its first rung, then the others; so that all
# films have something to show before one has its last rung. Within a turn the films' priorities count.
_AT_ONCE, _FIRST_RUNG, _OTHERS = 0, 1, 2
_PRIORITIES = 1_000_000


class Production:
    """One order on its way. ``depot`` is the place's, where what is asked of it here must end sooner than in a task."""

    def __init__(self, order: Order, compute: Compute, watcher: Watcher, depot: Depot | None = None) -> None:
        self._order = order
        self._depot = depot or order.place.depot
        self._watcher = watcher
        self._running = Running(compute, watcher)
        self._parts: dict[str, dict[int, Finished]] = {}
        self._finished: dict[str, Finished] = {}
        self._names: tuple[str, ...] = ()
        self._reused: list[str] = []
        self._begun = False

    def run(self) -> Produced:
        """Publish the presentation; errors of the tools, of the store and of compute come through."""
        found = self._survey(self._inspect())
        film, (times, end) = found.film, film_times(found.film, found.frames)
        stretches = plan_stretches(film, found.frames, times, end)
        segments = sum(len(stretch.starts) for stretch in stretches)
        analysing = self._analyse(found, stretches)
        if analysing is None:
            ladder = fixed_ladder(film.picture.display_width, film.picture.height, float(film.shown_rate))
            recipes = fixed_recipes(ladder, self._order.crf, segments)
        else:
            recipes = analysing.recipes
            ladder = analysing.usual
        recipes = in_codecs(film, recipes, self._order.codecs)
        noise = self._look_for_grain(found, recipes, stretches)
        recipes = with_grain(recipes, noise)
        ladder = replace(ladder, rungs=tuple(recipe.rung for recipe in recipes))
        self._plan(film, ladder, stretches)
        recipes = self._encode(found, recipes, stretches, analysing, noise)
        ladder = replace(ladder, rungs=tuple(recipe.rung for recipe in recipes))
        shown = field_times(times, end) if film.picture.is_interlaced else times
        presentation = self._publish(film, ladder, Cuts(shown, end, segments))
        finished = tuple(self._finished[name] for name in self._names)
        analysis = None if analysing is None else analysing.outcome()
        return Produced(
            presentation,
            film,
            ladder,
            finished,
            tuple(self._reused),
            self._running.seconds,
            analysis,
            self._running.cpu_seconds,
            start_seconds(stretches, shown),
            found.frames.bars,
            noise,
        )

    def _inspect(self) -> Film:
        found: list[Film] = []
        task = self._task("inspecting", _AT_ONCE, GLANCE, steps.inspect_source)
        self._running.do("inspecting", [Piece(task, found.append)])
        return found[0]

    def _survey(self, film: Film) -> Surveyed:
        order, found = self._order, list[Surveyed]()
        early = None if order.early is None else Early(order.early, order.title, order.font)
        # A fixed ladder is not chosen by a first rung, and nobody else may want one.
        rung = None if order.ladder is LadderKind.FIXED and early is None else first_rung(film)
        task = self._task("surveying", _FIRST_RUNG, survey_needs(film), survey_source, film, rung, early)
        files = survey_files(order.source, film, rung)
        kept = self._depot.find_all(files)
        self._running.weigh("surveying", {_SURVEY: 1.0})
        self._running.do("surveying", [Piece(task, found.append, (_SURVEY,))], lambda: self._look_for_early(film))
        self._look_for_early(film)
        if len(kept) < len(files):
            self._watcher.advanced()
        return found[0]

    def _look_for_early(self, film: Film) -> None:
        """Tell of the first rung as soon as there is something to play."""
        if self._order.early is None or self._begun:
            return
        try:
            note = self._depot.read(f"{self._order.early}/{NOTE}")
        except StoreUnavailable:  # asked again with the next beat
            return
        if note is not None:
            self._watcher.begun(film, presentation_from_json(json.loads(note)))
            self._begun = True

    def _analyse(self, found: Surveyed, stretches: Sequence[Stretch]) -> Analysing | None:
        """What the film's own ladder is chosen by; None: it gets the fixed one."""
        picture = found.film.picture
        if self._order.ladder is LadderKind.FIXED or not can_be_compared(picture.display_width, picture.height):
            return None
        analysing = Analysing(self._order, found, stretches, self._task)
        self._running.weigh("measuring", analysing.weights())
        measurements = analysing.measurements(_OTHERS, self._depot, self._watcher.advanced)
        self._running.do("measuring", measurements)
        self._running.do("measuring", analysing.choice(_OTHERS))
        return analysing

    def _look_for_grain(
        self, found: Surveyed, recipes: Sequence[Recipe], stretches: Sequence[Stretch]
    ) -> dict[str, float]:
        """The film's noise by rung, of those that grain may be drawn on."""
        rungs, glimpses = may_have_grain(recipes), plan_glimpses(found.film, found.frames, stretches)
        if not rungs or not glimpses:
            return {}
        seen, file = list[tuple[float, ...]](), grain_name(self._order, found, glimpses, rungs)
        kept = self._depot.find_all([file])
        words = (found.film, found.copy, glimpses, rungs, file)
        task = self._task("looking for grain", _OTHERS, measuring_needs(found.film), look_for_grain, *words)
        self._running.do("measuring", [Piece(task, seen.append, part="grain")])
        if not kept:
            self._watcher.advanced()
        return {rung.name: noise for rung, noise in zip(rungs, seen[0], strict=True)}

    def _plan(self, film: Film, ladder: Ladder, stretches: Sequence[Stretch]) -> None:
        whole = sum(stretch.encoded for stretch in stretches)
        weights = {
            (rung.name, stretch.number): rung.width * rung.height * stretch.encoded / whole
            for rung in ladder.rungs
            for stretch in stretches
        }
        names = [rung.name for rung in ladder.rungs]
        sounds = [sound.name for sound in plan_sounds(film.source.sounds)]
        self._running.weigh("encoding", weights | {(name, 0): _SOUND_WEIGHT for name in sounds})
        names[1:1] = sounds
        self._names = (*names, *text_names(film.source.texts))
        self._watcher.planned(film, ladder, self._names)

    def _encode(
        self,
        found: Surveyed,
        recipes: Sequence[Recipe],
        stretches: Sequence[Stretch],
        analysing: Analysing | None,
        noise: Mapping[str, float],
    ) -> tuple[Recipe, ...]:
        """All that is played, with sound and text, from the film's start on; how it was encoded in the end.

        What is there is taken as it is.
        """

        def tell(part: Finished, number: int) -> None:
            """Keep a part in mind; with the last of them the rendition is done."""
            self._running.shares[part.name, number] = 1.0
            made = self._parts.setdefault(part.name, {})
            made[number] = part
            if len(made) == len(stretches):
                self._made(joined([made[place] for place in sorted(made)]), ())

        def complete(floor: Sequence[Recipe]) -> tuple[Recipe, ...]:
            return with_grain(in_codecs(found.film, floor, self._order.codecs), noise)

        depot = self._depot
        desk = Desk(self._task, depot.find, depot.find_all, tell, self._watcher.advanced, complete, _OTHERS)
        parts = Parts(self._order, found, recipes, stretches, analysing, desk)
        work = self._sounds_to_make(found.film) + self._texts_to_read(found.film) + parts.pieces()
        self._running.do("encoding", work)
        self._reused += parts.reused
        return tuple(parts.recipes)

    def _sounds_to_make(self, film: Film) -> list[Piece]:
        work = []
        for track in film.source.sounds:
            sounds = tuple(one for one in plan_sounds(film.source.sounds) if one.track == track)
            files = tuple(whole_name(self._order, film, one.name, one) for one in sounds)
            found = [self._found(one.name, file) for one, file in zip(sounds, files, strict=True)]
            if not all(found):  # one decode gives all layouts
                task = self._task("encoding the sound", _OTHERS, SMALL, encode_sounds, film, sounds, files)
                work.append(Piece(task, self._all_made, tuple((one.name, 0) for one in sounds), "sound"))
        return work

    def _texts_to_read(self, film: Film) -> list[Piece]:
        tracks = film.source.texts
        names = text_names(tracks)
        files = tuple(
            whole_name(self._order, film, name, track, "vtt") for name, track in zip(names, tracks, strict=True)
        )
        found = [self._found(name, file) for name, file in zip(names, files, strict=True)]
        if all(found):
            return []
        # One reading of the source gives all of them.
        task = self._task("reading the subtitles", _OTHERS, SMALL, read_film_texts, film, files)
        return [Piece(task, self._all_made, tuple((name, 0) for name in names), "text")]

    def _publish(self, film: Film, ladder: Ladder, cuts: Cuts) -> Presentation:
        order, found = self._order, list[Presentation]()
        parts = {name: tuple(made[number] for number in sorted(made)) for name, made in self._parts.items()}
        task = Task(
            f"packaging: {order.source.name}",
            publish_film,
            (order.place, film, ladder, parts, cuts, order.title, order.font, order.prefix, order.protection),
            packaging_needs(),
            _priority(_AT_ONCE, order),
            order.share,
        )
        self._running.do("packaging", [Piece(task, found.append)])
        return found[0]

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

    def _made(self, finished: Finished, parts: Sequence[Finished]) -> None:
        self._finished[finished.name] = finished
        for number, part in enumerate(parts):
            self._running.shares[finished.name, number] = 1.0
            self._parts.setdefault(finished.name, {})[number] = part
        self._watcher.made(finished)

    def _task(self, what: str, turn: int, needs: Needs, function: Callable[..., Any], *arguments: Any) -> Task:
        order = self._order
        name = f"{what}: {order.source.name}"
        return Task(name, function, (order.place, order.source, *arguments), needs, _priority(turn, order), order.share)


def _priority(turn: int, order: Order) -> int:
    return turn * _PRIORITIES + order.priority
