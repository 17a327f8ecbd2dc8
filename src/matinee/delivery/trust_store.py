"""SQL of who may speak, which keys sign, what is revoked and purged, and what operators did: see ``store``."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from matinee.delivery.store import (
    audit,
    credentials,
    insert,
    join_tokens,
    keys,
    next_number,
    purges,
    revocations,
)

# --- join tokens and credentials ------------------------------------------------------------------------------------


def add_join_token(connection: sa.Connection, values: Mapping[str, Any]) -> None:
    """Keep a token's hash; what nobody can use any more goes."""
    connection.execute(sa.delete(join_tokens).where(join_tokens.c.expires_at < values["made_at"]))
    connection.execute(sa.insert(join_tokens).values(**values))


def read_join_token(connection: sa.Connection, token_hash: str) -> Mapping[str, Any] | None:
    """A token by its hash, locked until the transaction ends."""
    chosen = sa.select(join_tokens).where(join_tokens.c.token_hash == token_hash).with_for_update()
    row = connection.execute(chosen).mappings().first()
    return None if row is None else dict(row)


def use_join_token(connection: sa.Connection, token_hash: str, credential_hash: str) -> None:
    """Note for which credential a token was used."""
    mine = join_tokens.c.token_hash == token_hash
    connection.execute(sa.update(join_tokens).where(mine).values(credential_hash=credential_hash))


def write_credential(connection: sa.Connection, edge_id: str, credential_hash: str, now: datetime) -> None:
    """Take an edge's credential, in place of the one before."""
    values = {"credential_hash": credential_hash, "enrolled_at": now, "revoked_at": None}
    statement = insert(connection, credentials).values(edge_id=edge_id, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=[credentials.c.edge_id], set_=values))


def revoke_credential(connection: sa.Connection, edge_id: str, now: datetime) -> bool:
    """Take an edge's credential no longer; False if there is none, or it is revoked already."""
    mine = sa.and_(credentials.c.edge_id == edge_id, credentials.c.revoked_at.is_(None))
    return connection.execute(sa.update(credentials).where(mine).values(revoked_at=now)).rowcount == 1


def revoke_join_tokens(connection: sa.Connection, edge_id: str) -> None:
    """Forget the tokens that an edge could still join with."""
    connection.execute(sa.delete(join_tokens).where(join_tokens.c.edge_id == edge_id))


def read_credentials(connection: sa.Connection) -> Mapping[str, str]:
    """The hash of each edge's credential, without the revoked ones."""
    chosen = sa.select(credentials.c.edge_id, credentials.c.credential_hash).where(credentials.c.revoked_at.is_(None))
    return {row.edge_id: row.credential_hash for row in connection.execute(chosen)}


# --- keys -----------------------------------------------------------------------------------------------------------


def read_keys(connection: sa.Connection) -> Sequence[Mapping[str, Any]]:
    """Every key, oldest first."""
    chosen = sa.select(keys).order_by(keys.c.made_at, keys.c.id)
    return [dict(row) for row in connection.execute(chosen).mappings()]


def add_keys(connection: sa.Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Keep new keys; one whose id is known already stays as it is."""
    for row in rows:
        statement = insert(connection, keys).values(**row)
        connection.execute(statement.on_conflict_do_nothing(index_elements=[keys.c.id]))


def retire_keys(connection: sa.Connection, key_ids: Sequence[str], retires_at: datetime) -> None:
    """Say until when keys still open what they signed; one that ends sooner keeps its end."""
    mine = sa.and_(keys.c.id.in_(key_ids), sa.or_(keys.c.retires_at.is_(None), keys.c.retires_at > retires_at))
    connection.execute(sa.update(keys).where(mine).values(retires_at=retires_at))


def remove_keys(connection: sa.Connection, before: datetime) -> int:
    """Forget the keys whose time is over; how many."""
    return connection.execute(sa.delete(keys).where(keys.c.retires_at <= before)).rowcount


# --- revocations and purges -----------------------------------------------------------------------------------------


def add_revocation(connection: sa.Connection, subject: str, expires_at: datetime) -> int:
    """Put a subject on the list until a time; its sequence."""
    sequence = next_number(connection, "revocations")
    values = {"sequence": sequence, "subject": subject, "expires_at": expires_at, "lifted": False}
    connection.execute(sa.insert(revocations).values(**values))
    return sequence


def lift_revocation(connection: sa.Connection, subject: str, now: datetime) -> None:
    """Take back what is on the list for a subject: who heard of it hears this, too, as long as it would have stood."""
    standing = sa.and_(revocations.c.subject == subject, revocations.c.expires_at > now)
    until = connection.execute(sa.select(sa.func.max(revocations.c.expires_at)).where(standing)).scalar()
    if until is None:
        return
    connection.execute(sa.delete(revocations).where(revocations.c.subject == subject))
    values = {"sequence": next_number(connection, "revocations"), "subject": subject, "expires_at": until}
    connection.execute(sa.insert(revocations).values(**values, lifted=True))


def read_revocations(connection: sa.Connection, now: datetime) -> Sequence[Mapping[str, Any]]:
    """What is revoked and would not have ended by itself, in order."""
    chosen = sa.select(revocations).where(revocations.c.expires_at > now).order_by(revocations.c.sequence)
    return [dict(row) for row in connection.execute(chosen).mappings()]


def remove_revocations(connection: sa.Connection, before: datetime) -> int:
    """Forget what has ended by itself; how many."""
    return connection.execute(sa.delete(revocations).where(revocations.c.expires_at <= before)).rowcount


def add_purge(connection: sa.Connection, prefix: str, now: datetime) -> int:
    """Put a purge on the list; its sequence."""
    sequence = next_number(connection, "purges")
    connection.execute(sa.insert(purges).values(sequence=sequence, prefix=prefix, made_at=now))
    return sequence


def read_purges(connection: sa.Connection, after: int, limit: int) -> Sequence[Mapping[str, Any]]:
    """Purges after a sequence, in order."""
    chosen = sa.select(purges.c.sequence, purges.c.prefix).where(purges.c.sequence > after)
    return [dict(row) for row in connection.execute(chosen.order_by(purges.c.sequence).limit(limit)).mappings()]


def last_purge(connection: sa.Connection) -> int:
    """The newest purge's sequence; 0 before the first."""
    return connection.execute(sa.select(sa.func.max(purges.c.sequence))).scalar() or 0


def remove_purges(connection: sa.Connection, before: datetime) -> int:
    """Forget the purges that were made before a time; how many."""
    return connection.execute(sa.delete(purges).where(purges.c.made_at < before)).rowcount


# --- audit ----------------------------------------------------------------------------------------------------------


def add_act(connection: sa.Connection, values: Mapping[str, Any]) -> None:
    """Note what was done."""
    connection.execute(sa.insert(audit).values(sequence=next_number(connection, "audit"), **values))


def read_acts(
    connection: sa.Connection, before: int | None, limit: int, subject: str | None
) -> Sequence[Mapping[str, Any]]:
    """What was done, to one subject or to any, newest first: the newest, or those before a sequence."""
    chosen = sa.select(audit).order_by(audit.c.sequence.desc()).limit(limit)
    if before is not None:
        chosen = chosen.where(audit.c.sequence < before)
    if subject is not None:
        chosen = chosen.where(audit.c.subject == subject)
    return [dict(row) for row in connection.execute(chosen).mappings()]
