"""What a database's refusals mean, as sentences for people; no password gets into them."""

import re

import sqlalchemy as sa

from matinee.model.errors import Unavailable

_SECRETS = frozenset({"password", "sslpassword"})
_UNWELCOME = re.compile(
    r"authentication failed|no password supplied|role \"[^\"]*\" does not exist|no pg_hba\.conf entry"
    r"|not permitted to log in|certificate required"
)
_NO_DATABASE = re.compile(r"database \"[^\"]*\" does not exist")
_READ_ONLY = re.compile(r"readonly database|read-only transaction")
_NO_FILE = re.compile(r"file is not a database|malformed")


def shown(url: str | sa.URL) -> str:
    """A database's address as it may be shown: without its password."""
    try:
        address = sa.make_url(url)
    except sa.exc.ArgumentError:
        return "an address that cannot be read"
    hidden = {name: "***" for name in address.query if name in _SECRETS}
    return address.update_query_dict(hidden).render_as_string(hide_password=True)


def reason_of(error: sa.exc.SQLAlchemyError) -> str:
    """What the database or its driver said, in one line."""
    lines = str(getattr(error, "orig", None) or error).strip().splitlines() or [type(error).__name__]
    return lines[0].removeprefix("connection failed: ").rstrip(".")


def unavailable(engine: sa.Engine, error: sa.exc.SQLAlchemyError) -> Unavailable:
    """What to say of a database that cannot be used, and what would mend it."""
    url, reason = engine.url, reason_of(error)
    said = str(getattr(error, "orig", None) or error)
    if _UNWELCOME.search(said):
        return Unavailable(
            f"The database {shown(url)} does not let the user {url.username!r} in: {_last_part(reason)}."
        )
    if _NO_DATABASE.search(said):
        return Unavailable(f"There is no database {url.database!r} at {url.host}: create it and run `matinee migrate`.")
    if _READ_ONLY.search(said):
        return Unavailable(f"The database {shown(url)} can only be read: {_last_part(reason)}.")
    if _NO_FILE.search(said):
        return Unavailable(f"The file {url.database} is no SQLite database, or is damaged: {_last_part(reason)}.")
    return Unavailable(f"The database {shown(url)} does not answer: {reason}.")


def _last_part(reason: str) -> str:
    """What PostgreSQL says after where it says it: ``… failed: FATAL:  password authentication failed for …``."""
    return reason.rpartition("FATAL:")[2].strip()
