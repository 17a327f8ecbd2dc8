"""Accounts' tables and SQL."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from matinee.accounts.profiles import Profile
from matinee.accounts.sessions import Member, Presence, Role, Session
from matinee.columns import Moment

metadata = sa.MetaData()


members = sa.Table(
    "accounts_members",
    metadata,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("email", sa.String(254), nullable=False, unique=True),
    sa.Column("password_hash", sa.Text, nullable=False),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("created_at", Moment, nullable=False),
)

profiles = sa.Table(
    "accounts_profiles",
    metadata,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("member_id", sa.ForeignKey(members.c.id, ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("language", sa.Text, nullable=False),
    sa.Column("maturity_limit", sa.Integer, nullable=False),
    sa.Column("pin_hash", sa.Text),
    sa.Column("created_at", Moment, nullable=False),
)

sessions = sa.Table(
    "accounts_sessions",
    metadata,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("token_digest", sa.String(64), nullable=False, unique=True),
    sa.Column("member_id", sa.ForeignKey(members.c.id, ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("device", sa.Text, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("last_seen_at", Moment, nullable=False),
    sa.Column("expires_at", Moment, nullable=False, index=True),
    # The one profile with a PIN that this session has given, and when.
    sa.Column("unlocked_profile_id", sa.ForeignKey(profiles.c.id, ondelete="SET NULL")),
    sa.Column("unlocked_at", Moment),
)

# Guesses that were wrong: a row for each thing that is guessed at, while its window lasts.
guesses = sa.Table(
    "accounts_guesses",
    metadata,
    sa.Column("subject", sa.String(300), primary_key=True),
    sa.Column("wrong", sa.Integer, nullable=False),
    sa.Column("since", Moment, nullable=False, index=True),
)

# What was asked for within a minute by the clock (minutes since 1970): a row for each who asked often.
allowances = sa.Table(
    "accounts_allowances",
    metadata,
    sa.Column("subject", sa.String(300), primary_key=True),
    sa.Column("minute", sa.Integer, primary_key=True, index=True),
    sa.Column("spent", sa.Integer, nullable=False),
)


def add_member(connection: sa.Connection, member: Member, password_hash: str) -> bool:
    """Keep a new member; False if the e-mail address has one."""
    if connection.scalar(sa.select(members.c.id).where(members.c.email == member.email)) is not None:
        return False
    values = {"id": member.id, "email": member.email, "role": member.role.value, "created_at": member.created_at}
    try:
        with connection.begin_nested():
            connection.execute(members.insert().values(**values, password_hash=password_hash))
    except sa.exc.IntegrityError:  # another process was first
        return False
    return True


def member_with_password(
    connection: sa.Connection, *, email: str | None = None, member_id: str | None = None
) -> tuple[Member, str] | None:
    """The member of an e-mail address or id, with the password's hash."""
    wanted = members.c.email == email if member_id is None else members.c.id == member_id
    row = connection.execute(sa.select(members).where(wanted)).one_or_none()
    return row and (_member(row), row.password_hash)


def member_emails(connection: sa.Connection, member_ids: Collection[str]) -> dict[str, str]:
    """Addresses by id, of those members that there are."""
    chosen = sa.select(members.c.id, members.c.email).where(members.c.id.in_(member_ids))
    return {row.id: row.email for row in connection.execute(chosen)}


def change_password_hash(connection: sa.Connection, member_id: str, password_hash: str) -> None:
    """Keep another hash of a member's password."""
    connection.execute(members.update().where(members.c.id == member_id).values(password_hash=password_hash))


def add_session(connection: sa.Connection, member_id: str, token_digest: str, session: Session) -> None:
    """Keep a new session of a member."""
    connection.execute(
        sessions.insert().values(
            id=session.id,
            token_digest=token_digest,
            member_id=member_id,
            device=session.device,
            created_at=session.created_at,
            last_seen_at=session.last_seen_at,
            expires_at=session.expires_at,
        )
    )


