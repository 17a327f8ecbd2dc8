"""Segments and chunks: all frames once, in order, within bounds, on cuts where they may be."""

from itertools import accumulate, pairwise

from hypothesis import given
from hypothesis import strategies as st

from matinee.ladder.shots import LONGEST_SECONDS, SHORTEST_SECONDS, Chunk, chunks, segment_starts

_TICKS = 90_000
_SHORTEST, _LONGEST = SHORTEST_SECONDS * _TICKS, LONGEST_SECONDS * _TICKS

Drawn = tuple[list[int], int, list[int]]


@st.composite
def _films(draw: st.DrawFn, *, steady: bool = False) -> Drawn:
    """Times of frames, the end, and cuts."""
    if steady:
        step, count = draw(st.integers(750, 6_000)), draw(st.integers(1, 3_000))
        steps = [step] * count
    else:
        steps = draw(st.lists(st.integers(1, 900_000) | st.integers(1_000, 9_000), min_size=1, max_size=300))
    times = [0, *accumulate(steps)]
    cuts = draw(st.lists(st.integers(1, max(len(steps) - 1, 1)), max_size=40, unique=True))
    return times[:-1], times[-1], sorted(cut for cut in cuts if cut < len(steps))


@given(_films())
def test_segments_begin_with_the_first_frame_and_rise(film: Drawn) -> None:
    times, end, cuts = film
    starts = segment_starts(times, end, cuts)
    assert starts[0] == 0
    assert all(one < following for one, following in pairwise((*starts, len(times))))


@given(_films())
def test_no_segment_but_a_lone_one_is_shorter_than_two_seconds(film: Drawn) -> None:
    times, end, cuts = film
    stamps = [times[start] for start in segment_starts(times, end, cuts)]
    lengths = [following - one for one, following in pairwise((*stamps, end))]
    assert len(lengths) == 1 or min(lengths) >= _SHORTEST


@given(_films(steady=True))
def test_no_segment_of_a_steady_film_is_longer_than_six_seconds(film: Drawn) -> None:
    times, end, cuts = film
    stamps = [times[start] for start in segment_starts(times, end, cuts)]
    assert max(following - one for one, following in pairwise((*stamps, end))) <= _LONGEST


@given(_films())
def test_a_segment_that_is_too_long_has_no_frame_to_be_divided_at_its_middle(film: Drawn) -> None:
    times, end, cuts = film
    starts = segment_starts(times, end, cuts)
    stamps = [*times, end]
    for one, following in pairwise((*starts, len(times))):
        if stamps[following] - stamps[one] > 3 * _LONGEST:
            inside = stamps[one + 1 : following]
            # Frames stand so long here that nearly none is two seconds from both of its neighbours' starts.
            assert max(b - a for a, b in pairwise((stamps[one], *inside, stamps[following]))) > _SHORTEST


@given(_films())
def test_every_cut_is_a_start_unless_one_is_close_before_it_or_the_end_behind_it(film: Drawn) -> None:
    times, end, cuts = film
    starts = segment_starts(times, end, cuts)
    taken = [0, *(cut for cut in cuts if cut in starts)]
    for cut in cuts:
        if cut not in starts:
            before = max(times[other] for other in taken if other < cut)
            assert times[cut] - before < _SHORTEST or end - times[cut] < _SHORTEST


@given(_films(), st.data())
def test_chunks_hold_all_segments_in_order_and_part_only_where_they_may(film: Drawn, data: st.DataObject) -> None:
    times, end, cuts = film
    allowed = data.draw(st.lists(st.booleans(), min_size=len(times), max_size=len(times)))
    starts = segment_starts(times, end, cuts)
    made = chunks(times, end, starts, cuts, allowed)
    assert [chunk.first + start for chunk in made for start in chunk.starts] == list(starts)
    assert [chunk.first for chunk in made] == [0, *accumulate(chunk.frames for chunk in made)][:-1]
    assert sum(chunk.frames for chunk in made) == len(times)
    assert all(chunk.starts[0] == 0 for chunk in made)
    assert all(allowed[chunk.first] for chunk in made[1:])


@given(_films(steady=True))
def test_chunks_of_a_steady_film_are_of_a_size(film: Drawn) -> None:
    times, end, cuts = film
    made = chunks(times, end, segment_starts(times, end, cuts), cuts, [True] * len(times))
    stamps = [*(times[chunk.first] for chunk in made), end]
    lengths = [following - one for one, following in pairwise(stamps)]
    assert max(lengths) <= (36 + 24 / 2 + LONGEST_SECONDS) * _TICKS
    assert len(made) == 1 or min(lengths) >= 3 * _TICKS


def test_a_minute_at_24_frames_with_two_cuts() -> None:
    times, end = [place * 3_750 for place in range(1_440)], 1_440 * 3_750
    starts = segment_starts(times, end, [24 * 20, 24 * 21, 24 * 41])
    # The cut at 21 s comes too soon after the one at 20 s.
    assert starts == (0, 120, 240, 360, 480, 581, 682, 782, 883, 984, 1_098, 1_212, 1_326)
    assert chunks(times[:96], 96 * 3_750, (0,), (), [True] * 96) == (Chunk(0, 96, (0,)),)
