"""How often a member or an address may ask for a thing within a minute, over all copies of the service together.

Each process counts by itself and settles with the database after every tenth part of an allowance, so that who asks
little costs the database nothing. The promise: nobody is refused who stayed within the allowance of a minute by the
clock, and of N copies no more than the allowance and N tenths of it (or N, if that is more) are let through. Minutes
begin with the clock's, so in the sixty seconds around a full minute there may be two allowances. While the database is
away each copy counts for itself.
"""

import ipaddress
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Lock

import sqlalchemy as sa
import structlog
from prometheus_client import Counter

from matinee.accounts import store
from matinee.model.errors import LimitReached
from matinee.ports import Clock

_log = structlog.get_logger()
_REFUSED = Counter("matinee_allowances_refused", "Requests beyond an allowance.", ["of"])

_MINUTE = 60
_TENTHS = 10
# An IPv6 site has a network of this length to itself, and any address in it (RFC 6177).
_IPV6_SITE = 64


class Allowance(StrEnum):
    """What is counted: sign-ins and sign-ups by address, the others by member."""

    SIGN_INS = "sign-ins"
    SEARCHES = "searches"
    PLAYBACKS = "presses of play"
    EVENTS = "requests with events"
    FORGETTING = "histories to forget"


@dataclass(slots=True)
class _Spent:
    """What is known of one who asks in this minute: what all copies settled, and what this one has yet to."""

    settled: int = 0
    unsettled: int = 0
    # One thread at a time counts and settles for one who asks: what is on its way to the database is known here.
    lock: Lock = field(default_factory=Lock)


class Allowances:
    """Counts and refuses. ``most`` gives each allowance's number a minute; 0 and what is left out are no limit."""

    def __init__(self, engine: sa.Engine, clock: Clock, most: Mapping[Allowance, int]) -> None:
        self._engine = engine
        self._clock = clock
        self._most = {of: number for of, number in most.items() if number > 0}
        self._lock = Lock()
        self._minute = 0
        self._spent: dict[tuple[Allowance, str], _Spent] = {}

    def spend(self, of: Allowance, who: str) -> None:
        """Count one; LimitReached, and it does not count, beyond the allowance."""
        most = self._most.get(of)
        if most is None:
            return
        now = self._clock.now().timestamp()
        minute = int(now) // _MINUTE
        with self._lock:
            if minute != self._minute:
                self._minute, self._spent = minute, {}
            spent = self._spent.setdefault((of, who), _Spent())
        with spent.lock:
            counted = spent.settled + spent.unsettled < most and self._count(spent, of, who, minute, most)
        if not counted:
            _REFUSED.labels(of.value).inc()
            left = (minute + 1) * _MINUTE - now
            raise LimitReached(
                f"That were more than {most} {of} within a minute: try again in {math.ceil(left)} seconds.", left
            )

    def _count(self, spent: _Spent, of: Allowance, who: str, minute: int, most: int) -> bool:
        """Count one more, and settle if it is time; whether it still was within what all copies may let through."""
        spent.unsettled += 1
        if spent.unsettled < max(1, most // _TENTHS):
            return True
        number, spent.unsettled = spent.unsettled, 0
        try:
            with self._engine.begin() as connection:
                spent.settled = store.spend(connection, f"{of}:{who}", minute, number)
        except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError) as error:
            reason = str(getattr(error, "orig", None) or error).partition("\n")[0]
            _log.warning("allowance.unsettled", of=of.value, reason=reason)
            spent.settled += number
        return spent.settled <= most


def neighbourhood(address: str | None) -> str:
    """Whom an address stands for: an IPv4 address for itself, an IPv6 address for its site's network."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return "nowhere"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is None:
            return str(ipaddress.ip_network((int(parsed), _IPV6_SITE), strict=False))
        parsed = parsed.ipv4_mapped
    return str(parsed)
