"""Whether what an edge says of itself can be true, and whether players can tell it from the others. Pure."""

import math
import re
from collections.abc import Mapping
from dataclasses import fields
from urllib.parse import urlsplit

from matinee.model.errors import Conflict, Invalid
from matinee.model.plans import EdgeReport

# A pathway's ID in HLS and a serviceLocation in DASH: what both allow, and no comma or space, which part DASH's lists.
_EDGE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LONGEST_TEXT = 500
_SIGNED = frozenset({"latitude", "longitude", "skew_seconds"})


def is_edge_id(text: str) -> bool:
    """Whether an edge may be called so."""
    return bool(_EDGE_ID.fullmatch(text))


def check_report(report: EdgeReport) -> None:
    """Invalid, naming the field, unless a report can be true."""
    if not is_edge_id(report.edge_id):
        raise Invalid(f"The edge id {report.edge_id!r} is not 1 to 64 letters, digits, dots, dashes and underscores.")
    for field in fields(report):
        value = getattr(report, field.name)
        if isinstance(value, (int, float)) and not math.isfinite(value):
            raise Invalid(f"Edge {report.edge_id} reports a {field.name} that is not a number.")
        if isinstance(value, (int, float)) and value < 0 and field.name not in _SIGNED:
            raise Invalid(f"Edge {report.edge_id} reports a {field.name} below zero.")
        if isinstance(value, str) and len(value) > _LONGEST_TEXT:
            raise Invalid(f"Edge {report.edge_id} reports a {field.name} of {len(value)} characters.")
    if abs(report.latitude) > 90 or abs(report.longitude) > 180:  # noqa: PLR2004 - the ends of the Earth
        raise Invalid(f"Edge {report.edge_id} reports a place that is not on Earth.")
    if report.capacity_bps < 1:
        raise Invalid(f"Edge {report.edge_id} reports no capacity.")
    _host(report.edge_id, report.url)


def _host(edge_id: str, url: str) -> str:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        # Reading the port is what finds a wrong one.
        plain = parts.scheme in {"http", "https"} and parts.port != 0 and not parts.query and not parts.fragment
    except ValueError:
        host, plain = "", False
    if not host or not plain or any(letter in url for letter in "\"'<>\\ \r\n\t"):
        raise Invalid(f"Edge {edge_id} reports the address {url!r}, which is not http(s)://HOST[:PORT].")
    return host


def check_host(report: EdgeReport, others: Mapping[str, str]) -> None:
    """Conflict if an edge's host name is part of another living edge's, or the other way; ``others`` are URLs by id."""
    # Players tell pathways apart, and ban them, by host alone and by substring (shaka-player's
    # content_steering_manager): two edges of which one's host holds the other's would be banned together.
    host = _host(report.edge_id, report.url)
    for other, url in others.items():
        taken = _host(other, url)
        if host in taken or taken in host:
            raise Conflict(
                f"Edge {report.edge_id} has the host name {host}, which players cannot tell from edge {other}'s "
                f"{taken}: give each edge a name of its own that is no part of another's."
            )
