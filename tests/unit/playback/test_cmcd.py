from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.model.errors import Invalid
from matinee.playback.cmcd import MOST_REPORTS, Report, read_report, read_reports

SID = "0123456789abcdef"


def report(line: str) -> Report:
    found = read_report(line.encode())
    assert found is not None
    return found


def test_a_version_2_event_report_is_read() -> None:
    # As @svta/cml-cmcd, which hls.js and shaka-player use, writes them.
    told = report(
        f'bl=(8000),br=(3200),bsa=(2),bsda=(640),cid="t",e=t,msd=812,mtp=(25400),pr=1,sf=h,sid="{SID}",sn=4,st=v,'
        'sta=p,ts=1767268800123,v=2,cdn="europe-1"'
    )
    assert told.session_id == SID
    assert (told.event, told.edge_id, told.playing) == ("t", "europe-1", True)
    assert told.time == datetime(2026, 1, 1, 12, 0, 0, 123000, tzinfo=UTC)
    assert told.startup_seconds == 0.812
    assert told.bitrate_bps == 3_200_000
    assert (told.stalls_total, told.stalled_total_seconds) == (2, 0.64)
    assert (told.stalls, told.stalled_seconds) == (None, None)


def test_the_reference_librarys_own_lines_are_read() -> None:
    # Written by CmcdReporter of @svta/cml-cmcd 2.7.0 with the playback's id as its sid.
    body = f"""cid="title",e=ps,sf=h,sid="{SID}",sn=1,sta=s,ts=1795377242352,v=2
bl=(8000),br=(3200),cdn="europe-1",cid="title",e=ps,msd=812,sf=h,sid="{SID}",sn=2,sta=p,ts=1795377242352,v=2
bl=(8000),br=(3200),cdn="europe-1",cid="title",e=e,ec=("fragLoadError"),sf=h,sid="{SID}",sn=4,sta=p,ts=1795377242352,v=2
"""
    reports, malformed = read_reports(body.encode())
    assert malformed == 0
    told = [(one.event, one.playing, one.startup_seconds, one.bitrate_bps) for one in reports]
    assert told == [("ps", False, None, None), ("ps", True, 0.812, 3_200_000), ("e", True, None, 3_200_000)]


def test_a_version_1_report_is_read() -> None:
    told = report(f'bl=8000,br=3200,bs,d=4004,dl=8000,mtp=25400,ot=v,sf=h,sid="{SID}",st=v,su,tb=5000')
    assert (told.event, told.playing, told.time) == ("request", None, None)
    assert told.bitrate_bps == 3_200_000
    assert told.stalls == 1


def test_a_response_report_is_read() -> None:
    told = report(f'e=rr,rc=503,sid="{SID}",ts=1767268800000,ttfb=37,ttlb=120,url="http://127.0.1.1/x.m4s",v=2')
    assert (told.event, told.status, told.first_byte_seconds) == ("rr", 503, 0.037)


@pytest.mark.parametrize(
    ("value", "bitrate_bps"),
    [("3200", 3_200_000), ("(3200)", 3_200_000), ("(128;a 3200;v)", 3_200_000), ("(9000;a 3200;av)", 3_200_000)],
)
def test_the_bit_rate_is_the_pictures(value: str, bitrate_bps: float) -> None:
    assert report(f'br={value},sid="{SID}"').bitrate_bps == bitrate_bps


def test_the_aggregate_bit_rate_stands_in_for_an_unknown_one() -> None:
    assert report(f'ab=(2900),sid="{SID}"').bitrate_bps == 2_900_000


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b'{"sid":"x"}',
        b"sid=",
        b"br=3200",
        b"sid=3",
        b"sid",
        b'sid=("a")',
        b"\xff\xfe",
        b'sid="a',
        b"sid=:AAAA:",
    ],
)
def test_what_is_no_report_is_none(line: bytes) -> None:
    assert read_report(line) is None


@pytest.mark.parametrize(
    "told", ["br=-1", 'br="x"', "br", "br=()", 'br=("x")', "ts=-1", "ts=999999999999999", "msd=1.5", 'cdn=""', "sta"]
)
def test_a_value_that_cannot_be_is_as_if_unsaid(told: str) -> None:
    found = report(f'{told},sid="{SID}"')
    assert found.bitrate_bps is None
    assert found.edge_id is None
    assert found.playing is None
    assert found.startup_seconds in {None, 0.0015}


def test_figures_that_no_column_holds_are_left_out() -> None:
    told = report(f'bsa=999999999999999,bsd=(99999999999),rc=123456789012,sid="{SID}",cdn="{"x" * 65}",e={"y" * 30}')
    assert (told.stalls_total, told.stalled_seconds, told.status, told.edge_id) == (None, None, None, None)
    assert len(told.event) == 24


def test_a_body_holds_a_report_a_line_and_counts_what_is_none() -> None:
    reports, malformed = read_reports(f'e=ps,sid="{SID}",sta=s\nnot one ;\r\n\ne=t,sid="other"\n'.encode())
    assert [one.session_id for one in reports] == [SID, "other"]
    assert malformed == 1


def test_the_same_line_has_the_same_digest_and_another_line_another() -> None:
    line, other = (report(f'e=t,sid="{SID}",sn={number}') for number in (1, 2))
    assert line.digest == report(f' e=t,sid="{SID}",sn=1 ').digest
    assert line.digest != other.digest


def test_too_many_lines_are_refused() -> None:
    with pytest.raises(Invalid, match="1001"):
        read_reports(b"sid\n" * (MOST_REPORTS + 1))


@given(st.binary(max_size=200))
def test_no_line_breaks_the_reader(line: bytes) -> None:
    read_report(line)


@given(st.text(st.sampled_from('abcdrstuvsid=(),;"?01-. '), max_size=60))
def test_no_almost_report_breaks_the_reader(text: str) -> None:
    read_report(f'{text},sid="{SID}"'.encode())
