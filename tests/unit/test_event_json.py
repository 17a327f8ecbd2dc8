import json
from dataclasses import MISSING, fields
from datetime import UTC, datetime, timedelta, timezone
from types import NoneType, UnionType
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.event_json import facts_from, facts_from_json, facts_to_json, from_json, to_json
from matinee.model.errors import Invalid
from matinee.model.events import FACTS, SCHEMA_VERSION, Event, Facts, SearchMade, TitleEncoded

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
numbers = st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    str: texts,
    int: st.integers(),
    float: numbers,
    bool: st.booleans(),
    NoneType: st.none(),
}


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    if isinstance(hint, UnionType):
        return st.one_of(*(BY_TYPE[part] for part in get_args(hint)))
    inner = BY_TYPE.get(get_args(hint)[1], json_values) if get_args(hint) else json_values
    return BY_TYPE.get(hint, st.dictionaries(texts, inner, max_size=3))


def facts_of(kind: type[Facts]) -> st.SearchStrategy[Facts]:
    hints = get_type_hints(kind)
    return st.builds(kind, **{field.name: values_of(hints[field.name]) for field in fields(kind)})


events = st.builds(
    Event,
    id=texts,
    time=st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))])),
    source=texts,
    facts=st.one_of(*(facts_of(kind) for kind in FACTS.values())),
)


@given(event=events)
def test_every_event_comes_back_as_it_was_written(event: Event) -> None:
    line = to_json(event)
    assert "\n" not in line
    back = from_json(line)
    assert back == event
    assert type(back.facts) is type(event.facts)
    assert back.time.tzinfo is UTC


@given(facts=st.one_of(*(facts_of(kind) for kind in FACTS.values())))
def test_facts_alone_come_back_as_they_were_written(facts: Facts) -> None:
    assert facts_from_json(facts.type, facts_to_json(facts)) == facts


@given(event=events)
def test_a_line_is_what_every_reader_of_json_reads(event: Event) -> None:
    value = json.loads(to_json(event))
    assert facts_from(value["type"], value["facts"]) == event.facts


def test_a_written_event_says_its_version_and_its_time_in_utc() -> None:
    zone = timezone(timedelta(hours=2))
    event = Event("e1", datetime(2026, 1, 1, 12, tzinfo=zone), "test", SearchMade("p1", "tides", 2))
    assert json.loads(to_json(event)) == {
        "version": SCHEMA_VERSION,
        "id": "e1",
        "type": "search.made",
        "time": "2026-01-01T10:00:00Z",
        "source": "test",
        "facts": {"profile_id": "p1", "query": "tides", "found": 2},
    }


@given(event=events, extra=json_values)
def test_names_of_a_newer_version_are_passed_over(event: Event, extra: Any) -> None:
    value = json.loads(to_json(event))
    value["facts"]["of_a_newer_version"] = extra
    value["of_a_newer_version"] = extra
    assert from_json(json.dumps(value)) == event


@given(text=st.one_of(st.text(), json_values.map(json.dumps)))
def test_what_is_no_event_is_invalid(text: str) -> None:
    with pytest.raises(Invalid):
        from_json(text)


@given(event=events, data=st.data())
def test_an_event_with_one_thing_wrong_is_invalid_or_still_an_event(event: Event, data: st.DataObject) -> None:
    value = json.loads(to_json(event))
    part = value if data.draw(st.booleans()) else value["facts"]
    name = data.draw(st.sampled_from(sorted(part)))
    if data.draw(st.booleans()):
        del part[name]
    else:
        part[name] = data.draw(json_values)
    try:
        back = from_json(json.dumps(value))
    except Invalid:
        return
    assert from_json(to_json(back)) == back
    assert isinstance(back.id, str)
    assert isinstance(back.source, str)
    assert back.time.tzinfo is UTC


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("id", 7), ("id", None), ("source", ["x"]), ("time", "2026-01-01T12:00:00"), ("time", "noon"), ("time", 12)],
)
def test_an_envelope_that_is_wrong_is_invalid(name: str, wrong: Any) -> None:
    value = json.loads(to_json(Event("e1", NOON, "test", SearchMade("p1", "tides", 2))))
    with pytest.raises(Invalid):
        from_json(json.dumps(value | {name: wrong}))


@pytest.mark.parametrize("kind", FACTS.values())
def test_a_needed_fact_that_is_missing_is_named(kind: type[Facts]) -> None:
    for field in fields(kind):
        if field.default is MISSING:
            whole = {other.name: _any(get_type_hints(kind)[other.name]) for other in fields(kind)}
            del whole[field.name]
            with pytest.raises(Invalid, match=f"{kind.type} needs '{field.name}'"):
                facts_from(kind.type, whole)


def _any(hint: Any) -> Any:
    wanted = get_args(hint)[0] if isinstance(hint, UnionType) else hint
    return {str: "text", int: 1, float: 1.0, bool: True}.get(wanted, {})


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_none_is_neither_read_nor_written(number: float) -> None:
    values = {"playback_id": "p", "profile_id": "q", "title_id": "t", "position_seconds": number, "watched_seconds": 1}
    with pytest.raises(Invalid, match="'position_seconds' must be a finite number"):
        facts_from("playback.heartbeat", values)
    heartbeat = facts_from("playback.heartbeat", values | {"position_seconds": 1.0})
    object.__setattr__(heartbeat, "position_seconds", number)
    with pytest.raises(Invalid, match=r"The event 'e1' \(playback.heartbeat\) cannot be written"):
        to_json(Event("e1", NOON, "test", heartbeat))
    encoded = TitleEncoded("t", "r", {"renditions": [{"peak_bps": number}]})
    with pytest.raises(Invalid, match="'presentation' must be a finite number"):
        to_json(Event("e1", NOON, "test", encoded))
    with pytest.raises(Invalid, match=r"An event search\.made cannot be read"):
        facts_from_json("search.made", '{"profile_id":"p","query":"q","found":NaN}')


def test_yes_is_not_a_number_and_an_unknown_type_is_named() -> None:
    with pytest.raises(Invalid, match="'found' must be of type int"):
        facts_from("search.made", {"profile_id": "p", "query": "q", "found": True})
    with pytest.raises(Invalid, match=r"no event type 'moon\.landed'"):
        facts_from("moon.landed", {})


def test_every_class_of_facts_is_found_by_its_type() -> None:
    assert {kind.type: kind for kind in Facts.__subclasses__()} == FACTS
