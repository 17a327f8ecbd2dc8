"""On which rungs AV1's grain synthesis pays, and how strong it is. Pure.

What SVT-AV1 takes out of the picture before it encodes, the decoder draws again from a few numbers a frame (AV1
specification §7.18.3; A. Norkin and N. Birkbeck, "Film Grain Synthesis for AV1 Video Codec", DCC 2018). The numbers
cost bits, and what takes out grain takes fine detail with it: where there is little grain, or CRF keeps none of it,
there is more to lose than to save.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import mean

from matinee.ladder.codecs import mapped_crf
from matinee.ladder.recipes import Recipe
from matinee.model.media import Codec, Rung, VideoRange

LEAST_SAVING = 0.10
"""Of the bits at the same CRF; below it, grain stays in the picture."""

LEAST_LINES = 360
"""Smaller pictures are shown enlarged, and grain that is drawn on them would be as large as coins."""

LEVEL_PER_NOISE = 4.0
"""SVT-AV1's level for a deviation of one of 255: detail that is lost to it costs 2.4 VMAF at most."""

_HIGHEST_LEVEL = 50
# The part of its bits that it saves at the same CRF, by noise and by AV1's CRF: the least of three clips under noise,
# which ``benchmarks/film_grain.py`` measures.
_CRFS = (22.0, 26.0, 32.0, 38.0, 46.0)
_SAVED = {
    1.6: (0.07, 0.04, 0.02, -0.07, -0.23),
    2.2: (0.14, 0.07, 0.03, 0.00, -0.21),
    3.5: (0.53, 0.32, 0.12, 0.07, -0.09),
    4.7: (0.70, 0.67, 0.31, 0.12, 0.05),
    7.2: (0.58, 0.71, 0.75, 0.44, 0.15),
    9.6: (0.39, 0.52, 0.75, 0.74, 0.21),
}


def saving(noise: float, crf: float) -> float:
    """The part of a rung's bits that grain synthesis saves at AV1's CRF, for noise of this deviation, of 255.

    What was measured, straight between points; beyond them, as at the last of them, and below all noise nothing.
    """
    strengths = sorted(_SAVED)
    if noise < strengths[0]:
        return 0.0
    by_strength = [_between(_CRFS, _SAVED[strength], crf) for strength in strengths]
    return _between(strengths, by_strength, noise)


def grain_level(rung: Rung, noise: float, crf: float) -> int:
    """SVT-AV1's ``film-grain`` for a rung at AV1's CRF, from 1 to 50; 0 where it does not pay.

    High dynamic range has none: nothing was measured there.
    """
    if rung.codec is not Codec.AV1 or rung.video_range is not VideoRange.SDR:
        return 0
    if min(rung.width, rung.height) < LEAST_LINES or saving(noise, crf) < LEAST_SAVING:
        return 0
    return min(max(round(noise * LEVEL_PER_NOISE), 1), _HIGHEST_LEVEL)


def may_have_grain(recipes: Sequence[Recipe]) -> tuple[Rung, ...]:
    """The rungs for which it is worth while to look for noise: those that get grain if there is much of it."""
    loud = max(_SAVED)
    return tuple(one.rung for one in recipes if grain_level(one.rung, loud, rung_crf(one)))


def with_grain(recipes: Sequence[Recipe], noise: Mapping[str, float]) -> tuple[Recipe, ...]:
    """The same recipes, with grain where it pays; ``noise`` by rung's name, none where nothing was measured.

    One level for the whole rung: whether there is grain stands in the sequence header, which all chunks share.
    """

    def grained(recipe: Recipe) -> Recipe:
        level = grain_level(recipe.rung, noise.get(recipe.rung.name, 0.0), rung_crf(recipe))
        return replace(recipe, rung=replace(recipe.rung, grain=level)) if level else recipe

    return tuple(map(grained, recipes))


def rung_crf(recipe: Recipe) -> float:
    """AV1's CRF of a rung on the whole: of the mean of its shots."""
    return mapped_crf(Codec.AV1, mean(recipe.crfs))


def _between(places: Sequence[float], values: Sequence[float], at: float) -> float:
    at = min(max(at, places[0]), places[-1])
    here = min(bisect_right(places, at), len(places) - 1) - 1
    if here < 0:
        return values[0]
    (left, right), (low, high) = places[here : here + 2], values[here : here + 2]
    return low + (high - low) * (at - left) / (right - left)