def presence(connection: sa.Connection, token_digest: str, now: datetime, unlocked_after: datetime) -> Presence | None:
    """Who a session is, unless it is unknown or expired; a PIN given before ``unlocked_after`` no longer counts."""
    row = connection.execute(
        sa.select(
            members,
            sessions.c.id.label("session_id"),
            sessions.c.last_seen_at,
            sessions.c.unlocked_profile_id,
            sessions.c.unlocked_at,
        )
        .join_from(sessions, members)
        .where(sessions.c.token_digest == token_digest, sessions.c.expires_at > now)
    ).one_or_none()
    if row is None:
        return None
    unlocked = row.unlocked_at is not None and row.unlocked_at > unlocked_after
    return Presence(
        session_id=row.session_id,
        member=_member(row),
        unlocked_profile_id=row.unlocked_profile_id if unlocked else None,
        last_seen_at=row.last_seen_at,
    )


def touch_session(connection: sa.Connection, session_id: str, now: datetime, seen_before: datetime) -> None:
    """Note that a session was seen now, unless another request noted it after ``seen_before``."""
    stale = (sessions.c.id == session_id, sessions.c.last_seen_at <= seen_before)
    connection.execute(sessions.update().where(*stale).values(last_seen_at=now))


def unlock(connection: sa.Connection, session_id: str, profile_id: str | None, now: datetime) -> None:
    """Note the one profile whose PIN a session has given; None locks it again."""
    values = {"unlocked_profile_id": profile_id, "unlocked_at": None if profile_id is None else now}
    connection.execute(sessions.update().where(sessions.c.id == session_id).values(**values))


def lock_everywhere(connection: sa.Connection, profile_id: str) -> None:
    """Forget in every session that the PIN of a profile was given."""
    given = sessions.c.unlocked_profile_id == profile_id
    connection.execute(sessions.update().where(given).values(unlocked_profile_id=None, unlocked_at=None))


def member_sessions(
    connection: sa.Connection, member_id: str, now: datetime, current_digest: str | None
) -> list[Session]:
    """A member's sessions that have not expired, newest first."""
    rows = connection.execute(
        sa.select(sessions)
        .where(sessions.c.member_id == member_id, sessions.c.expires_at > now)
        .order_by(sessions.c.created_at.desc(), sessions.c.id)
    )
    return [
        Session(
            id=row.id,
            device=row.device,
            created_at=row.created_at,
            last_seen_at=row.last_seen_at,
            expires_at=row.expires_at,
            current=row.token_digest == current_digest,
        )
        for row in rows
    ]


def remove_token(connection: sa.Connection, token_digest: str) -> tuple[str, str] | None:
    """Remove the session of a token: its member's id and its own; None if there is none."""
    mine = sessions.delete().where(sessions.c.token_digest == token_digest)
    row = connection.execute(mine.returning(sessions.c.member_id, sessions.c.id)).first()
    return None if row is None else (row[0], row[1])


def remove_session(connection: sa.Connection, member_id: str, session_id: str) -> bool:
    """Remove a session of a member; False if there is none."""
    wanted = (sessions.c.id == session_id, sessions.c.member_id == member_id)
    return connection.execute(sessions.delete().where(*wanted)).rowcount > 0


def remove_sessions(connection: sa.Connection, member_id: str) -> int:
    """Remove every session of a member; how many."""
    return connection.execute(sessions.delete().where(sessions.c.member_id == member_id)).rowcount


