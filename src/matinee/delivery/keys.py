"""The keys that media tokens are signed with: kept in the database, rotated without a break.

A key's life: it is published to edges, signs once they had time to hear of it, and when the next one signs it still
opens what it signed, until the last of that has expired. Where somebody else may know a key, nobody waits for that:
keys are replaced at once, and every player renews.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog

from matinee.delivery import store, trust_store
from matinee.delivery.audit import ITSELF, Audit
from matinee.model.ids import RandomBytes, new_id
from matinee.model.plans import KeyRing
from matinee.model.recent import Recent
from matinee.model.tokens import parse_keys
from matinee.ports import Clock

_log = structlog.get_logger()
_LASTS = timedelta(seconds=2)
_SECRET_BYTES = 32
# How long edges have to hear of a key before it signs: they ask each second, and fetch it at once.
PUBLISHED_SECONDS = 30.0
# The same where keys are replaced at once, and when the ones before then open nothing: by then every copy of serve has
# read the keys anew since the new one signs.
AT_ONCE_SIGNS_SECONDS, AT_ONCE_RETIRES_SECONDS = 3.0, 6.0
# A copy of serve may sign with what it read a moment ago, and clocks differ.
_MARGIN = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Ring:
    """The keys that open tokens now, and the one that signs."""

    version: str
    keys: Mapping[str, bytes] = field(repr=False)
    signing_key_id: str

    @property
    def signing_key(self) -> bytes:
        """The secret that signs."""
        return self.keys[self.signing_key_id]

    @property
    def wire(self) -> KeyRing:
        """As edges are given it, the key that signs first."""
        return KeyRing(self.version, {key_id: secret.decode() for key_id, secret in self.keys.items()})


class Keys:
    """The shell around the keys' table. Threads share it.

    ``initial`` are the keys to begin with, ``KID:SECRET, …``, the first one signing; without it one is made up.
    """

    def __init__(
        self,
        *,
        engine: sa.Engine,
        clock: Clock,
        random_bytes: RandomBytes,
        audit: Audit,
        token_seconds: int,
        initial: str = "",
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._random_bytes = random_bytes
        self._audit = audit
        self._token_life = timedelta(seconds=token_seconds)
        self._initial = parse_keys(initial)
        self._recent: Recent[str, Ring] = Recent(1, _LASTS)

    def ring(self) -> Ring:
        """The keys as they are, at most two seconds old; made at the first call of all."""
        now = self._clock.now()
        if (known := self._recent.get("", now)) is not None:
            return known
        with self._engine.connect().execution_options(read_only=True) as connection:
            rows = trust_store.read_keys(connection)
        if not any(row["signs_at"] for row in rows):
            rows = self._begin(now)
        ring = ring_of(rows, now)
        self._recent.keep("", ring, now)
        return ring

    def rotate(self, by: str = ITSELF, *, at_once: bool = False) -> str:
        """Publish a new key, which signs in half a minute; the ones before retire a token's life later. Its id.

        With ``at_once`` it signs in three seconds, and in six no edge that hears of it opens what others signed.
        """
        self.ring()  # a service's first key is there before the second
        now = self._clock.now()
        signs_at = now + timedelta(seconds=AT_ONCE_SIGNS_SECONDS if at_once else PUBLISHED_SECONDS)
        retires_at = signs_at + self._token_life + _MARGIN
        if at_once:
            retires_at = now + timedelta(seconds=AT_ONCE_RETIRES_SECONDS)
        key_id = f"k{new_id(self._random_bytes)}"
        with self._engine.begin() as connection:
            before = [row["id"] for row in trust_store.read_keys(connection)]
            trust_store.retire_keys(connection, before, retires_at)
            trust_store.add_keys(connection, [self._new(key_id, now, signs_at)])
            act = "replace-keys" if at_once else "rotate-keys"
            self._audit.note(connection, by, act, key_id, signs_at=signs_at.isoformat())
        self._recent.forget()
        _log.info("keys.rotated", key_id=key_id, signs_at=signs_at.isoformat(), at_once=at_once, by=by)
        return key_id

    def rotate_if_due(self, period_seconds: float) -> str | None:
        """Rotate if the newest key is older than a period; retired keys are forgotten. The new key's id, if any."""
        now = self._clock.now()
        self.ring()
        with self._engine.begin() as connection:
            trust_store.remove_keys(connection, now)
            newest = max(row["made_at"] for row in trust_store.read_keys(connection))
        if not period_seconds or now - newest < timedelta(seconds=period_seconds):
            return None
        return self.rotate()

    def _begin(self, now: datetime) -> Sequence[Mapping[str, Any]]:
        with self._engine.begin() as connection:
            # Copies that begin together wait for each other here, and the first one's keys are everybody's.
            store.next_number(connection, "keys")
            rows = trust_store.read_keys(connection)
            if any(row["signs_at"] for row in rows):
                return rows
            fresh = [
                {"id": key_id, "secret": secret.decode(), "made_at": now, "signs_at": None, "retires_at": None}
                for key_id, secret in self._initial.items()
            ] or [self._new(f"k{new_id(self._random_bytes)}", now, now)]
            fresh[0]["signs_at"] = now
            trust_store.add_keys(connection, fresh)
            return trust_store.read_keys(connection)

    def _new(self, key_id: str, made_at: datetime, signs_at: datetime) -> dict[str, Any]:
        secret = self._random_bytes(_SECRET_BYTES).hex()
        return {"id": key_id, "secret": secret, "made_at": made_at, "signs_at": signs_at, "retires_at": None}


def ring_of(rows: Sequence[Mapping[str, Any]], now: datetime) -> Ring:
    """The ring out of the table's rows: those not retired open, the newest whose time has come signs."""
    living = [row for row in rows if row["retires_at"] is None or row["retires_at"] > now]
    able = sorted((row for row in living if row["signs_at"] is not None), key=lambda row: (row["signs_at"], row["id"]))
    # The first key of all may have been made by a copy whose clock is a little ahead.
    chosen = [row for row in able if row["signs_at"] <= now or row is able[0]][-1]
    # Edges sign what they ask of each other with the first one.
    ordered = sorted(living, key=lambda row: (row is not chosen, row["id"]))
    # A key's secret never changes, so their names tell one ring from another.
    version = hashlib.sha256("\n".join(row["id"] for row in ordered).encode()).hexdigest()[:16]
    return Ring(version, {row["id"]: row["secret"].encode() for row in ordered}, chosen["id"])
