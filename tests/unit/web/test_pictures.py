"""Pictures made by code."""

from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from matinee.web.pictures import _ICONS, avatar, icon


@given(st.text(max_size=60))
def test_every_name_has_a_picture_of_its_own_that_is_well_formed_and_holds_no_words(name: str) -> None:
    picture = avatar(name)
    root = ET.fromstring(str(picture))
    assert "".join(root.itertext()) == ""
    assert picture == avatar(f" {name} ")


def test_a_household_is_told_apart() -> None:
    names = ["Ada", "Bertolt", "Chidi", "Dorothea", "Ernst", "Fatima", "Gwen", "Hiro"]
    assert len({avatar(name) for name in names}) == len(names)


def test_every_icon_is_well_formed_and_silent() -> None:
    for name in _ICONS:
        assert ET.fromstring(str(icon(name))).get("aria-hidden") == "true"
