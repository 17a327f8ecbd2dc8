"""What nobody has watched yet: likeness of text, genres and tags.

An item's words (its name's, its genres', its tags') weigh their rarity, TF-IDF as in Salton and Buckley (1988):
(1 + log tf) log((1 + N) / (1 + df)), each item's vector of length 1. Genres count twice, being chosen words. A history
is the decayed sum of its items' vectors; the score is the cosine with it.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from matinee.learning.datasets import About
from matinee.learning.histories import Floats, Histories, Queries
from matinee.learning.models import Link, loudest

_WORD = re.compile(r"[^\W\d_]{3,}")
_CHOSEN = 2  # how much a genre counts beside a word


@dataclass(frozen=True, slots=True)
class Content:
    """Likeness to the items of a history; learns nothing from histories but which items there are."""

    about: tuple[About, ...]
    recall: float = 0.9
    name: str = "content"

    def fit(self, histories: Histories) -> "FittedContent":
        """Weigh the words."""
        del histories
        return FittedContent(word_vectors(self.about), self.recall)


def word_vectors(about: Sequence[About]) -> sp.csr_matrix:
    """Items by words, each row of length 1 (or 0 where nothing is said)."""
    said = [_words(one) for one in about]
    numbers = {word: place for place, word in enumerate(sorted({word for words in said for word in words}))}
    often = Counter(word for words in said for word in words)
    rows = np.repeat(np.arange(len(said)), [len(words) for words in said])
    columns = np.array([numbers[word] for words in said for word in words], np.int64)
    weights = np.array(
        [
            (1 + np.log(count)) * np.log((1 + len(said)) / (1 + often[word]))
            for words in said
            for word, count in words.items()
        ],
        np.float32,
    )
    found = sp.csr_matrix((weights, (rows, columns)), shape=(len(said), max(len(numbers), 1)))
    length = np.sqrt(np.asarray(found.multiply(found).sum(axis=1)).ravel())
    return sp.csr_matrix(sp.diags(1 / np.maximum(length, 1e-9)) @ found)


def _words(about: About) -> Counter[str]:
    told = Counter(word for text in (about.name, *about.tags) for word in _WORD.findall(text.lower()))
    for genre in about.genres:
        told[f"genre {genre.lower()}"] += _CHOSEN
    return told


@dataclass(frozen=True, slots=True, eq=False)
class FittedContent:
    """Items by words."""

    vectors: sp.csr_matrix
    recall: float

    def scores(self, queries: Queries) -> Floats:
        """Cosine with the decayed history."""
        histories = queries.histories
        taste = histories.matrix(histories.recency(self.recall)) @ self.vectors
        length = np.sqrt(np.asarray(taste.multiply(taste).sum(axis=1)).ravel())
        liked = (taste @ self.vectors.T).toarray()
        return np.asarray(liked / np.maximum(length, 1e-9)[:, None], np.float32)

    def why(self, query: Queries, item: int) -> tuple[Link, ...]:
        """The watched items whose words are most like its."""
        histories = query.histories
        like = np.asarray((self.vectors[histories.items] @ self.vectors[item].T).todense()).ravel()
        return loudest(histories.items, histories.recency(self.recall) * like.astype(np.float32))
