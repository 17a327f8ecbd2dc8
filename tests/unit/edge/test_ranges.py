import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.edge.ranges import NO_CONDITIONS, WHOLE, Conditions, Part, Unsatisfiable, conditions, select, unchanged

ETAG = b'"an-etag"'


def _select(header: bytes, size: int) -> object:
    return select(Conditions(range=header), size, ETAG)


@given(st.integers(1, 5000), st.integers(0, 6000), st.integers(0, 6000))
def test_a_closed_range_is_the_bytes_a_slice_would_be(size: int, first: int, last: int) -> None:
    data = bytes(size % 251 for size in range(size))
    chosen = _select(b"bytes=%d-%d" % (first, last), size)
    if last < first:
        assert chosen is WHOLE
    elif first >= size:
        assert chosen == Unsatisfiable()
    else:
        assert isinstance(chosen, Part)
        assert data[chosen.start : chosen.end] == data[first : last + 1]


@given(st.integers(0, 5000), st.integers(0, 6000))
def test_open_and_suffix_ranges_reach_the_end(size: int, number: int) -> None:
    opened, suffix = _select(b"bytes=%d-" % number, size), _select(b"bytes=-%d" % number, size)
    assert opened == (Part(number, size) if number < size else Unsatisfiable())
    assert suffix == (Part(max(0, size - number), size) if number and size else Unsatisfiable())


@given(st.binary(max_size=40))
def test_no_header_breaks_it_and_no_part_is_empty_or_outside(header: bytes) -> None:
    chosen = _select(header, 100)
    if isinstance(chosen, Part):
        assert 0 <= chosen.start < chosen.end <= 100


@pytest.mark.parametrize("header", [b"bytes=0-1,5-6", b"bytes=", b"bytes=-", b"items=0-1", b"bytes=1-x", b"bytes=--1"])
def test_what_is_not_one_range_is_ignored(header: bytes) -> None:
    assert _select(header, 100) is WHOLE


def test_a_range_holds_only_for_the_file_it_was_asked_of() -> None:
    for if_range, expected in ((ETAG, Part(0, 1)), (b"W/" + ETAG, WHOLE), (b'"other"', WHOLE), (b"Sun, 01 Nov", WHOLE)):
        assert select(Conditions(range=b"bytes=0-0", if_range=if_range), 100, ETAG) == expected


def test_a_reader_that_names_the_file_has_it() -> None:
    for names in (ETAG, b"W/" + ETAG, b'"x", ' + ETAG, b"*"):
        assert unchanged(Conditions(if_none_match=names), ETAG)
    for absent in (None, b'"x"', b"an-etag", b""):
        assert not unchanged(Conditions(if_none_match=absent), ETAG)


def test_conditions_are_found_among_headers() -> None:
    assert conditions([(b"host", b"e")]) is NO_CONDITIONS
    assert conditions([(b"range", b"bytes=0-1"), (b"if-none-match", b"*")]) == Conditions(b"bytes=0-1", None, b"*")
    twice = conditions([(b"range", b"bytes=0-1"), (b"range", b"bytes=5-6")])
    assert select(twice, 100, ETAG) is WHOLE
