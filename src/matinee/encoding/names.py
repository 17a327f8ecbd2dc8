"""What files in a depot are called: all that decides their content is in their names. Pure."""

import hashlib
from collections.abc import Sequence
from typing import Any

from matinee.commands.encoders import encoder_words
from matinee.commands.stretches import Stretch
from matinee.encoding.orders import Order
from matinee.encoding.survey import Surveyed
from matinee.inspection.inspection import Film
from matinee.ladder.recipes import Recipe
from matinee.model.media import Rung

_RECIPE = 3  # counts changes of the commands that make other renditions of the same source


def part_name(order: Order, found: Surveyed, stretch: Stretch, recipe: Recipe) -> str:
    """A stretch of a rung; the recipe is that of the stretch."""
    film = found.film
    source = (order.source.identity, found.copy, film.source.video.index)
    shown = (film.picture, film.shown_rate, film.is_steady)
    words = encoder_words(recipe, stretch, order.preset)
    return _named(f"{recipe.rung.name}-{stretch.number:05}", (source, *words, *shown, stretch, recipe))


def whole_name(order: Order, film: Film, name: str, content: Any, ending: str = "mp4") -> str:
    """What is made in one piece for the whole film: a sound, a text."""
    return _named(name, (order.source.identity, film.shift_seconds, film.length_seconds, content), ending)


def measured_name(encoded: str, stretch: Stretch, every: int) -> str:
    """How a file looks, over a stretch of it, every so many frames."""
    return _named(f"quality-{stretch.number:05}", (encoded, stretch, every), "list")


def grain_name(order: Order, found: Surveyed, glimpses: Sequence[Stretch], rungs: Sequence[Rung]) -> str:
    """How noisy a film is at the size of each rung."""
    film = found.film
    source = (order.source.identity, found.copy, film.source.video.index, film.picture)
    return _named("grain", (source, tuple(glimpses), tuple(rungs)), "list")


def _named(name: str, words: tuple[Any, ...], ending: str = "mp4") -> str:
    return f"{name}-{hashlib.sha256(repr((_RECIPE, *words)).encode()).hexdigest()[:16]}.{ending}"
