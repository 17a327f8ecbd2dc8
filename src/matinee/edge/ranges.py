"""What a request asks of a file: all of it, a part, or nothing because the reader has it already."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

# One range of RFC 9110 §14.1.2. Eighteen digits are more than any file and keep hostile numbers cheap.
_ONE_RANGE = re.compile(rb"bytes[ \t]*=[ \t]*(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))[ \t]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Conditions:
    """The headers of a request that decide which bytes are sent; absent ones are None."""

    range: bytes | None = None
    if_range: bytes | None = None
    if_none_match: bytes | None = None


@dataclass(frozen=True, slots=True)
class Whole:
    """200: every byte."""


@dataclass(frozen=True, slots=True)
class Part:
    """206: bytes from ``start`` up to and without ``end``; never none."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Unsatisfiable:
    """416: no byte of the file lies in the range."""


Selection = Whole | Part | Unsatisfiable

WHOLE = Whole()
NO_CONDITIONS = Conditions()


def conditions(headers: Iterable[tuple[bytes, bytes]]) -> Conditions:
    """The conditions among a request's headers, whose names are in lower case."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in {b"range", b"if-range", b"if-none-match"}:
            # RFC 9110 §5.3: one field in several lines reads as a list; a second range so becomes a multi-range.
            found[name] = found[name] + b"," + value if name in found else value
    if not found:
        return NO_CONDITIONS
    return Conditions(found.get(b"range"), found.get(b"if-range"), found.get(b"if-none-match"))


def unchanged(asked: Conditions, etag: bytes) -> bool:
    """Whether the reader has the file already, so that 304 answers it. Comes before ``select`` (RFC 9110 §13.2.2)."""
    # RFC 9110 §13.1.2: a weak comparison with each member of the list.
    return asked.if_none_match is not None and any(
        entry.strip().removeprefix(b"W/") in {etag, b"*"} for entry in asked.if_none_match.split(b",")
    )


def select(asked: Conditions, size: int, etag: bytes) -> Selection:
    """Which bytes of a file of ``size`` bytes a GET is to get; a range means nothing to HEAD (RFC 9110 §14.2)."""
    # RFC 9110 §13.1.5: If-Range compares strongly, and a date never matches, since files carry no Last-Modified.
    if asked.range is None or (asked.if_range is not None and asked.if_range.strip() != etag):
        return WHOLE
    return _part(asked.range, size)


def bounds(selection: Whole | Part, size: int) -> Part:
    """What is selected of a file of ``size`` bytes, as a part."""
    return selection if isinstance(selection, Part) else Part(0, size)


def _part(header: bytes, size: int) -> Selection:
    match = _ONE_RANGE.fullmatch(header)
    if match is None:
        # RFC 9110 §14.2: what is not understood may be ignored; so are several ranges, which no player asks for.
        return WHOLE
    first, last, suffix = match.groups()
    if suffix is not None:
        length = min(int(suffix), size)
        return Part(size - length, size) if length else Unsatisfiable()
    start = int(first)
    if last and int(last) < start:
        return WHOLE  # RFC 9110 §14.1.1: such a range is invalid, not unsatisfiable
    if start >= size:
        return Unsatisfiable()
    return Part(start, min(int(last) + 1, size) if last else size)
