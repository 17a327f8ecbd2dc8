import time
from functools import cache

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from matinee.catalogue.search import Index, distance, errors_allowed, find, fold, index

NAMES = (
    "The Lighthouse",
    "Amélie",
    "Light Sleeper",
    "Spider-Man: No Way Home",
    "Lumière d'été",
    "羅生門",
    "Ocean's Eleven",
    "The Green Fractal",
    "Highlights",
    "Fast & Furious",
    "Smørrebrød",
    "Light",
)
FILMS = index((name, name) for name in NAMES)

_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
_word = st.text("abcdxyz", min_size=1, max_size=10)
_names = st.lists(st.lists(_word, min_size=1, max_size=3).map(" ".join), min_size=1, max_size=8)


def named(names: list[str]) -> Index:
    return index((str(place), name) for place, name in enumerate(names))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("amelie", ["Amélie"]),
        ("AMÉL", ["Amélie"]),
        ("spiderman", ["Spider-Man: No Way Home"]),
        ("home way", ["Spider-Man: No Way Home"]),
        ("ete", ["Lumière d'été"]),
        ("生門", ["羅生門"]),
        ("oceans", ["Ocean's Eleven"]),
        ("ocean\u2019s", ["Ocean's Eleven"]),
        ("fast and", ["Fast & Furious"]),
        ("smorrebrod", ["Smørrebrød"]),
        ("grean fractl", ["The Green Fractal"]),
        ("lihgthouse", ["The Lighthouse"]),
        ("zzzz", []),
        ("", []),
        ("?!", []),
    ],
)
def test_titles_are_found_as_people_type(query: str, found: list[str]) -> None:
    assert find(FILMS, query) == found


def test_the_name_itself_comes_before_its_beginning_before_a_later_word_before_letters_inside() -> None:
    assert find(FILMS, "light") == ["Light", "Light Sleeper", "The Lighthouse", "Highlights"]


def test_equals_stand_in_the_order_of_the_shelf() -> None:
    assert find(named(["red tree", "red house", "red boat"]), "red") == ["0", "1", "2"]


@given(_text)
def test_folding_what_is_folded_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(_text)
def test_case_does_not_matter(text: str) -> None:
    assert fold(text.upper().lower()) == fold(text.upper())


@given(_names, st.data())
def test_every_title_is_found_by_the_beginnings_of_its_words_in_any_order(
    names: list[str], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(names) - 1))
    words = [word[: data.draw(st.integers(1, len(word)))] for word in names[place].split()]
    assert str(place) in find(named(names), " ".join(data.draw(st.permutations(words))))


@given(_names, st.data())
def test_a_whole_name_is_found_first(names: list[str], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(names))
    assert names[int(find(named(names), name)[0])] == name


@given(_names, st.data())
def test_one_slip_in_a_longer_word_still_finds_it_where_nothing_else_fits(
    names: list[str], data: st.DataObject
) -> None:
    word = data.draw(st.text("abcdxyz", min_size=4, max_size=12))
    place = data.draw(st.integers(1, len(word) - 1))
    slip = data.draw(st.sampled_from(["change", "leave out", "add", "swap"]))
    match slip:
        case "change":
            typed = f"{word[:place]}q{word[place + 1 :]}"
        case "leave out":
            typed = word[:place] + word[place + 1 :]
            assume(len(typed) >= 4)
        case "add":
            typed = f"{word[:place]}q{word[place:]}"
        case _:
            typed = word[: place - 1] + word[place] + word[place - 1] + word[place + 1 :]
    found = find(named([*names, word]), typed)
    assert found
    exact = [entry for entry in found if fold(typed).replace(" ", "") in [*names, word][int(entry)].replace(" ", "")]
    prefixed = [entry for entry in found if any(part.startswith(typed) for part in [*names, word][int(entry)].split())]
    assert exact or prefixed or str(len(names)) in found


@given(st.text("abc", max_size=8), st.text("abc", max_size=8), st.integers(0, 8))
def test_the_distance_is_the_smallest_over_all_beginnings_of_the_word(typed: str, word: str, most: int) -> None:
    smallest = min(_alignment(typed, word[:length]) for length in range(len(word) + 1))
    measured = distance(typed, word, most)
    assert measured == smallest or min(measured, smallest) > most


@cache
def _alignment(first: str, second: str) -> int:
    """Optimal string alignment as the textbook writes it."""
    if not first or not second:
        return len(first) + len(second)
    costs = [
        _alignment(first[:-1], second) + 1,
        _alignment(first, second[:-1]) + 1,
        _alignment(first[:-1], second[:-1]) + (first[-1] != second[-1]),
    ]
    if len(first) > 1 and len(second) > 1 and first[-1] == second[-2] and first[-2] == second[-1]:
        costs.append(_alignment(first[:-2], second[:-2]) + 1)
    return min(costs)


@given(st.text("ab", min_size=4, max_size=10), st.text("ab", min_size=4, max_size=10))
@example("abcd", "acbd")  # one swap leaves one pair of four
@example("abcdefgh", "acbdegfh")  # two leave two of eight
def test_counting_pairs_first_loses_no_near_word(typed: str, word: str) -> None:
    near = distance(typed, word, 9) <= errors_allowed(typed)
    assert (find(named([word]), typed) == ["0"]) == (near or typed in word)


def test_a_thousand_titles_are_searched_in_less_than_ten_milliseconds() -> None:
    words = ("amber", "birch", "cedar", "delta", "ember", "falcon", "garden", "harbour", "island", "juniper", "lantern")
    names = named([f"{words[i % 11]}{i % 37} {words[i // 11 % 11]} {words[i // 121 % 11]}x{i}" for i in range(1000)])
    taken = []
    for query in ("a", "lan", "harbour isl", "juinper", "falkon lantenr", "nothing here", "x99") * 10:
        started = time.thread_time()
        find(names, query)
        taken.append(time.thread_time() - started)
    assert sorted(taken)[int(len(taken) * 0.95)] < 0.010
