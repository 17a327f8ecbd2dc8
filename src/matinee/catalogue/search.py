"""Finds titles by name, as people type: any case, no accents, beginnings of words, and with typing errors at last.

In memory and pure, because SQLite's and PostgreSQL's own searches answer differently and the shelf is in memory anyway.
Better matches come first, in four tiers: the name or its beginning; a beginning of a word for every word typed; the
letters anywhere, spaces aside; and, only where none of these finds anything, words that differ by a letter or two.
"""

import unicodedata
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

_LONGEST_QUERY = 100
_MOST_WORDS = 8
_PREFIX_END = "\U0010ffff"

# What Unicode does not take apart into a letter and its accent, and signs that are said as words or not at all.
_LETTERS = str.maketrans(
    {
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "ħ": "h",
        "\N{LATIN SMALL LETTER DOTLESS I}": "i",
        "æ": "ae",
        "œ": "oe",
        "þ": "th",
        "&": " and ",
        "'": None,
        "\N{RIGHT SINGLE QUOTATION MARK}": None,
        "\N{MODIFIER LETTER APOSTROPHE}": None,
    }
)


@dataclass(frozen=True, slots=True)
class Index:
    """Names made ready to be searched. ``vocabulary`` is sorted; ``holders`` gives the places of names with a word."""

    ids: tuple[str, ...]
    names: tuple[str, ...]
    squeezed: tuple[str, ...]
    vocabulary: tuple[str, ...]
    holders: Mapping[str, frozenset[int]]
    pairs: Mapping[str, tuple[str, ...]]


def fold(text: str) -> str:
    """The text as it is compared: lower case without accents, words of letters and digits with single spaces."""
    for _ in range(2):  # taking apart and lowering each bring forth what the other changes (Unicode §3.13, D147)
        text = unicodedata.normalize("NFKD", text).casefold().translate(_LETTERS)
    kept = "".join(letter if _in_word(letter) else " " for letter in text if not unicodedata.combining(letter))
    return " ".join(kept.split())


def index(names: Iterable[tuple[str, str]]) -> Index:
    """An index of ``(id, name)``, which answers equal matches in this order."""
    entries = [(title_id, fold(name)) for title_id, name in names]
    holders: dict[str, set[int]] = defaultdict(set)
    for place, (_, name) in enumerate(entries):
        for word in name.split():
            holders[word].add(place)
    pairs: dict[str, list[str]] = defaultdict(list)
    for word in holders:
        for pair in _pairs(word):
            pairs[pair].append(word)
    return Index(
        ids=tuple(title_id for title_id, _ in entries),
        names=tuple(name for _, name in entries),
        squeezed=tuple(name.replace(" ", "") for _, name in entries),
        vocabulary=tuple(sorted(holders)),
        holders={word: frozenset(places) for word, places in holders.items()},
        pairs={pair: tuple(words) for pair, words in pairs.items()},
    )


def find(names: Index, query: str) -> list[str]:
    """The ids of the names that match, best first."""
    typed = fold(query[:_LONGEST_QUERY])
    words = typed.split()[:_MOST_WORDS]
    if not words:
        return []
    whole = frozenset.intersection(*(_holders(names, _beginning(names, word)) for word in words))
    ranked = {place: (_tier(names.names[place], typed), place) for place in whole}
    squeezed = typed.replace(" ", "")
    for place, name in enumerate(names.squeezed):
        if place not in ranked and squeezed in name:
            ranked[place] = (3, place)
    if not ranked:
        ranked = _nearly(names, words)
    return [names.ids[place] for place in sorted(ranked, key=lambda place: ranked[place])]


def errors_allowed(word: str) -> int:
    """How many typing errors a word may hold: none in short ones, where every word is near every other."""
    return 0 if len(word) < 4 else 1 if len(word) < 8 else 2  # noqa: PLR2004 - the table is the function


def distance(typed: str, word: str, most: int) -> int:
    """The fewest letters changed, left out, added or swapped with their neighbour until ``word`` begins with ``typed``.

    Beyond ``most`` it only says that it is more. Optimal string alignment, a column of the table at a time in the bits
    of an integer (Hyyrö, "A bit-vector algorithm for computing Levenshtein and Damerau edit distances", 2003): the
    table's last row holds the distances to every beginning of ``word``.
    """
    if not typed:
        return 0
    masks, top = _masks(typed), 1 << (len(typed) - 1)
    rises, falls, same, matched = (1 << len(typed)) - 1, 0, 0, 0
    score = best = len(typed)
    for left, letter in zip(range(len(word) - 1, -1, -1), word, strict=True):
        before, matched = matched, masks.get(letter, 0)
        swapped = ((~same & matched) << 1) & before
        same = (((matched & rises) + rises) ^ rises) | matched | falls | swapped
        grows, shrinks = falls | ~(same | rises), same & rises
        score += bool(grows & top) - bool(shrinks & top)
        best = min(best, score)
        if score - left > most:
            break
        grows = grows << 1 | 1
        rises, falls = (shrinks << 1) | ~(same | grows), grows & same
    return best


@lru_cache(maxsize=256)
def _masks(typed: str) -> Mapping[str, int]:
    """For each letter the places where it is typed, as bits."""
    return {letter: sum(1 << place for place, other in enumerate(typed) if other == letter) for letter in set(typed)}


def _tier(name: str, typed: str) -> int:
    return 0 if name == typed else 1 if name.startswith(typed) else 2


def _nearly(names: Index, words: list[str]) -> dict[int, tuple[int, int]]:
    found: dict[int, int] | None = None
    for word in words:
        errors = dict.fromkeys(_holders(names, _beginning(names, word)), 0)
        for near, count in _near(names, word):
            for place in names.holders[near]:
                errors[place] = min(count, errors.get(place, count))
        found = errors if found is None else {place: found[place] + errors[place] for place in found.keys() & errors}
    return {place: (4 + count, place) for place, count in (found or {}).items()}


def _near(names: Index, word: str) -> Iterable[tuple[str, int]]:
    allowed = errors_allowed(word)
    if not allowed:
        return
    wanted = _pairs(word)
    # One error spoils at most three pairs of neighbours: a word with fewer in common need not be measured.
    least = max(1, len(wanted) - 3 * allowed)
    shared = Counter(near for pair in wanted for near in names.pairs.get(pair, ()))
    for near, count in shared.items():
        if count >= least and len(near) >= len(word) - allowed:
            errors = distance(word, near[: len(word) + allowed], allowed)
            if errors <= allowed:
                yield near, errors


def _pairs(word: str) -> frozenset[str]:
    marked = f" {word}"
    return frozenset(marked[place : place + 2] for place in range(len(word)))


def _beginning(names: Index, start: str) -> tuple[str, ...]:
    low = bisect_left(names.vocabulary, start)
    return names.vocabulary[low : bisect_left(names.vocabulary, start + _PREFIX_END)]


def _holders(names: Index, words: Iterable[str]) -> frozenset[int]:
    return frozenset[int]().union(*(names.holders[word] for word in words))


def _in_word(letter: str) -> bool:
    return unicodedata.category(letter)[0] in "LNM"
