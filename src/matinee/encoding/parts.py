"""The picture's renditions in parts: every stretch of every rung, what is there of them, and what is left to make.

All rungs of a codec come out of one decode of a stretch. Of a chosen ladder the best rung is first made of a few
sampled stretches, and says how to encode the others. Its parts are verified before they count, and encoded again where
they came out otherwise.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate

from matinee.commands.needs import video_needs
from matinee.commands.stretches import Stretch
from matinee.encoding.analysis import Analysing
from matinee.encoding.chunks import Looking, Made, encode_stretch
from matinee.encoding.depot import Finished
from matinee.encoding.measuring import Looked
from matinee.encoding.names import part_name
from matinee.encoding.orders import Order
from matinee.encoding.running import Piece
from matinee.encoding.survey import Surveyed
from matinee.ladder.correction import sampled
from matinee.ladder.recipes import Recipe, groups
from matinee.ports import Task


@dataclass(frozen=True, slots=True)
class Desk:
    """What parts are made with. ``task`` makes tasks of the order: from words, a turn, needs, a function, arguments.

    ``find`` and ``find_all`` look into the depot, ``tell`` hears of each part that is there and its number,
    ``advanced`` of something newly made; ``complete`` adds to H.264's rungs those of other codecs.
    """

    task: Callable[..., Task]
    find: Callable[[str], Finished | None]
    find_all: Callable[[Iterable[str]], Mapping[str, Finished]]
    tell: Callable[[Finished, int], None]
    advanced: Callable[[], None]
    complete: Callable[[Sequence[Recipe]], tuple[Recipe, ...]]
    turn: int


class Parts:
    """The parts of one film."""

    def __init__(
        self,
        order: Order,
        found: Surveyed,
        recipes: Sequence[Recipe],
        stretches: Sequence[Stretch],
        analysing: Analysing | None,
        desk: Desk,
    ) -> None:
        self._order = order
        self._found = found
        self._stretches = stretches
        self._analysing = analysing
        self._desk = desk
        self._samples = [stretches[number] for number in sampled(len(stretches))]
        self._done: set[tuple[str, int]] = set()
        self._is_chosen = False
        self.reused: list[str] = []
        self._plan(recipes)

    def _plan(self, recipes: Sequence[Recipe]) -> None:
        firsts = [0, *accumulate(len(stretch.starts) for stretch in self._stretches)]
        self.recipes = recipes
        self._parts = {
            (recipe.rung.name, stretch.number): recipe.part(firsts[stretch.number], len(stretch.starts))
            for recipe in recipes
            for stretch in self._stretches
        }
        self._files = {key: self._file(self._stretches[key[1]], recipe) for key, recipe in self._parts.items()}

    def pieces(self) -> list[Piece]:
        """What is left to do: all of it, or first what tells how to do the rest. ``reused`` names what is there."""
        looked = self._analysing
        if looked is None:
            return self._rest()
        best = [recipe for recipe in self.recipes if looked.verifies(recipe.rung.name)]
        files = [self._files[recipe.rung.name, stretch.number] for recipe in best for stretch in self._samples]
        return self._left(best, self._samples, self._desk.find_all(files))

    def _chosen_again(self, analysing: Analysing) -> list[Piece]:
        """Go on with the other rungs as they were chosen by samples of the best one."""
        self._plan(self._desk.complete(analysing.recipes))
        return self._rest()

    def _rest(self) -> list[Piece]:
        """What is left to do of all."""
        there = self._desk.find_all(self._files.values())
        for name in (recipe.rung.name for recipe in self.recipes):
            if all(self._files[name, one.number] in there for one in self._stretches):
                self.reused.append(name)
        return self._left(self.recipes, self._stretches, there)

    def _left(
        self, recipes: Sequence[Recipe], stretches: Sequence[Stretch], there: Mapping[str, Finished]
    ) -> list[Piece]:
        """What is left to do of these, when those files are there."""
        work: list[Piece] = []
        for group in groups(recipes):
            for stretch in stretches:
                keys = [(recipe.rung.name, stretch.number) for recipe in group]
                keys = [key for key in keys if key not in self._done]
                work += self._made(stretch, [there[self._files[key]] for key in keys if self._files[key] in there])
                left = [key for key in keys if self._files[key] not in there]
                if left:
                    parts = tuple(self._parts[key] for key in left)
                    files = tuple(self._files[key] for key in left)
                    work.append(self._piece(stretch, parts, files, self._made, self._looking(stretch, left)))
        return work

    def _looking(self, stretch: Stretch, keys: Sequence[tuple[str, int]]) -> Looking | None:
        """The look at the best rung's part, if it is among these."""
        analysing = self._analysing
        if analysing is None:
            return None
        return next((analysing.looking(stretch, self._files[key]) for key in keys if analysing.verifies(key[0])), None)

    def _made(self, stretch: Stretch, finished: Sequence[Finished], looked: Looked | None = None) -> list[Piece]:
        """Parts that are there; those of the best rung are looked at, unless they were."""
        more: list[Piece] = []
        for one in finished:
            if self._analysing is None or not self._analysing.verifies(one.name):
                self._told(one, stretch)
                continue
            recipe = self._parts[one.name, stretch.number]
            if looked is None:
                more.append(self._analysing.verification(stretch, recipe, one, self._verified, self._desk.turn))
            else:
                more += self._verified(stretch, self._analysing.judged(stretch, recipe, looked), one)
        return more

    def _verified(self, stretch: Stretch, recipe: Recipe, one: Finished) -> list[Piece]:
        """Go on with a part of the best rung that was looked at; the recipe may be another one by now."""
        kept: Finished | None = one
        if recipe != self._parts[one.name, stretch.number]:
            kept = self._desk.find(self._file(stretch, recipe))
        if kept is None:
            return [self._piece(stretch, (recipe,), (self._file(stretch, recipe),), self._final)]
        return self._final(stretch, (kept,))

    def _final(self, stretch: Stretch, finished: Sequence[Finished], _: Looked | None = None) -> list[Piece]:
        """Parts of the best rung that are as they shall be; with the last sample the other rungs are chosen."""
        for one in finished:
            self._told(one, stretch)
        # Nothing else is made before the choice.
        if self._analysing is None or self._is_chosen or len(self._done) < len(self._samples):
            return []
        self._is_chosen = True
        return [self._analysing.choice_again(self._desk.turn, partial(self._chosen_again, self._analysing))]

    def _told(self, one: Finished, stretch: Stretch) -> None:
        self._done.add((one.name, stretch.number))
        self._desk.tell(one, stretch.number)

    def _piece(
        self,
        stretch: Stretch,
        recipes: tuple[Recipe, ...],
        files: tuple[str, ...],
        made: Callable[[Stretch, Sequence[Finished], Looked | None], list[Piece]],
        looking: Looking | None = None,
    ) -> Piece:
        names, count = ", ".join(recipe.rung.name for recipe in recipes), len(self._stretches)
        what = f"encoding to {names}, part {stretch.number + 1} of {count}"
        needs = video_needs(self._found.film, [recipe.rung for recipe in recipes], alone=count == 1)
        arguments = (self._found.film, self._found.copy, stretch, recipes, files, self._order.preset, looking)

        def done(one: Made) -> list[Piece]:
            more = made(stretch, one.finished, one.looked)
            self._desk.advanced()
            return more

        # A film is whole in the codec that everything plays before any is better in another.
        codecs = list(dict.fromkeys(recipe.rung.codec for recipe in self.recipes))
        turn = self._desk.turn + codecs.index(recipes[0].rung.codec)
        task = self._desk.task(what, turn, needs, encode_stretch, *arguments)
        return Piece(task, done, tuple((recipe.rung.name, stretch.number) for recipe in recipes))

    def _file(self, stretch: Stretch, recipe: Recipe) -> str:
        return part_name(self._order, self._found, stretch, recipe)


def joined(parts: Sequence[Finished]) -> Finished:
    """What is known of a rendition that consists of these."""
    return replace(
        parts[0],
        frames=sum(one.frames or 0 for one in parts),
        length_seconds=sum(one.length_seconds for one in parts),
        size_bytes=sum(one.size_bytes for one in parts),
        seconds=round(sum(one.seconds for one in parts), 3),
        cpu_seconds=_whole([one.cpu_seconds for one in parts]),
    )


def _whole(seconds: Sequence[float | None]) -> float | None:
    """The sum; None if one was not counted."""
    known = [one for one in seconds if one is not None]
    return round(sum(known), 3) if len(known) == len(seconds) else None
