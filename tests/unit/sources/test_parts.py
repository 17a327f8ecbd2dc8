"""How far an upload is, is how far its parts reach without a gap."""

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from matinee.sources.parts import reach

_SIZES = st.lists(st.integers(1, 9), max_size=12)


@given(_SIZES, st.data())
def test_parts_reach_to_the_first_gap(sizes: list[int], data: st.DataObject) -> None:
    offsets = [0, *accumulate(sizes)]
    parts = dict(zip(offsets, sizes, strict=False))
    assert reach(parts) == sum(sizes)
    if sizes:
        missing = data.draw(st.integers(0, len(sizes) - 1))
        del parts[offsets[missing]]
        assert reach(parts) == offsets[missing]


@given(_SIZES, _SIZES)
def test_parts_of_two_lines_that_sent_the_same_bytes_never_reach_less_than_either(
    first: list[int], second: list[int]
) -> None:
    """The later line writes over the earlier one's parts where they begin alike; what is left never misleads."""
    one = dict(zip([0, *accumulate(first)], first, strict=False))
    other = dict(zip([0, *accumulate(second)], second, strict=False))
    assert reach({**one, **other}) >= reach(other)