def remove_expired(connection: sa.Connection, now: datetime, guessed_before: datetime) -> int:
    """Remove sessions that have expired, guesses and allowances of the past; how many sessions there were."""
    connection.execute(allowances.delete().where(allowances.c.minute < int(now.timestamp()) // 60 - 1))
    connection.execute(guesses.delete().where(guesses.c.since <= guessed_before))
    return connection.execute(sessions.delete().where(sessions.c.expires_at <= now)).rowcount


def wrong_guesses(connection: sa.Connection, subject: str, since: datetime) -> tuple[int, datetime] | None:
    """How often a thing was guessed wrong in the window that began after ``since``, and when it began."""
    row = connection.execute(
        sa.select(guesses.c.wrong, guesses.c.since).where(guesses.c.subject == subject, guesses.c.since > since)
    ).one_or_none()
    return row and (row.wrong, row.since)


# One statement, so that guesses at once on several processes are all counted.
_COUNT_GUESS = sa.text(
    """
    INSERT INTO accounts_guesses (subject, wrong, since) VALUES (:subject, 1, :now)
    ON CONFLICT (subject) DO UPDATE SET
      wrong = CASE WHEN accounts_guesses.since > :window THEN accounts_guesses.wrong + 1 ELSE 1 END,
      since = CASE WHEN accounts_guesses.since > :window THEN accounts_guesses.since ELSE excluded.since END
    """
).bindparams(sa.bindparam("now", type_=Moment), sa.bindparam("window", type_=Moment))


def count_guess(connection: sa.Connection, subject: str, now: datetime, window: datetime) -> None:
    """Count a wrong guess; a window that began before ``window`` begins anew."""
    connection.execute(_COUNT_GUESS, {"subject": subject, "now": now, "window": window})


def forget_guesses(connection: sa.Connection, subject: str) -> None:
    """Forget what was guessed wrong: it has been guessed right."""
    connection.execute(guesses.delete().where(guesses.c.subject == subject))


# One statement, so that all copies' numbers add up.
_SPEND = sa.text(
    """
    INSERT INTO accounts_allowances (subject, minute, spent) VALUES (:subject, :minute, :number)
    ON CONFLICT (subject, minute) DO UPDATE SET spent = accounts_allowances.spent + excluded.spent
    RETURNING spent
    """
)


def spend(connection: sa.Connection, subject: str, minute: int, number: int) -> int:
    """Add to what was spent within a minute; what it is now."""
    return int(connection.execute(_SPEND, {"subject": subject, "minute": minute, "number": number}).scalar_one())


def add_profile(connection: sa.Connection, profile: Profile, pin_hash: str | None) -> None:
    """Keep a new profile."""
    connection.execute(
        profiles.insert().values(
            id=profile.id,
            member_id=profile.member_id,
            name=profile.name,
            language=profile.language,
            maturity_limit=profile.maturity_limit,
            pin_hash=pin_hash,
            created_at=profile.created_at,
        )
    )


def member_profiles(connection: sa.Connection, member_id: str) -> list[Profile]:
    """A member's profiles, oldest first."""
    wanted = sa.select(profiles).where(profiles.c.member_id == member_id)
    return [_profile(row) for row in connection.execute(wanted.order_by(profiles.c.created_at, profiles.c.id))]


def profile_with_pin(connection: sa.Connection, member_id: str, profile_id: str) -> tuple[Profile, str | None] | None:
    """A member's profile with its PIN's hash."""
    wanted = sa.select(profiles).where(profiles.c.id == profile_id, profiles.c.member_id == member_id)
    row = connection.execute(wanted).one_or_none()
    return row and (_profile(row), row.pin_hash)


def change_profile(connection: sa.Connection, profile_id: str, values: Mapping[str, Any]) -> None:
    """Change columns of a profile."""
    connection.execute(profiles.update().where(profiles.c.id == profile_id).values(**values))


def remove_profile(connection: sa.Connection, profile_id: str) -> None:
    """Remove a profile; sessions that had unlocked it stand as they are."""
    connection.execute(profiles.delete().where(profiles.c.id == profile_id))


def _member(row: sa.Row[Any]) -> Member:
    return Member(id=row.id, email=row.email, role=Role(row.role), created_at=row.created_at)


def _profile(row: sa.Row[Any]) -> Profile:
    return Profile(
        id=row.id,
        member_id=row.member_id,
        name=row.name,
        language=row.language,
        maturity_limit=row.maturity_limit,
        has_pin=row.pin_hash is not None,
        created_at=row.created_at,
    )
