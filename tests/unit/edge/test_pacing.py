from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.edge.pacing import FillRate, TokenBucket


@given(st.integers(100_000, 10**10), st.lists(st.integers(1, 256 * 1024), min_size=1, max_size=50))
def test_what_leaves_keeps_to_the_rate_but_for_a_tenth_of_a_second(limit_bps: int, sizes: list[int]) -> None:
    bucket = TokenBucket(limit_bps)
    # Takers come all at once; each sends when its wait is over.
    leaves = sorted((bucket.take(size, 0.0), size) for size in sizes)
    sent = 0
    for wait, size in leaves:
        assert sent <= limit_bps / 8 * (wait + 0.1) * (1 + 1e-9)
        sent += size


def test_an_idle_bucket_saves_up_no_more_than_its_burst() -> None:
    bucket = TokenBucket(8_000_000)
    assert bucket.take(100_000, 1000.0) == 0.0
    assert bucket.take(100_000, 1000.0) == pytest.approx(0.0)
    assert bucket.take(100_000, 1000.0) == pytest.approx(0.1)


def test_slices_are_small_where_the_rate_is_small() -> None:
    assert TokenBucket(10**10).slice_bytes == 256 * 1024
    assert TokenBucket(8_000_000).slice_bytes == 50_000
    assert TokenBucket(0).slice_bytes == 4096


def test_what_nobody_waits_for_keeps_to_its_rate_and_trickles_while_viewers_need_the_source() -> None:
    rate = FillRate()
    assert rate.pause(1_000_000, 0.0, needed=False) == 0
    assert rate.pause(500_000, 0.0, needed=True) == 1.0
    rate.limit(8_000_000)
    pauses = [0.0, *(rate.pause(1_000_000, 10.0, needed=False) for _ in range(3))]
    # The burst is free.
    assert [later - before for before, later in pairwise(pauses)] == pytest.approx([0.0, 0.9, 1.0])
    rate.limit(None)
    assert rate.pause(1_000_000, 10.0, needed=False) == 0
