"""Profiles over HTTP."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, StrictInt

from matinee.accounts.members import Allowance, Household, Profile
from matinee.api.authentication import household
from matinee.model.errors import Invalid

if TYPE_CHECKING:
    from matinee.pages.rooms import Rooms

_MOST_BYTES = 16 * 1024


class NewProfile(BaseModel):
    """A profile to be. ``maturity_limit`` is an age, 18 being everything; a PIN is four to eight digits."""

    name: str
    language: str = "en"
    maturity_limit: StrictInt = 18
    pin: str | None = None


class ProfileChanges(BaseModel):
    """What is to change of a profile: the fields that are sent. ``pin`` null takes the PIN off."""

    name: str = ""
    language: str = ""
    maturity_limit: StrictInt = 18
    pin: str | None = None


class Key(BaseModel):
    """What opens a locked profile: its PIN, or the account's password where the PIN is forgotten."""

    pin: str | None = None
    password: str | None = None


class ProfileBody(BaseModel):
    """A profile; with a PIN it is locked until the PIN is given."""

    id: str
    name: str
    language: str
    maturity_limit: int
    has_pin: bool
    created_at: datetime


class ProfilesBody(BaseModel):
    """Profiles, oldest first."""

    profiles: list[ProfileBody]


def routes(rooms: "Rooms") -> APIRouter:
    """A member's profiles."""
    router = APIRouter(prefix="/profiles", tags=["profiles"], max_body_size=_MOST_BYTES)
    Home = Annotated[Household, Depends(household(rooms))]  # noqa: N806 - a type, made of this service's rooms

    def forget_history(home: Household, profile_id: str) -> None:
        profile = home.open(profile_id)
        # For each the whole archive is looked through.
        rooms.accounts.allow(Allowance.FORGETTING, home.member)
        rooms.playbacks.forget_history(home.member.id, profile.id)

    @router.get("")
    def list_profiles(home: Home) -> ProfilesBody:
        """All profiles of the member, oldest first."""
        return ProfilesBody(profiles=[_body(profile) for profile in home.profiles()])

    @router.post("", status_code=201)
    def create(new: NewProfile, home: Home) -> ProfileBody:
        """Make a profile. 403 for a limit above what a child without the PIN may choose."""
        return _body(home.add(new.name, new.language, new.maturity_limit, new.pin))

    @router.patch("/{profile_id}")
    def change(profile_id: str, changes: ProfileChanges, home: Home) -> ProfileBody:
        """Change the fields that are sent. 403 while the profile is locked."""
        return _body(home.change(profile_id, **changes.model_dump(exclude_unset=True)))

    @router.delete("/{profile_id}", status_code=204)
    def remove(profile_id: str, home: Home) -> None:
        """Delete a profile and forget what it watched. 403 while it is locked."""
        forget_history(home, profile_id)
        home.remove(profile_id)

    @router.delete("/{profile_id}/history", status_code=202)
    def forget(profile_id: str, home: Home) -> None:
        """Forget what a profile watched until now: at once on its pages, soon in the archive. 403 while locked."""
        forget_history(home, profile_id)

    @router.post("/{profile_id}/unlock")
    def unlock(profile_id: str, key: Key, home: Home) -> ProfileBody:
        """Open a profile for this session, for six hours or until another is unlocked. 429 after five wrong PINs."""
        if key.pin is not None and key.password is not None:
            raise Invalid("Send the PIN or the password, not both.")
        return _body(home.unlock(profile_id, pin=key.pin, password=key.password))

    @router.post("/{profile_id}/lock")
    def lock(profile_id: str, home: Home) -> ProfileBody:
        """Lock a profile again before its time."""
        profile = rooms.accounts.profile(home.member.id, profile_id)
        home.lock()
        return _body(profile)

    return router


def _body(profile: Profile) -> ProfileBody:
    return ProfileBody(
        id=profile.id,
        name=profile.name,
        language=profile.language,
        maturity_limit=profile.maturity_limit,
        has_pin=profile.has_pin,
        created_at=profile.created_at,
    )
