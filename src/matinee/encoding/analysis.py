"""The film's own ladder on its way: pieces that measure, choose, and hold the best rung against what was foretold.

The choosing itself is arithmetic of ``ladder/``; here it is cut into pieces for compute, and their outcomes are kept.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise

from matinee.commands.needs import SMALL, measuring_needs
from matinee.commands.stretches import Stretch
from matinee.encoding.chunks import Looking
from matinee.encoding.depot import Depot, Finished
from matinee.encoding.measuring import (
    Analysis,
    Encoded,
    Looked,
    choose_ladder,
    choose_ladder_again,
    measure_stretch,
    missed,
    verify_stretch,
)
from matinee.encoding.names import measured_name
from matinee.encoding.orders import Order
from matinee.encoding.running import Key, Piece
from matinee.encoding.survey import FirstRung, Surveyed
from matinee.inspection.frames import TICKS
from matinee.ladder.correction import Deviation, deviations
from matinee.ladder.fixed import fixed_ladder
from matinee.ladder.prediction import Probe, probed
from matinee.ladder.quality import EVERY, FrameQuality
from matinee.ladder.recipes import Recipe, chosen_recipes, part_of
from matinee.ladder.rungs import ChosenRung
from matinee.ladder.verification import VERIFIED_EVERY, Miss
from matinee.ports import Task

_MEASURED = "measured"
_MICROSECONDS = 1_000_000


Verified = Callable[[Stretch, Recipe, Finished], list[Piece]]
"""What to do with a part that was looked at: the recipe is the one to encode it by, which may be another one by now."""


class Analysing:
    """The analysis of one film. ``task`` makes tasks of its order: from words, a turn, needs, a function, arguments."""

    def __init__(self, order: Order, found: Surveyed, stretches: Sequence[Stretch], task: Callable[..., Task]) -> None:
        self._order = order
        self._found = found
        self._stretches = stretches
        self._task = task
        self._firsts = [0, *accumulate(len(stretch.starts) for stretch in stretches)]
        self._measured: dict[int, tuple[tuple[FrameQuality, ...], ...]] = {}
        self._verified: dict[int, tuple[float, ...]] = {}
        self._bits: dict[int, tuple[int, ...]] = {}
        self._again: list[Miss] = []
        self._seen: tuple[Deviation, ...] = ()
        self._probes: tuple[Probe, ...] = ()
        self._chosen: tuple[ChosenRung, ...] = ()
        film = found.film
        picture = film.picture
        self.usual = fixed_ladder(picture.display_width, picture.height, float(film.shown_rate))

    @property
    def _first(self) -> FirstRung:
        assert self._found.first is not None, "what is analysed has a first rung"
        return self._found.first

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """The ladder, once it is chosen."""
        return chosen_recipes(self._chosen)

    def weights(self) -> dict[Key, float]:
        """What is measured, and how long that takes."""
        return {(_MEASURED, stretch.number): float(stretch.encoded) for stretch in self._stretches}

    def measurements(self, turn: int, depot: Depot, advanced: Callable[[], None]) -> list[Piece]:
        """Look at the first rung, stretch by stretch; ``advanced`` hears of what the depot did not keep before."""
        found, first = self._found, self._first
        files = {one.number: measured_name(first.file, one, EVERY) for one in self._stretches}
        there = depot.find_all(files.values())
        place = 0
        pieces = []
        for stretch in self._stretches:
            seek = None
            if place:
                seek = (first.times[place - 1] + first.times[place]) * _MICROSECONDS // (2 * TICKS)
            encoded = Encoded(first.rung, first.file, seek)
            place += stretch.encoded

            def done(shots: tuple[tuple[FrameQuality, ...], ...], number: int = stretch.number) -> None:
                self._measured[number] = shots
                if files[number] not in there:
                    advanced()

            words = (found.film, found.copy, stretch, encoded, EVERY, files[stretch.number])
            what = f"measuring the first rung, part {stretch.number + 1} of {len(self._stretches)}"
            task = self._task(what, turn, measuring_needs(found.film), measure_stretch, *words)
            pieces.append(Piece(task, done, ((_MEASURED, stretch.number),)))
        return pieces

    def choice(self, turn: int) -> list[Piece]:
        """Choose the ladder by what was measured."""
        film, first = self._found.film, self._first
        lengths = [
            following - start
            for stretch in self._stretches
            for start, following in zip(stretch.starts, (*stretch.starts[1:], stretch.encoded), strict=True)
        ]
        ends = [0, *accumulate(lengths)]
        bits = [sum(first.bits[begin:end]) for begin, end in pairwise(ends)]
        shots = [shot for number in sorted(self._measured) for shot in self._measured[number]]
        self._probes = probed(first.rung.width, first.rung.height, bits, lengths, shots)
        sizes = [(rung.width, rung.height) for rung in self.usual.rungs]

        def done(chosen: tuple[ChosenRung, ...]) -> None:
            self._chosen = chosen

        task = self._task(
            "choosing the ladder", turn, SMALL, choose_ladder, sizes, float(film.shown_rate), self._probes
        )
        return [Piece(task, done)]

    def verifies(self, name: str) -> bool:
        """Whether parts of a rung are looked at: the best rung's."""
        return name == self._chosen[-1].rung.name

    def looking(self, stretch: Stretch, file: str) -> Looking:
        """How the best rung's part, called so, is looked at while it is encoded."""
        return Looking(self._chosen[-1].rung.name, VERIFIED_EVERY, measured_name(file, stretch, VERIFIED_EVERY))

    def verification(self, stretch: Stretch, recipe: Recipe, one: Finished, verified: Verified, turn: int) -> Piece:
        """Look at a part of the best rung that was not looked at while it was encoded."""

        def done(looked: Looked) -> list[Piece]:
            return verified(stretch, self.judged(stretch, recipe, looked), one)

        looking = self.looking(stretch, one.file)
        words = (self._found.film, self._found.copy, stretch, Encoded(recipe.rung, one.file))
        what = f"verifying {one.name}, part {stretch.number + 1} of {len(self._stretches)}"
        needs = measuring_needs(self._found.film)
        task = self._task(what, turn, needs, verify_stretch, *words, looking.every, looking.file)
        return Piece(task, done, part="verifying")

    def judged(self, stretch: Stretch, recipe: Recipe, looked: Looked) -> Recipe:
        """The recipe to encode a part of the best rung by, after it was looked at: the same, if it came out well."""
        first, shots = self._firsts[stretch.number], len(stretch.starts)
        best, probes = part_of(self._chosen[-1], first, shots), self._probes[first : first + shots]
        came_to, wrong = missed(best, probes, looked.shots)
        self._bits[stretch.number], self._verified[stretch.number] = looked.bits, came_to
        self._again += [replace(miss, shot=first + miss.shot) for miss in wrong]
        crfs = list(recipe.crfs)
        for miss in wrong:
            crfs[miss.shot] = miss.crf
        return replace(recipe, crfs=tuple(crfs))

    def choice_again(self, turn: int, then: Callable[[], list[Piece]]) -> Piece:
        """Choose the other rungs by what was made of the best one so far; ``then`` is what is done with them."""

        def done(chosen: tuple[ChosenRung, ...]) -> list[Piece]:
            self._chosen = chosen
            return then()

        self._seen = deviations(self._chosen[-1], self._by_shot(self._bits), self._by_shot(self._verified))
        words = (self._chosen, float(self._found.film.shown_rate), self._probes, self._seen)
        task = self._task("choosing the other rungs", turn, SMALL, choose_ladder_again, *words)
        return Piece(task, done, part="verifying")

    def _by_shot(self, found: Mapping[int, Sequence[float]]) -> dict[int, float]:
        """What is known of shots by their chunks, by the shots' numbers in the film."""
        return {
            self._firsts[number] + place: value
            for number, values in found.items()
            for place, value in enumerate(values)
        }

    def outcome(self) -> Analysis:
        """All of it."""
        verified = tuple(vmaf for _, vmaf in sorted(self._by_shot(self._verified).items()))
        again = tuple(sorted(self._again, key=lambda miss: miss.shot))
        return Analysis(self._probes, self._chosen, verified, again, self._seen)
