import colorsys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from matinee.drawing.colours import telling_colour


def _parts(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return red, green, blue


def _luminance(colour: str) -> float:
    red, green, blue = (x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in _parts(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(("paint", "hue"), [("#b01020", 0.0), ("#0a5262", 0.53), ("#21b58a", 0.45), ("#3a2a7a", 0.7)])
def test_a_picture_of_one_colour_is_remembered_by_its_hue(paint: str, hue: float) -> None:
    found = colorsys.rgb_to_hsv(*_parts(telling_colour(Image.new("RGB", (60, 90), paint))))
    assert min(abs(found[0] - hue), 1 - abs(found[0] - hue)) < 0.06
    assert found[1] > 0.2


def test_a_vivid_sun_outweighs_a_dull_sky() -> None:
    picture = Image.new("RGB", (60, 90), "#30323a")
    picture.paste("#f08030", (20, 20, 36, 36))
    red, green, blue = _parts(telling_colour(picture))
    assert red > green > blue
    assert red - blue > 0.3


@pytest.mark.parametrize("grey", ["#000000", "#777777", "#ffffff"])
def test_a_picture_without_colour_gives_a_quiet_light_grey(grey: str) -> None:
    parts = _parts(telling_colour(Image.new("RGB", (60, 90), grey)))
    assert max(parts) - min(parts) < 0.08
    assert min(parts) > 0.4


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_every_colour_reads_on_the_dark_ground(paint: tuple[int, int, int]) -> None:
    ground = _luminance("#12100e")
    found = _luminance(telling_colour(Image.new("RGB", (8, 8), paint)))
    # WCAG 2.2 §1.4.3: contrast of large text.
    assert (found + 0.05) / (ground + 0.05) >= 4.5
