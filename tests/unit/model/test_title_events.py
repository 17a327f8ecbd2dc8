from datetime import UTC, datetime

import pytest

from matinee.event_json import facts_from, from_json, to_json
from matinee.model.errors import Invalid
from matinee.model.events import Event, TitleEncoded


def test_a_presentation_travels_in_an_event_as_an_object() -> None:
    facts = TitleEncoded("title", "revision", {"duration_seconds": 1.5, "renditions": []})
    event = Event("id", datetime(2026, 1, 1, tzinfo=UTC), "test", facts)
    assert from_json(to_json(event)) == event


def test_a_presentation_that_is_no_object_is_refused() -> None:
    with pytest.raises(Invalid, match="presentation"):
        facts_from("title.encoded", {"title_id": "t", "revision": "r", "presentation": "text"})
