"""Events as JSON: a line of the log, the facts of an archive's row, and what a player sends.

msgspec reads straight into the classes of ``model.events`` and checks as it reads, several times as fast as reading a
dictionary first: every event is read by every copy of ``serve``. Text is UTF-8.
"""

import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from functools import cache
from math import isfinite
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec

from matinee.model.errors import Invalid
from matinee.model.events import FACTS, SCHEMA_VERSION, Event, Facts

_MISSING = re.compile(r"Object missing required field `(?P<name>\w+)`")
_WRONG = re.compile(r"(?i)Expected `(?P<wanted>[^`]+)`(?:, got `(?P<got>[^`]+)`)? - at `\$\.(?P<name>\w+)")


class _Line(msgspec.Struct):
    """An event's line; names in the order in which they are written."""

    version: int
    id: str
    type: str
    time: Annotated[datetime, msgspec.Meta(tz=True)]
    source: str
    facts: msgspec.Raw


_write = msgspec.json.Encoder().encode
_read_line = msgspec.json.Decoder(_Line).decode
_read_facts = {kind: msgspec.json.Decoder(facts).decode for kind, facts in FACTS.items()}


def to_json(event: Event) -> str:
    """The event as one line of JSON. Raises Invalid if a fact is not a finite number: nobody could read it."""
    facts, time = event.facts, event.time.astimezone(UTC)
    try:
        body = msgspec.Raw(_write(_finite(facts)))
        return _write(_Line(SCHEMA_VERSION, event.id, facts.type, time, event.source, body)).decode()
    except (Invalid, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise Invalid(f"The event {event.id!r} ({event.type}) cannot be written: {error}") from error


def from_json(text: str) -> Event:
    """The event out of ``to_json``'s line. Raises Invalid if the line is not one."""
    try:
        line = _read_line(text)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Invalid(f"This is not an event: {error}.") from error
    return Event(line.id, line.time.astimezone(UTC), line.source, facts_from_json(line.type, line.facts))


def facts_to_json(facts: Facts) -> str:
    """The facts alone. Raises Invalid as ``to_json`` does."""
    try:
        return _write(_finite(facts)).decode()
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise Invalid(f"The facts of an event {facts.type} cannot be written: {error}.") from error


def facts_from_json(kind: str, text: str | bytes | msgspec.Raw) -> Facts:
    """The facts of an event type out of ``facts_to_json``'s text. Raises Invalid as ``facts_from`` does."""
    read = _read_facts.get(kind)
    if read is None:
        raise Invalid(f"There is no event type {kind!r}.")
    try:
        return read(text)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _wrong(kind, error) from error


def facts_from(kind: str, values: Mapping[str, Any]) -> Facts:
    """The facts of an event type out of JSON values; unknown names are ignored, so that old readers bear new writers.

    Raises Invalid with a sentence for an unknown type, a missing name or a value of the wrong kind.
    """
    facts = FACTS.get(kind)
    if facts is None:
        raise Invalid(f"There is no event type {kind!r}.")
    try:
        return _finite(msgspec.convert(values, facts))
    except (msgspec.MsgspecError, OverflowError, RecursionError) as error:
        raise _wrong(kind, error) from error


def _wrong(kind: str, error: Exception) -> Invalid:
    """A sentence that names the fact, out of what msgspec says."""
    said = str(error)
    if found := _MISSING.search(said):
        return Invalid(f"An event {kind} needs {found['name']!r}.")
    if found := _WRONG.search(said):
        wanted = found["wanted"].removesuffix(" | null")
        return Invalid(f"In an event {kind}, {found['name']!r} must be of type {wanted}.")
    return Invalid(f"An event {kind} cannot be read: {said}.")


def _finite(facts: Facts) -> Facts:
    # msgspec writes null where a number is not finite.
    for name in _numbers(facts.type):
        if not _is_finite(getattr(facts, name)):
            raise Invalid(f"In an event {facts.type}, {name!r} must be a finite number.")
    return facts


def _is_finite(value: object) -> bool:
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, Mapping):
        return all(map(_is_finite, value.values()))
    return not isinstance(value, list | tuple) or all(map(_is_finite, value))


@cache
def _numbers(kind: str) -> tuple[str, ...]:
    """The facts that may hold such a number, found once."""
    facts = FACTS[kind]
    hints = get_type_hints(facts)
    parts = {field.name: get_args(hints[field.name]) or (hints[field.name],) for field in fields(facts)}
    return tuple(name for name, kinds in parts.items() if float in kinds or get_origin(hints[name]) is Mapping)
