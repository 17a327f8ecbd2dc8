"""Recipes: a CRF a shot, cut into parts, and gathered by codec."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from matinee.ladder.fixed import fixed_ladder
from matinee.ladder.recipes import Recipe, chosen_recipes, fixed_recipes, groups, part_of
from matinee.ladder.rungs import ChosenRung

_LADDER = fixed_ladder(1280, 720, 24)


@given(st.lists(st.integers(min_value=1, max_value=9), min_size=1, max_size=6), st.data())
def test_parts_of_a_recipe_hold_every_shot_once(parts: list[int], data: st.DataObject) -> None:
    crfs = tuple(data.draw(st.floats(18, 42)) for _ in range(sum(parts)))
    recipe = Recipe(_LADDER.rungs[0], crfs)
    cut = [recipe.part(sum(parts[:place]), length) for place, length in enumerate(parts)]
    assert tuple(crf for one in cut for crf in one.crfs) == crfs
    assert [len(one.crfs) for one in cut] == parts


def test_the_fixed_ladder_has_one_crf_for_all_shots_of_all_rungs() -> None:
    recipes = fixed_recipes(_LADDER, 23.0, 3)
    assert [recipe.rung for recipe in recipes] == list(_LADDER.rungs)
    assert {recipe.crfs for recipe in recipes} == {(23.0, 23.0, 23.0)}
    assert groups(recipes) == (recipes,)


def test_what_was_chosen_is_cut_as_its_shots_are() -> None:
    rung = replace(_LADDER.rungs[0], name="240p-vmaf65")
    chosen = ChosenRung(rung, 65.0, (30.0, 31.0, 32.0), (64.0, 65.0, 66.0), (10.0, 11.0, 12.0), 65.0, 33.0)
    assert chosen_recipes([chosen]) == (Recipe(rung, (30.0, 31.0, 32.0)),)
    part = part_of(chosen, 1, 2)
    assert (part.crfs, part.shot_vmaf, part.shot_bits) == ((31.0, 32.0), (65.0, 66.0), (11.0, 12.0))
    assert part.rung == rung
