"""The picture's renditions in parts: every stretch of every rung, what is there of them, and what is left to make.

All rungs of a codec come out of one decode of a stretch; but the best rung of a chosen ladder comes first, and says how
to encode the others. Its parts are verified before they count, and encoded again where they came out otherwise.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from matinee.commands.needs import video_needs
from matinee.commands.stretches import Stretch
from matinee.encoding import steps
from matinee.encoding.analysis import Analysing
from matinee.encoding.depot import Finished
from matinee.encoding.names import part_name
from matinee.encoding.orders import Order
from matinee.encoding.running import Piece
from matinee.encoding.survey import Surveyed
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
        self._best_done: set[int] = set()
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
        return self._left([one for one in self.recipes if looked is None or looked.verifies(one.rung.name)])

    def _others(self) -> list[Piece]:
        """What is left to do once the best rung is made, and the others were chosen by it."""
        analysing = self._analysing
        if analysing is None:
            return []
        self._plan(self._desk.complete(analysing.recipes))
        return self._left([recipe for recipe in self.recipes if not analysing.verifies(recipe.rung.name)])

    def _left(self, recipes: Sequence[Recipe]) -> list[Piece]:
        """What is left to do of these."""
        names = [recipe.rung.name for recipe in recipes]
        there = self._desk.find_all([file for (name, _), file in self._files.items() if name in names])
        whole = [name for name in names if all(self._files[name, one.number] in there for one in self._stretches)]
        self.reused += whole
        work: list[Piece] = []
        for group in groups(recipes):
            for stretch in self._stretches:
                keys = [(recipe.rung.name, stretch.number) for recipe in group]
                work += self._made(stretch, [there[self._files[key]] for key in keys if self._files[key] in there])
                left = [key for key in keys if self._files[key] not in there]
                if left:
                    wanted = tuple(self._parts[key] for key in left)
                    work.append(self._piece(stretch, wanted, tuple(self._files[key] for key in left), self._made))
        return work

    def _made(self, stretch: Stretch, finished: Sequence[Finished]) -> list[Piece]:
        """Parts that are there; those of the best rung are looked at."""
        more: list[Piece] = []
        for one in finished:
            if self._analysing is None or not self._analysing.verifies(one.name):
                self._desk.tell(one, stretch.number)
            else:
                recipe = self._parts[one.name, stretch.number]
                more.append(self._analysing.verification(stretch, recipe, one, self._verified, self._desk.turn))
        return more

    def _verified(self, stretch: Stretch, recipe: Recipe, one: Finished) -> list[Piece]:
        """Go on with a part of the best rung that was looked at; the recipe may be another one by now."""
        kept: Finished | None = one
        if recipe != self._parts[one.name, stretch.number]:
            kept = self._desk.find(self._file(stretch, recipe))
        if kept is None:
            return [self._piece(stretch, (recipe,), (self._file(stretch, recipe),), self._final)]
        return self._final(stretch, (kept,))

    def _final(self, stretch: Stretch, finished: Sequence[Finished]) -> list[Piece]:
        """Parts of the best rung that are as they shall be; with the last of them the others are chosen."""
        for one in finished:
            self._desk.tell(one, stretch.number)
        self._best_done.add(stretch.number)
        if self._analysing is None or len(self._best_done) < len(self._stretches):
            return []
        return [self._analysing.choice_again(self._desk.turn, self._others)]

    def _piece(
        self,
        stretch: Stretch,
        recipes: tuple[Recipe, ...],
        files: tuple[str, ...],
        made: Callable[[Stretch, Sequence[Finished]], list[Piece]],
    ) -> Piece:
        names, count = ", ".join(recipe.rung.name for recipe in recipes), len(self._stretches)
        what = f"encoding to {names}, part {stretch.number + 1} of {count}"
        needs = video_needs(self._found.film, [recipe.rung for recipe in recipes], alone=count == 1)
        arguments = (self._found.film, self._found.copy, stretch, recipes, files, self._order.preset)

        def done(finished: Sequence[Finished]) -> list[Piece]:
            more = made(stretch, finished)
            self._desk.advanced()
            return more

        # A film is whole in the codec that everything plays before any is better in another.
        codecs = list(dict.fromkeys(recipe.rung.codec for recipe in self.recipes))
        turn = self._desk.turn + codecs.index(recipes[0].rung.codec)
        task = self._desk.task(what, turn, needs, steps.encode_stretch, *arguments)
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
