"""Who in a household is watching: what a profile may be, and what a locked one protects."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from matinee.accounts.credentials import check_new_pin
from matinee.model.errors import Invalid
from matinee.model.text import line

EVERYTHING = 18
MOST_PROFILES = 100
_LONGEST_NAME = 40
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")


@dataclass(frozen=True, slots=True)
class Profile:
    """One person of a household. ``maturity_limit`` is an age: 0 is for all, 18 for everything."""

    id: str
    member_id: str
    name: str
    language: str
    maturity_limit: int
    has_pin: bool
    created_at: datetime


def checked_changes(changes: Mapping[str, Any]) -> dict[str, Any]:
    """A profile's fields as they are kept; Invalid for one that is unknown or not right. ``pin`` None takes it off."""
    checked: dict[str, Any] = {}
    for name, value in changes.items():
        match name, value:
            case "name", str():
                checked["name"] = line("A profile's name", value, _LONGEST_NAME)
            case "language", str():
                # RFC 5646 §2.1, its shape alone: the registry of subtags grows without us.
                if not _LANGUAGE.fullmatch(value):
                    raise Invalid(f"{value!r} is not a language tag; 'en' or 'pt-BR' would be.")
                checked["language"] = value
            case "maturity_limit", int() if not isinstance(value, bool):
                if not 0 <= value <= EVERYTHING:
                    raise Invalid(f"A maturity limit is an age from 0 to {EVERYTHING}.")
                checked["maturity_limit"] = value
            case "pin", str() | None:
                if value is not None:
                    check_new_pin(value)
                checked["pin"] = value
            case _:
                raise Invalid(f"A profile's {name!r} cannot be {value!r}.")
    return checked


def is_open(profile: Profile, unlocked_profile_id: str | None) -> bool:
    """Whether a session may use the profile: it has no PIN, or the session has given it."""
    return not profile.has_pin or profile.id == unlocked_profile_id


def highest_limit(profiles: Sequence[Profile], unlocked_profile_id: str | None) -> int:
    """The age up to which a session may choose: everything, unless a PIN keeps a profile from it.

    While one is kept from it, no more than the most that an open profile allows: otherwise a child would make a profile
    without a limit beside the locked one.
    """
    limits = [profile.maturity_limit for profile in profiles if is_open(profile, unlocked_profile_id)]
    return EVERYTHING if len(limits) == len(profiles) else max(limits, default=0)
