"""What one session may do with its member's profiles: locks and limits hold here."""

from typing import TYPE_CHECKING, Any

from matinee.accounts.profiles import EVERYTHING, Profile, highest_limit, is_open
from matinee.accounts.sessions import Member, Presence
from matinee.model.errors import Forbidden

if TYPE_CHECKING:
    from matinee.accounts.members import Accounts


class Household:
    """The profiles of a member as one of their sessions may use them.

    A profile with a PIN is locked until the session gives the PIN; one at a time is unlocked. Seen at one moment: made
    anew for each request.
    """

    def __init__(self, accounts: "Accounts", presence: Presence) -> None:
        self._accounts = accounts
        self._presence = presence

    @property
    def member(self) -> Member:
        """Whose household it is."""
        return self._presence.member

    def profiles(self) -> list[Profile]:
        """All profiles, locked ones too, oldest first."""
        return self._accounts.profiles(self.member.id)

    def open(self, profile_id: str) -> Profile:
        """A profile to watch with. NotFound if it is not this member's, Forbidden while it is locked."""
        profile = self._accounts.profile(self.member.id, profile_id)
        if not is_open(profile, self._presence.unlocked_profile_id):
            raise Forbidden(f"The profile {profile.name} asks for its PIN.")
        return profile

    def limit(self, profile_id: str | None = None) -> int:
        """The maturity up to which titles are shown: the profile's, or the highest that this session may choose."""
        if profile_id is not None:
            return self.open(profile_id).maturity_limit
        return highest_limit(self.profiles(), self._presence.unlocked_profile_id)

    def unlock(self, profile_id: str, *, pin: str | None = None, password: str | None = None) -> Profile:
        """Open a profile with its PIN, or with the account's password where the PIN is forgotten.

        The profile that was unlocked before is locked again. Forbidden and LimitReached as ``Accounts.check_pin``.
        """
        profile = self._accounts.profile(self.member.id, profile_id)
        if password is not None:
            self._accounts.check_password(self.member.id, password)
        else:
            self._accounts.check_pin(self.member.id, profile_id, pin or "")
        self._accounts.note_unlocked(self._presence.session_id, profile.id if profile.has_pin else None)
        return profile

    def lock(self) -> None:
        """Lock the unlocked profile again: somebody else takes the remote."""
        if self._presence.unlocked_profile_id is not None:
            self._accounts.note_unlocked(self._presence.session_id, None)

    def add(self, name: str, language: str = "en", maturity_limit: int = EVERYTHING, pin: str | None = None) -> Profile:
        """A new profile. Forbidden above the limit that this session may choose."""
        self._check_limit(maturity_limit)
        return self._accounts.create_profile(self.member.id, name, language, maturity_limit, pin)

    def change(self, profile_id: str, **changes: Any) -> Profile:
        """Change an open profile, as ``Accounts.change_profile``. Forbidden above the limit this session may choose."""
        profile = self.open(profile_id)
        if changes.get("maturity_limit", profile.maturity_limit) != profile.maturity_limit:
            self._check_limit(changes["maturity_limit"])
        changed = self._accounts.change_profile(self.member.id, profile_id, **changes)
        if changes.get("pin") is not None:
            # Who has just chosen the PIN knows it.
            self._accounts.note_unlocked(self._presence.session_id, profile_id)
        return changed

    def remove(self, profile_id: str) -> None:
        """Delete an open profile."""
        self.open(profile_id)
        self._accounts.delete_profile(self.member.id, profile_id)

    def _check_limit(self, maturity_limit: Any) -> None:
        highest = self.limit()
        if isinstance(maturity_limit, int) and maturity_limit > highest:
            raise Forbidden(f"A maturity limit above {highest} needs the PIN of a profile that has it.")
