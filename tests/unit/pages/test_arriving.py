from hypothesis import given
from hypothesis import strategies as st

from matinee.pages.arriving import said


def test_how_much_has_arrived_is_said_in_whole_per_cents() -> None:
    assert said(0.349) == "Arriving: 34 % so far"
    assert said(None) == "Arriving"
    assert said(1.0) == "All of it is here, sharper pictures follow"


@given(st.floats(0, 1, exclude_max=True))
def test_it_is_never_said_to_be_whole_before_it_is(share: float) -> None:
    assert "100" not in said(share)
