"""Who may speak as an edge: one-time join tokens, and the credential that an edge makes itself and holds from then on.

Of both only hashes are kept: they are random, so that a slow hash would protect nothing.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog

from matinee.delivery import trust_store
from matinee.delivery.audit import ITSELF, Audit
from matinee.delivery.reports import is_edge_id
from matinee.delivery.revocations import Revocations
from matinee.model.errors import Forbidden, Invalid, NotFound
from matinee.model.ids import RandomBytes
from matinee.model.plans import HOP_PREFIX
from matinee.model.recent import Recent
from matinee.ports import Clock

_log = structlog.get_logger()
JOIN_SECONDS = 3600
_TOKEN_BYTES = 24
_LASTS = timedelta(seconds=2)
_SHORTEST_CREDENTIAL, _LONGEST = 32, 256


@dataclass(frozen=True, slots=True)
class JoinToken:
    """What an edge may join with, once."""

    edge_id: str
    token: str = field(repr=False)
    expires_at: datetime


class Enrolment:
    """The shell around join tokens and credentials. Threads share it.

    A revoked edge knows the keys it was given: tokens that name it stay revoked for ``revoked_seconds``, in which the
    keys are to be rotated.
    """

    def __init__(
        self,
        *,
        engine: sa.Engine,
        clock: Clock,
        random_bytes: RandomBytes,
        audit: Audit,
        revocations: Revocations,
        revoked_seconds: float,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._random_bytes = random_bytes
        self._audit = audit
        self._revocations = revocations
        self._revoked = timedelta(seconds=revoked_seconds)
        self._recent: Recent[str, dict[str, str]] = Recent(1, _LASTS)

    def make_token(self, edge_id: str, by: str = ITSELF) -> JoinToken:
        """A token that one edge may join with within an hour; Invalid if the id is none."""
        if not is_edge_id(edge_id):
            raise Invalid(f"{edge_id!r:.80} is not a name of 1 to 64 letters, digits, dots, dashes and underscores.")
        now = self._clock.now()
        token = urlsafe_b64encode(self._random_bytes(_TOKEN_BYTES)).decode()
        expires_at = now + timedelta(seconds=JOIN_SECONDS)
        values = {"edge_id": edge_id, "made_at": now, "expires_at": expires_at, "credential_hash": None}
        with self._engine.begin() as connection:
            trust_store.add_join_token(connection, {"token_hash": _hash(token), **values})
            self._audit.note(connection, by, "join-token", edge_id, expires_at=expires_at.isoformat())
        return JoinToken(edge_id, token, expires_at)

    def enrol(self, edge_id: str, token: str, credential: str) -> None:
        """Take an edge's credential, in place of any before.

        Harmless if repeated with the same one. Forbidden unless the token was made for this edge, has not expired and
        was used for no other credential; Invalid for a credential that could be guessed.
        """
        if not _SHORTEST_CREDENTIAL <= len(credential) <= _LONGEST or len(token) > _LONGEST:
            raise Invalid("An edge's credential is 32 to 256 characters.")
        now, shown = self._clock.now(), _hash(credential)
        with self._engine.begin() as connection:
            row = trust_store.read_join_token(connection, _hash(token))
            if row is None or row["edge_id"] != edge_id or row["expires_at"] <= now:
                raise Forbidden(
                    f"This is no join token of edge {edge_id:.64}, or its hour is over: have one made anew."
                )
            if row["credential_hash"] not in {None, shown}:
                raise Forbidden(f"This join token of edge {edge_id} was used already: have one made anew.")
            if row["credential_hash"] is None:
                trust_store.use_join_token(connection, row["token_hash"], shown)
                trust_store.write_credential(connection, edge_id, shown, now)
                self._revocations.lift(connection, HOP_PREFIX + edge_id)
                self._audit.note(connection, HOP_PREFIX + edge_id, "enrolled", edge_id)
                _log.info("edge.enrolled", edge_id=edge_id)
        self._recent.forget()

    def check(self, edge_id: str, credential: str) -> None:
        """Forbidden unless this is the edge's credential now; a revoked one is refused within two seconds."""
        now, shown = self._clock.now(), _hash(credential)
        known = self._recent.get("", now)
        if known is None or not _same(known.get(edge_id), shown):
            # It may have joined a moment ago, through another copy.
            turn = self._recent.turn
            with self._engine.connect().execution_options(read_only=True) as connection:
                known = dict(trust_store.read_credentials(connection))
            self._recent.keep("", known, now, turn)
        if not _same(known.get(edge_id), shown):
            raise Forbidden("This is for the edge itself, with its own credential.")

    def revoke(self, edge_id: str, by: str = ITSELF) -> None:
        """Take an edge's word no longer, nor let other edges serve it; NotFound unless it is enrolled."""
        now = self._clock.now()
        with self._engine.begin() as connection:
            trust_store.revoke_join_tokens(connection, edge_id)
            if not trust_store.revoke_credential(connection, edge_id, now):
                raise NotFound(f"No edge {edge_id!r:.80} is enrolled.")
            self._revocations.add(connection, HOP_PREFIX + edge_id, now + self._revoked)
            self._audit.note(connection, by, "revoke-edge", edge_id)
        self._recent.forget()
        _log.info("edge.revoked", edge_id=edge_id, by=by)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def _same(known: str | None, shown: str) -> bool:
    return known is not None and hmac.compare_digest(known, shown)
