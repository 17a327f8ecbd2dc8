"""Which messages a group of some types has to look into."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from matinee.adapters.events_jetstream_messages import Memory, concerns, events_of, lines_of, marks_of, message_of
from matinee.event_json import to_json
from matinee.model.events import Event, Facts, MemberForgotten, SearchMade

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.just('"type":"member.forgotten"')
facts = st.one_of(
    st.builds(SearchMade, profile_id=texts, query=texts, found=st.integers(0, 9)),
    st.builds(MemberForgotten, member_id=texts, profile_id=texts, until_seconds=st.floats(0, 1e9)),
)


@given(told=st.lists(st.lists(facts, min_size=1, max_size=4), max_size=4), asked=st.sampled_from(["", "search.made"]))
def test_what_is_not_looked_into_holds_nothing_for_the_group(told: list[list[Facts]], asked: str) -> None:
    types = frozenset({asked or "member.forgotten"})
    messages = []
    for number, together in enumerate(told):
        events = [Event(f"{number}-{place}", NOON, "test", one) for place, one in enumerate(together)]
        messages.append(message_of({event.id: to_json(event) for event in events})[0])
    whole = [line for number, data in enumerate(messages) for line in lines_of(number + 1, data)]
    looked = [
        line
        for number, data in enumerate(messages)
        if concerns(data, marks_of(types))
        for line in lines_of(number + 1, data)
    ]
    assert events_of(looked, Memory(), 0, types) == events_of(whole, Memory(), 0, types)
    assert len(events_of(looked, Memory(), 0, types)) == sum(one.type in types for each in told for one in each)


def test_a_message_without_the_types_is_passed_over() -> None:
    line = to_json(Event("e", NOON, "test", SearchMade("p", "tides", 1))).encode()
    assert not concerns(line, marks_of(["member.forgotten"]))
    assert concerns(line, marks_of(["search.made", "member.forgotten"]))
    assert concerns(line, marks_of([]))
