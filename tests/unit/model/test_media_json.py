import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.model.errors import Invalid
from matinee.model.media import (
    Picture,
    Presentation,
    Rendition,
    Role,
    TrackKind,
    presentation_from_json,
    presentation_to_json,
)

_names = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_numbers = st.integers(0, 2**40)
_renditions = st.builds(
    Rendition,
    name=_names,
    kind=st.sampled_from(TrackKind),
    codecs=_names,
    uri=_names,
    bandwidth_bps=_numbers,
    average_bandwidth_bps=_numbers,
    width=st.none() | _numbers,
    height=st.none() | _numbers,
    frame_rate=st.none() | st.floats(0, 1000),
    frames=st.none() | _numbers,
    language=st.none() | _names,
    channels=st.none() | st.integers(1, 32),
    title=st.none() | _names,
    roles=st.lists(st.sampled_from(Role), unique=True).map(tuple),
)
_presentations = st.builds(
    Presentation,
    duration_seconds=st.floats(0, 1e6),
    renditions=st.lists(_renditions, max_size=4).map(tuple),
    files=st.lists(st.tuples(_names, _numbers), max_size=4).map(tuple),
    colour=_names,
    thumbnails=st.none() | _names,
    pictures=st.lists(st.builds(Picture, _names, _names, _names), max_size=3).map(tuple),
    is_growing=st.booleans(),
)


@given(_presentations)
def test_a_presentation_comes_back_from_json_as_it_went(presentation: Presentation) -> None:
    assert presentation_from_json(json.loads(json.dumps(presentation_to_json(presentation)))) == presentation


PLAIN = Presentation(
    duration_seconds=12.0,
    renditions=(Rendition("v360", TrackKind.VIDEO, "avc1.4d401e", "v360/v.m3u8", 800_000, 700_000, 640, 360),),
    files=(("master.m3u8", 100),),
    colour="#102030",
)


def test_names_that_a_newer_writer_added_are_passed_over() -> None:
    values = presentation_to_json(PLAIN)
    values["renditions"][0]["grain"] = "fine"
    values["renditions"][0]["roles"] = ["sung"]
    assert presentation_from_json({**values, "chapters": []}) == PLAIN


def test_a_duration_without_decimals_is_a_duration() -> None:
    assert presentation_from_json({**presentation_to_json(PLAIN), "duration_seconds": 12}) == PLAIN


@pytest.mark.parametrize("name", ["duration_seconds", "renditions", "files", "colour"])
def test_what_is_missing_is_named(name: str) -> None:
    values = presentation_to_json(PLAIN)
    del values[name]
    with pytest.raises(Invalid, match=name):
        presentation_from_json(values)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("duration_seconds", "12"),
        ("duration_seconds", float("nan")),
        ("duration_seconds", True),
        ("colour", 7),
        ("is_growing", 1),
        ("is_growing", "true"),
        ("renditions", 3),
        ("renditions", [{}]),
        ("renditions", [{"kind": "smell"}]),
        ("renditions", [{**presentation_to_json(PLAIN)["renditions"][0], "width": "640"}]),
        ("files", [["a"]]),
        ("files", [["a", "many"]]),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(name: str, value: object) -> None:
    with pytest.raises(Invalid):
        presentation_from_json({**presentation_to_json(PLAIN), name: value})


def test_the_files_may_be_left_out_of_a_copy() -> None:
    values = {**presentation_to_json(PLAIN), "files": []}
    assert presentation_from_json(values) == replace(PLAIN, files=())


def test_a_presentation_of_before_there_were_pictures_has_its_own_alone() -> None:
    values = presentation_to_json(PLAIN)
    del values["pictures"]
    assert presentation_from_json(values) == PLAIN
    assert presentation_from_json(values).every_picture == (Picture("poster.jpg", "still.jpg", "#102030"),)


@pytest.mark.parametrize("pictures", ["one", [1], [{"poster": "a"}], [{"poster": 1, "still": "b", "colour": "c"}], 7])
def test_pictures_of_another_form_are_invalid(pictures: object) -> None:
    with pytest.raises(Invalid):
        presentation_from_json({**presentation_to_json(PLAIN), "pictures": pictures})


def test_a_presentation_of_before_any_grew_is_whole() -> None:
    values = presentation_to_json(replace(PLAIN, is_growing=True))
    assert values.pop("is_growing") is True
    assert presentation_from_json(values) == PLAIN
