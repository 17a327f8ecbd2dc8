"""Common Media Client Data (CTA-5004, version 1, and CTA-5004-A, version 2): reports as players send them.

A report is one line in the syntax of a structured-field dictionary (RFC 8941 §3.2). Event mode posts several, one a
line. Version 2 writes most numbers as inner lists with the object type as a parameter, ``br=(3200;v 128;a)``, where
version 1 writes one number; both are read. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import http_sf
from http_sf import StructuredFieldError

from matinee.model.errors import Invalid

MOST_REPORTS = 1000
# What no player means: eleven days in milliseconds, a terabit a second in kbit/s.
_MOST = 1e9
_LATEST_MILLISECONDS = 1e14
_LONGEST_EDGE_ID, _LONGEST_EVENT = 64, 24
_PLAYING = "p"
_PICTURES = ("v", "av")


@dataclass(frozen=True, slots=True)
class Report:
    """What one line says, in our units; None where it is silent.

    ``digest`` names the line, so that a repeat is known. ``stalls`` and ``stalled_seconds`` count since the report
    before, the totals since the playback began.
    """

    digest: str
    session_id: str
    event: str
    time: datetime | None
    edge_id: str | None
    playing: bool | None
    startup_seconds: float | None
    stalls: int | None
    stalled_seconds: float | None
    stalls_total: int | None
    stalled_total_seconds: float | None
    bitrate_bps: float | None
    first_byte_seconds: float | None
    status: int | None


def read_reports(body: bytes) -> tuple[list[Report], int]:
    """The reports of a body, and how many of its lines are none. Invalid for more lines than a batch may hold."""
    lines = [line for line in body.splitlines() if line.strip()]
    if len(lines) > MOST_REPORTS:
        raise Invalid(f"A batch holds {len(lines)} CMCD reports; {MOST_REPORTS} is the most.")
    reports = [read_report(line) for line in lines]
    good = [report for report in reports if report is not None]
    return good, len(lines) - len(good)


def read_report(line: bytes) -> Report | None:
    """One line; None if it is no dictionary or names no session."""
    try:
        values = http_sf.parse(line.strip(), tltype="dictionary")
    except (StructuredFieldError, ValueError):
        return None
    if not isinstance(values, dict) or not (session_id := _text(values, "sid")):
        return None
    edge_id = _text(values, "cdn") or ""
    starved = _plain(values, "bs") is True
    bitrate_kbps = _number(values, "br", pictures=True)
    if bitrate_kbps is None:
        # The aggregate of everything that is played, where a single rendition's is not known.
        bitrate_kbps = _number(values, "ab")
    state = _text(values, "sta")
    status = _number(values, "rc")
    total = _number(values, "bsa")
    return Report(
        digest=blake2b(line.strip(), digest_size=16).hexdigest(),
        session_id=session_id,
        event=(_text(values, "e") or "request")[:_LONGEST_EVENT],
        time=_time(_number(values, "ts", most=_LATEST_MILLISECONDS)),
        edge_id=edge_id if 0 < len(edge_id) <= _LONGEST_EDGE_ID else None,
        playing=None if state is None else state == _PLAYING,
        startup_seconds=_scaled(_number(values, "msd"), 0.001),
        stalls=1 if starved else None,
        stalled_seconds=_scaled(_number(values, "bsd"), 0.001),
        stalls_total=None if total is None else int(total),
        stalled_total_seconds=_scaled(_number(values, "bsda"), 0.001),
        bitrate_bps=_scaled(bitrate_kbps, 1000.0),
        first_byte_seconds=_scaled(_number(values, "ttfb"), 0.001),
        status=None if status is None else int(status),
    )


def _plain(values: dict[str, Any], key: str) -> Any:
    entry = values.get(key)
    return entry[0] if isinstance(entry, tuple) else None


def _text(values: dict[str, Any], key: str) -> str | None:
    value = _plain(values, key)
    if isinstance(value, http_sf.Token):
        return str(value)
    return value if isinstance(value, str) else None


def _number(values: dict[str, Any], key: str, *, pictures: bool = False, most: float = _MOST) -> float | None:
    """A number, or of an inner list the largest; with ``pictures``, the largest that is about video if any is."""
    value = _plain(values, key)
    entries: Sequence[Any] = value if isinstance(value, list) else [(value, {})]
    if pictures:
        about = [entry for entry in entries if any(kind in entry[1] for kind in _PICTURES)]
        entries = about or entries
    numbers = [
        float(entry[0]) for entry in entries if isinstance(entry[0], (int, Decimal)) and not isinstance(entry[0], bool)
    ]
    kept = [number for number in numbers if 0 <= number <= most]
    return max(kept, default=None)


def _scaled(number: float | None, factor: float) -> float | None:
    return None if number is None else number * factor


def _time(milliseconds: float | None) -> datetime | None:
    if milliseconds is None:
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return None
