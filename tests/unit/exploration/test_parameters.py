"""What arms may set of a page: read as far as it can be, and refused by name where an operator drafts it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.exploration.exploring import explored
from matinee.exploration.parameters import USUAL, Parameters, check
from matinee.model.errors import Invalid
from plays import NOON

_AT = NOON.timestamp()


def test_what_is_said_is_set_and_the_rest_is_as_for_everybody() -> None:
    assert Parameters.read({}) == USUAL
    assert Parameters.read({"ranking": "recency"}) == USUAL
    assert Parameters.read({"calibration": "0", "ranker": "off", "exploring": "0.25"}) == Parameters(
        0.0, ranker=False, exploring=0.25
    )


@given(name=st.sampled_from(["calibration", "exploring"]), share=st.floats())
def test_a_number_is_refused_in_a_sentence_unless_it_is_a_share(name: str, share: float) -> None:
    read = getattr(Parameters.read({name: repr(share)}), name)
    if 0 <= share <= 1:
        check({name: repr(share)})
        assert read == share
    else:
        with pytest.raises(Invalid, match=name):
            check({name: repr(share)})
        assert read == getattr(USUAL, name)


@given(value=st.text(max_size=8).filter(lambda text: text not in {"on", "off"}))
def test_a_ranker_is_on_or_off(value: str) -> None:
    with pytest.raises(Invalid, match="on or off"):
        check({"ranker": value})
    assert Parameters.read({"ranker": value}) == USUAL


@pytest.mark.parametrize("value", ["nan", "inf", "-0.1", "1.01", "much", ""])
def test_what_is_no_share_is_refused(value: str) -> None:
    with pytest.raises(Invalid, match="a number from 0 to 1"):
        check({"exploring": value})


def test_the_place_is_there_in_the_share_that_is_asked_for_and_its_likelihood_says_so() -> None:
    following = [f"t{number}" for number in range(20)]
    drawn = [explored(f"p{number}", "for-you", following, _AT, 0.25) for number in range(4000)]
    there = [one for one in drawn if one is not None]
    assert len(there) == pytest.approx(1000, abs=120)
    assert {one.propensity for one in there} == {0.25 / 8}
    assert explored("ada", "for-you", following, _AT, 0.0) is None
