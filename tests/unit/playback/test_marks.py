"""What becomes of a mark, and what is told of it."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from matinee.model.events import ListChanged, TitleRated
from matinee.playback.marks import UNMARKED, Mark, Rating, listed, rated

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
marks = st.builds(Mark, st.sampled_from([None, *Rating]), st.sampled_from([None, NOON]))


@given(marks, st.sampled_from([None, *Rating]))
def test_a_rating_takes_the_place_of_another_and_is_told_once(mark: Mark, rating: Rating | None) -> None:
    changed, facts = rated(mark, "ada", "tide", rating)
    assert changed == Mark(rating, mark.listed_at)
    said = None if rating is None else rating.value
    assert facts == (None if mark.rating is rating else TitleRated("ada", "tide", said))
    assert rated(changed, "ada", "tide", rating) == (changed, None)


@given(marks, st.booleans())
def test_what_is_listed_stays_as_it_was_and_is_told_once(mark: Mark, on: bool) -> None:
    later = datetime(2026, 1, 2, 12, tzinfo=UTC)
    changed, facts = listed(mark, "ada", "tide", later if on else None)
    assert changed.listed is on
    assert changed.rating is mark.rating
    if mark.listed is on:
        assert (changed, facts) == (mark, None)
    else:
        assert facts == ListChanged("ada", "tide", on)
    assert listed(changed, "ada", "tide", later if on else None) == (changed, None)


def test_nothing_said_is_no_mark() -> None:
    assert Mark() == UNMARKED
    assert not UNMARKED.listed
