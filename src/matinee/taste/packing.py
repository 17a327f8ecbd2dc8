"""A profile's history as bytes: some thirty a play instead of three hundred, and nothing for the collector to visit.

A body is a head, the region's name, a row a play, a row a sign. All rows of plays of a body have one shape: for each
field the least way in which every play of this profile can be written without loss. Times and seconds are whole
milliseconds (``interactions`` takes them so), therefore four bytes do as a rule; what is not has its eight.

    head    <HHHHHHH  shape, plays, ratings, listed, chosen, passed (0xFFFF: no signs at all), bytes of the region
    play    title (2 or 4), marks (1), last_at (8), then what the shape says of the other fields
    sign    <IHd      title, value, time

Pure: bodies and values, nothing kept.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from struct import Struct, error
from typing import Any

from matinee.model.errors import Invalid
from matinee.taste.interactions import History, Play
from matinee.taste.signs import DOWN, LOVE, UP, Signs
from matinee.taste.titles import Titles

_HEAD = Struct("<HHHHHHH")
_SIGN = Struct("<IHd")
_UNSIGNED = 0xFFFF
_NEVER = float("-inf")
_RATINGS = (None, DOWN, UP, LOVE)
_LARGEST_NUMBER = 0xFFFF
_LARGEST_MILLISECONDS = 0xFFFFFFFF
_MOST_SITTINGS = 0xFFFF

# How a field is written: not at all (it is what it mostly is), whole seconds, milliseconds, or as the float it is.
_OMITTED, _SECONDS, _MILLISECONDS, _FLOAT = range(4)
_WIDTHS = ("", "H", "I", "d")
_FIELDS = 6
_WIDE = 1 << (2 * _FIELDS)
_DONE, _FINISHED, _UNPLACED, _UNCOUNTED = 1, 2, 4, 8


def pack(history: History, titles: Titles) -> bytes:
    """A history as a body; titles that have no number yet get one."""
    plays = list(history.plays.values())
    numbers = titles.numbers(history.plays)
    last = [play.last_at for play in plays]
    position = [play.position_seconds for play in plays]
    columns = [
        _spans(position, [0.0] * len(plays)),
        _spans([play.duration_seconds for play in plays], [0.0] * len(plays)),
        _spans([play.watched_seconds for play in plays], position),
        _spans([play.fresh_seconds for play in plays], [0.0] * len(plays)),
        _moments([play.position_at for play in plays], last),
        _moments([play.counted_at for play in plays], last),
    ]
    wide = bool(numbers) and max(numbers) > _LARGEST_NUMBER
    shape = sum(code << (2 * place) for place, (code, _) in enumerate(columns)) | (_WIDE if wide else 0)
    written = [values for code, values in columns if code]
    row = _row(shape).pack
    rows = [row(*values) for values in zip(numbers, map(_marks, plays), last, *written, strict=True)]
    region = (history.region or "").encode()
    signs = [_SIGN.pack(titles.number(title_id), value, at) for title_id, value, at in _signs(history.signs)]
    return b"".join([_HEAD.pack(shape, len(plays), *_counts(history.signs), len(region)), region, *rows, *signs])


def unpack(body: bytes, titles: Titles) -> History:
    """The history in a body. Invalid if it is none."""
    try:
        shape, count, rated, listed, chosen, passed, named = _HEAD.unpack_from(body)
        row, begin = _row(shape), _HEAD.size + named
        end = begin + count * row.size
        region = body[_HEAD.size : begin].decode() or None
        columns = list(zip(*row.iter_unpack(body[begin:end]), strict=True)) if count else []
        signs = list(_SIGN.iter_unpack(body[end:]))
        said = None if rated == _UNSIGNED else _unsigned(signs, (rated, listed, chosen, passed), titles)
        return History(region, _plays(shape, columns, titles) if count else {}, said)
    except (error, IndexError, ValueError) as fault:
        raise Invalid(f"It is no history: {fault}.") from fault


def size_of(body: bytes) -> int:
    """How many bytes a body has to have by its head. Invalid if it has no head."""
    try:
        shape, count, rated, listed, chosen, passed, named = _HEAD.unpack_from(body)
    except error as fault:
        raise Invalid(f"It is no history: {fault}.") from fault
    signs = 0 if rated == _UNSIGNED else rated + listed + chosen + passed
    size: int = _HEAD.size + named + count * _row(shape).size + signs * _SIGN.size
    return size


@lru_cache(4096)
def _row(shape: int) -> Struct:
    codes = (shape >> (2 * place) & 3 for place in range(_FIELDS))
    return Struct("<" + ("I" if shape & _WIDE else "H") + "Bd" + "".join(_WIDTHS[code] for code in codes))


def _plays(shape: int, columns: Sequence[Sequence[Any]], titles: Titles) -> dict[str, Play]:
    numbers, marks, last = columns[:3]
    codes = [shape >> (2 * place) & 3 for place in range(_FIELDS)]
    left = iter(columns[3:])
    nothing = [0.0] * len(last)
    position = _read_spans(codes[0], left, nothing)
    duration = _read_spans(codes[1], left, nothing)
    watched = _read_spans(codes[2], left, position)
    fresh = _read_spans(codes[3], left, nothing)
    placed = _read_moments(codes[4], left, last, marks, _UNPLACED)
    counted = _read_moments(codes[5], left, last, marks, _UNCOUNTED)
    done, finished = ([bool(mark & bit) for mark in marks] for bit in (_DONE, _FINISHED))
    plays = map(Play, position, duration, watched, fresh, last, placed, counted, done, finished)
    return dict(zip(map(titles.ids.__getitem__, numbers), plays, strict=True))


def _marks(play: Play) -> int:
    return (
        (_DONE if play.done else 0)
        | (_FINISHED if play.finished else 0)
        | (0 if play.placed else _UNPLACED)
        | (0 if play.watched else _UNCOUNTED)
    )


def _spans(values: list[float], usual: list[float]) -> tuple[int, Sequence[float]]:
    """How some seconds are written, and as what; ``usual`` are those that need not be."""
    if values == usual:
        return _OMITTED, ()
    if all(0 <= value <= _LARGEST_NUMBER and value == int(value) for value in values):
        return _SECONDS, [int(value) for value in values]
    whole = _whole(values)
    return (_FLOAT, values) if whole is None else (_MILLISECONDS, whole)


def _moments(values: list[float], last: list[float]) -> tuple[int, Sequence[float]]:
    """How some times are written, each by how long it was before the ``last``; what never was has a mark."""
    before = [0.0 if value == _NEVER else moment - value for value, moment in zip(values, last, strict=True)]
    if not any(before):
        return _OMITTED, ()
    whole = [round(value * 1000) for value in before]
    exact = all(
        0 <= many <= _LARGEST_MILLISECONDS and value in (_NEVER, _earlier(moment, many))
        for value, moment, many in zip(values, last, whole, strict=True)
    )
    return (_MILLISECONDS, whole) if exact else (_FLOAT, values)


def _whole(values: Sequence[float]) -> list[int] | None:
    """The milliseconds that some seconds are; None if one is no whole number of them."""
    whole = [round(value * 1000) for value in values if 0 <= value < _LARGEST_MILLISECONDS / 1000]
    if len(whole) < len(values) or any(many / 1000 != value for many, value in zip(whole, values, strict=True)):
        return None
    return whole


def _earlier(moment: float, milliseconds: int) -> float:
    return (round(moment * 1000) - milliseconds) / 1000


_READ: dict[int, Callable[[Sequence[Any]], list[float]]] = {
    _SECONDS: lambda column: list(map(float, column)),
    _MILLISECONDS: lambda column: [many / 1000 for many in column],
    _FLOAT: list,
}


def _read_spans(code: int, left: Any, usual: list[float]) -> list[float]:
    return _READ[code](next(left)) if code else usual


def _read_moments(code: int, left: Any, last: Sequence[float], marks: Sequence[int], never: int) -> list[float]:
    if code == _OMITTED:
        found: Sequence[float] = last
    elif code == _FLOAT:
        found = next(left)
    else:
        found = [_earlier(moment, many) for moment, many in zip(last, next(left), strict=True)]
    return [_NEVER if mark & never else at for mark, at in zip(marks, found, strict=True)]


def _counts(signs: Signs | None) -> tuple[int, int, int, int]:
    if signs is None:
        return _UNSIGNED, 0, 0, 0
    return len(signs.ratings), len(signs.listed), len(signs.chosen), len(signs.passed)


def _signs(signs: Signs | None) -> list[tuple[str, int, float]]:
    if signs is None:
        return []
    return [
        *((title_id, _RATINGS.index(rating), at) for title_id, (rating, at) in signs.ratings.items()),
        *((title_id, int(listed), at) for title_id, (listed, at) in signs.listed.items()),
        *((title_id, 0, at) for title_id, at in signs.chosen.items()),
        *((title_id, min(sittings, _MOST_SITTINGS), at) for title_id, (sittings, at) in signs.passed.items()),
    ]


def _unsigned(rows: Sequence[tuple[int, int, float]], counts: Sequence[int], titles: Titles) -> Signs:
    if len(rows) != sum(counts):
        raise ValueError("its signs are not as many as it says")
    named = iter([(titles.ids[number], value, at) for number, value, at in rows])
    rated, listed, chosen, passed = ([next(named) for _ in range(count)] for count in counts)
    return Signs(
        ratings={title_id: (_RATINGS[value], at) for title_id, value, at in rated},
        listed={title_id: (bool(value), at) for title_id, value, at in listed},
        chosen={title_id: at for title_id, _, at in chosen},
        passed={title_id: (sittings, at) for title_id, sittings, at in passed},
    )
