from hypothesis import given
from hypothesis import strategies as st

from matinee.packaging.rates import Listed, Piece, Rates, loudest

_PIECES = st.lists(st.tuples(st.integers(0, 10**7), st.floats(0.02, 12.0)), min_size=1, max_size=12)


def _listed(pieces: list[tuple[int, float]]) -> Listed:
    target = max(round(max(seconds for _, seconds in pieces)), 1)
    return Listed(tuple(Piece("s", 0, size, seconds) for size, seconds in pieces), target)


def test_a_short_tail_counts_with_its_neighbour() -> None:
    assert _listed([(4000, 4), (40, 0.04)]).rates == Rates(8000, 8000)
    assert _listed([(4000, 4), (8000, 2)]).rates == Rates(32_000, 16_000)


def test_nothing_takes_nothing() -> None:
    assert Listed((), 0).rates == Rates()
    assert loudest([]) == Rates()


@given(_PIECES)
def test_the_peak_lies_between_the_average_and_the_worst_segment(pieces: list[tuple[int, float]]) -> None:
    rates = _listed(pieces).rates
    assert rates.average_bps <= rates.peak_bps
    assert rates.peak_bps <= max(size * 8 / seconds for size, seconds in pieces) * (1 + 1e-9) + 1


@given(_PIECES)
def test_every_segment_of_usual_length_is_within_the_peak(pieces: list[tuple[int, float]]) -> None:
    listed = _listed(pieces)
    for size, seconds in pieces:
        if 0.5 * listed.target_seconds <= seconds <= 1.5 * listed.target_seconds:
            assert size * 8 / seconds <= listed.rates.peak_bps + 1e-6
