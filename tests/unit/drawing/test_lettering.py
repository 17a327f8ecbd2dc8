from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from matinee.drawing.lettering import PAPER, balanced, cleaned, fitted, title_card, write

_NAMES = (
    "First Light",
    "Dr. Strangelove or: How I Learned to Stop Worrying and Love the Bomb",
    "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz",
    "Вишнёвый сад",
    "七人の侍",
    "فيلم طويل",
    "🎬🎬",
    "x" * 255,
    "a\x00b\udcffc",
    "",
)

letters: Callable[[str], float] = len


@given(st.lists(st.text("abcdefgh", min_size=1, max_size=12), max_size=14), st.integers(12, 40))
def test_balanced_lines_keep_every_word_in_order_within_the_width(words: list[str], widest: int) -> None:
    lines = balanced(words, widest, letters)
    assert " ".join(lines).split() == words
    assert all(len(line) <= widest for line in lines)


@given(st.lists(st.text("abc", min_size=1, max_size=8), min_size=1, max_size=10))
def test_balancing_takes_no_more_lines_than_filling_them_would(words: list[str]) -> None:
    filled, line = 1, 0
    for word in words:
        if line and line + 1 + len(word) > 16:
            filled, line = filled + 1, 0
        line += len(word) + (1 if line else 0)
    assert len(balanced(words, 16, letters)) == filled


def test_lines_are_even_rather_than_full() -> None:
    assert balanced(["the", "loom", "of", "the", "long", "night"], 22, letters) == ["the loom of", "the long night"]


@pytest.mark.parametrize("name", _NAMES)
def test_any_name_fits_its_box(name: str) -> None:
    block = fitted(name, None, 400, 300, (90, 24))
    picture = Image.new("RGB", (500, 420))
    write(picture, block, (50, 60), PAPER)
    box = picture.getbbox()
    assert block.height <= 300
    if box is not None:
        # Swashes and accents may lean out a little.
        assert box[0] >= 30
        assert box[2] <= 470
        assert box[1] >= 30
        assert box[3] <= 390


def test_a_short_name_is_set_large_and_a_long_one_smaller() -> None:
    assert fitted("Colony", None, 500, 400, (96, 30)).size == 96
    assert 30 <= fitted(" ".join(["Colony"] * 30), None, 500, 400, (96, 30)).size < 60


def test_a_name_too_long_for_any_size_ends_in_an_ellipsis() -> None:
    block = fitted("word " * 55, None, 200, 60, (60, 24))
    assert len(block.lines) == 2
    assert block.lines[-1].endswith("…")


def test_letters_no_font_has_are_left_out_and_the_others_stay() -> None:
    assert fitted("\U000f0000Party\U0010fffd", None, 400, 200, (60, 20)).lines == ("Party",)


def test_a_name_loses_controls_and_keeps_its_accents() -> None:
    assert cleaned("  A\x00me\u0301lie\n\t2 \udc80") == "Amélie 2"


def test_a_title_card_is_clear_at_its_rim_and_written_in_its_middle(tmp_path: Path) -> None:
    path = tmp_path / "card.png"
    title_card("The Slow Tide", 2018, None, path)
    with Image.open(path) as card:
        assert card.mode == "RGBA"
        alpha = card.getchannel("A")
        assert alpha.getextrema()[1] == 255
        assert alpha.getpixel((0, 0)) == 0
        assert card.width <= 1280
        assert card.height <= 720
