"""How a rung is encoded: with which CRF each shot of the film. Pure.

A shot is one segment of the grid that all rungs share: no finer choice can be made, for players switch there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from matinee.ladder.rungs import ChosenRung
from matinee.model.media import Ladder, Rung


@dataclass(frozen=True, slots=True)
class Recipe:
    """A rung, and the CRF of each shot of the film or of a part of it."""

    rung: Rung
    crfs: tuple[float, ...]

    def part(self, first: int, shots: int) -> "Recipe":
        """The same of so many shots from one on."""
        return replace(self, crfs=self.crfs[first : first + shots])


def groups(recipes: Sequence[Recipe]) -> tuple[tuple[Recipe, ...], ...]:
    """Which rungs one run of FFmpeg makes of a stretch out of one decode, in order of making: a codec's."""
    codecs = dict.fromkeys(recipe.rung.codec for recipe in recipes)
    return tuple(tuple(recipe for recipe in recipes if recipe.rung.codec is codec) for codec in codecs)


def fixed_recipes(ladder: Ladder, crf: float, shots: int) -> tuple[Recipe, ...]:
    """One CRF for everything."""
    return tuple(Recipe(rung, (crf,) * shots) for rung in ladder.rungs)


def chosen_recipes(chosen: Sequence[ChosenRung]) -> tuple[Recipe, ...]:
    """A CRF for each shot, as it was chosen."""
    return tuple(Recipe(one.rung, one.crfs) for one in chosen)


def part_of(chosen: ChosenRung, first: int, shots: int) -> ChosenRung:
    """What was chosen for so many shots from one on."""
    shown = slice(first, first + shots)
    return replace(
        chosen, crfs=chosen.crfs[shown], shot_vmaf=chosen.shot_vmaf[shown], shot_bits=chosen.shot_bits[shown]
    )
