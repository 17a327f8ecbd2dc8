"""Titles by number: what is kept of many profiles names a title by four bytes at most, not by its id."""

from collections.abc import Iterable


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

    def known_of(self, title_ids: Iterable[str]) -> list[int]:
        """The numbers of those that have one, in their order."""
        found = map(self._numbers.get, title_ids)
        return [number for number in found if number is not None]

    def numbers(self, title_ids: Iterable[str]) -> list[int]:
        """Every title's number, given to it now if it has none."""
        get = self._numbers.get
        found = [(title_id, get(title_id)) for title_id in title_ids]
        return [self.number(title_id) if number is None else number for title_id, number in found]
