"""Further pictures of a film are good ones, and clearly others."""

from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from matinee.drawing.frames import different, distance


def _frame(folder: Path, name: str, *colours: str) -> Path:
    """A frame of upright stripes."""
    picture = Image.new("RGB", (320, 180))
    width = 320 // len(colours)
    for place, colour in enumerate(colours):
        picture.paste(colour, (place * width, 0, (place + 1) * width, 180))
    path = folder / f"{name}.png"
    picture.save(path)
    return path


def test_the_farthest_comes_first_and_what_looks_alike_not_at_all(tmp_path: Path) -> None:
    taken = _frame(tmp_path, "taken", "#e02020", "#202020")
    panned = _frame(tmp_path, "panned", "#202020", "#e02020")
    half = _frame(tmp_path, "half", "#e02020", "#20e020")
    whole = _frame(tmp_path, "whole", "#2020e0", "#e0e0e0")
    again = _frame(tmp_path, "again", "#e0e0e0", "#2020e0")
    assert different([panned, half, whole, again], taken, 3) == [whole, half]
    assert different([panned, half, whole], taken, 1) == [whole]


def test_black_white_and_flat_frames_are_no_pictures(tmp_path: Path) -> None:
    taken = _frame(tmp_path, "taken", "#e02020", "#202020")
    frames = [_frame(tmp_path, name, colour) for name, colour in (("b", "#000"), ("w", "#fff"), ("g", "#777"))]
    assert different(frames, taken, 3) == []


@given(one=st.lists(st.integers(0, 63), max_size=30), other=st.lists(st.integers(0, 63), max_size=30))
def test_a_distance_goes_both_ways_and_is_nothing_from_itself(one: list[int], other: list[int]) -> None:
    first, second = Counter(one), Counter(other)
    assert distance(first, second) == distance(second, first)
    assert 0 <= distance(first, second) <= 1
    assert not one or distance(first, first) == 0
