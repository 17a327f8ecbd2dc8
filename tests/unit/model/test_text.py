import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.model.errors import Invalid
from matinee.model.text import line, paragraphs, printable


def test_both_spellings_of_an_accented_letter_become_one() -> None:
    assert line("A name", " Ame\u0301lie ", 40) == line("A name", "Am\u00e9lie", 40) == "Am\u00e9lie"


@pytest.mark.parametrize("text", ["", "  ", "\u200b", "a\x00b", "a\nb", "a\ud800b", "a\u2028b", "x" * 41])
def test_a_name_that_would_break_a_list_is_refused_with_what_it_is(text: str) -> None:
    with pytest.raises(Invalid, match=r"^A name "):
        line("A name", text, 40)


def test_letters_of_any_script_and_joined_emoji_are_names() -> None:
    for text in ("羅生門", "Οδύσσεια", "👩‍👩‍👧", "मदर इंडिया"):
        assert line("A name", text, 40) == text


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800", "x\ty", "x" * 101])
def test_paragraphs_are_checked_as_well(text: str) -> None:
    with pytest.raises(Invalid, match=r"^A synopsis "):
        paragraphs("A synopsis", text, 100)


def test_paragraphs_may_be_none_and_keep_their_empty_lines() -> None:
    assert not paragraphs("A synopsis", "", 100)
    assert paragraphs("A synopsis", " One.\r\n\r\nTwo. \n", 100) == "One.\n\nTwo."


@pytest.mark.parametrize("letter", ["\x1b", "\n", "\ud800", "\u202e", "\u2028", "\ue000"])
def test_what_a_terminal_should_not_be_given_is_marked(letter: str) -> None:
    assert printable(f"a{letter}b") == "a\ufffdb"


def test_what_can_be_printed_stays() -> None:
    for text in ("羅生門", "👩\u200d👩\u200d👧", "नमस्\u200dते"):
        assert printable(text) == text


@given(st.text(max_size=60))
def test_what_passed_once_passes_again_unchanged(text: str) -> None:
    try:
        once = line("A name", text, 40)
    except Invalid:
        return
    assert line("A name", once, 40) == once
    assert once.encode().decode() == once
