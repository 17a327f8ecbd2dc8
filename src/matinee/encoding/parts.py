"""The picture's renditions in parts: every stretch of every rung, what is there of them, and what is left to make.

All rungs of a codec come out of one decode of a stretch. A part of the best rung is verified before it counts, and
encoded once more where it came out otherwise than foretold.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from matinee.commands.stretches import Stretch
from matinee.encoding import steps
from matinee.encoding.analysis import Analysing
from matinee.encoding.depot import Finished
from matinee.encoding.names import part_name
from matinee.encoding.needs import video_needs
from matinee.encoding.orders import Order
from matinee.encoding.running import Piece
from matinee.encoding.survey import Surveyed
from matinee.ladder.recipes import Recipe, groups
from matinee.ports import Task


@dataclass(frozen=True, slots=True)
class Desk:
    """What parts are made with. ``task`` makes tasks of the order: from words, a turn, needs, a function, arguments.

    ``find`` looks into the depot, ``tell`` hears of each part that is there and its number, ``advanced`` of something
    newly made.
    """

    task: Callable[..., Task]
    find: Callable[[str], Finished | None]
    tell: Callable[[Finished, int], None]
    advanced: Callable[[], None]
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
        self._recipes = recipes
        self._stretches = stretches
        self._analysing = analysing
        self._desk = desk
        firsts = [0, *accumulate(len(stretch.starts) for stretch in stretches)]
        self._parts = {
            (recipe.rung.name, stretch.number): recipe.part(firsts[stretch.number], len(stretch.starts))
            for recipe in recipes
            for stretch in stretches
        }
        self._files = {key: self._file(stretches[key[1]], recipe) for key, recipe in self._parts.items()}

    @property
    def files(self) -> Iterable[str]:
        """What they are called in the depot."""
        return self._files.values()

    def whole(self, there: Mapping[str, Finished]) -> list[str]:
        """The rungs of which all parts are there."""
        names = [recipe.rung.name for recipe in self._recipes]
        return [name for name in names if all(self._files[name, one.number] in there for one in self._stretches)]

    def pieces(self, there: Mapping[str, Finished]) -> list[Piece]:
        """What is left to do where so much is there already."""
        work: list[Piece] = []
        for group in groups(self._recipes):
            for stretch in self._stretches:
                keys = [(recipe.rung.name, stretch.number) for recipe in group]
                work += self._made(stretch, [there[self._files[key]] for key in keys if self._files[key] in there])
                left = [key for key in keys if self._files[key] not in there]
                if left:
                    recipes = tuple(self._parts[key] for key in left)
                    work.append(self._piece(stretch, recipes, tuple(self._files[key] for key in left), self._made))
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
        for one in finished:
            self._desk.tell(one, stretch.number)
        return []

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
        codecs = list(dict.fromkeys(recipe.rung.codec for recipe in self._recipes))
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
