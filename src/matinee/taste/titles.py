"""Titles by number: what is kept of many profiles names a title by four bytes at most, not by its id."""

from collections.abc import Iterable
from typing import Any

import numpy as np

UNKNOWN = -1
"""The number of a title that nobody has heard of, where an array asks for one."""

Numbers = Any
"""An array of titles' numbers."""


class Titles:
    """Numbers in the order in which titles are first heard of. A number, once given, is never another title's."""

    def __init__(self, ids: Iterable[str] = ()) -> None:
        self.ids: list[str] = list(ids)
        self._numbers = {title_id: number for number, title_id in enumerate(self.ids)}

    def __len__(self) -> int:
        return len(self.ids)

    def number(self, title_id: str) -> int:
        """A title's number, given to it now if it has none."""
        number = self._numbers.get(title_id)
        if number is None:
            number = self._numbers[title_id] = len(self.ids)
            self.ids.append(title_id)
        return number

    def known(self, title_id: str) -> int | None:
        """A title's number; None if nobody has heard of it."""
        return self._numbers.get(title_id)

    def find(self, title_ids: Iterable[str]) -> Numbers:
        """The number of each title; ``UNKNOWN`` for what has none."""
        get = self._numbers.get
        return np.array([get(title_id, UNKNOWN) for title_id in title_ids], np.int64)

    def placed(self, numbers: Numbers) -> Numbers:
        """By number, the place of a title among some, given by theirs; ``UNKNOWN`` for what is none of them."""
        places = np.full(len(self.ids), UNKNOWN)
        known = np.flatnonzero(numbers >= 0)
        places[numbers[known]] = known
        return places

    def marked(self, title_ids: Iterable[str]) -> Any:
        """By number, whether a title is one of these."""
        marks = np.zeros(len(self.ids), bool)
        marks[self.known_of(title_ids)] = True
        return marks

    def known_of(self, title_ids: Iterable[str]) -> list[int]:
        """The numbers of those that have one, in their order."""
        found = map(self._numbers.get, title_ids)
        return [number for number in found if number is not None]

    def numbers(self, title_ids: Iterable[str]) -> list[int]:
        """Every title's number, given to it now if it has none."""
        get = self._numbers.get
        found = [(title_id, get(title_id)) for title_id in title_ids]
        return [self.number(title_id) if number is None else number for title_id, number in found]
