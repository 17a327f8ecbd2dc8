"""Who is signed in, and where."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """What a member may do: watch, or run the service as well."""

    MEMBER = "member"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Member:
    """Who pays, signs in and owns profiles."""

    id: str
    email: str
    role: Role
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SignIn:
    """What a sign-in gives. The token is shown this once; only its digest is kept."""

    token: str
    expires_at: datetime
    member: Member


@dataclass(frozen=True, slots=True)
class Session:
    """A device that is signed in. ``current`` marks the one that asks."""

    id: str
    device: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    current: bool


@dataclass(frozen=True, slots=True)
class Presence:
    """Who speaks: the session, its member, and the profile whose PIN this session has given, if any."""

    session_id: str
    member: Member
    unlocked_profile_id: str | None
    last_seen_at: datetime
