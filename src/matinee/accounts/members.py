"""Members sign up, in and out, and own profiles."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from prometheus_client import Counter

from matinee.accounts import credentials, store
from matinee.accounts.allowances import Allowance, Allowances, neighbourhood
from matinee.accounts.guesses import Guesses
from matinee.accounts.profiles import EVERYTHING, MOST_PROFILES, Profile, checked_changes, highest_limit, is_open
from matinee.accounts.sessions import Member, Presence, Role, Session, SignIn
from matinee.model.errors import Conflict, Forbidden, Invalid, NotFound, SignInRequired
from matinee.model.ids import RandomBytes, is_id, new_id
from matinee.model.recent import Recent
from matinee.ports import Clock

__all__ = ["Accounts", "Allowance", "Household", "Member", "Presence", "Profile", "Role", "Session", "SignIn"]

_log = structlog.get_logger()
_SIGN_INS = Counter("matinee_sign_ins", "Sign-ins by how they ended.", ["outcome"])

_SEEN_EVERY = timedelta(seconds=60)
# For so long a member who was signed out in another process is still believed here.
_MEMBER_LASTS = timedelta(seconds=3)
_MEMBERS_KEPT = 20_000
_UNLOCKED_FOR = timedelta(hours=6)
_WRONG_PASSWORDS = 10
_WRONG_PINS = 5
_LONGEST_DEVICE = 200

_NOBODY = "Nobody is signed in here: sign in first."
_WRONG = "This e-mail address and password do not belong together."


class Accounts:
    """The members of the service. Made of its engine, clock and randomness; a sign-in lasts ``session_seconds``.

    ``allowed`` says how often a minute what may be asked for.
    """

    def __init__(
        self,
        engine: sa.Engine,
        clock: Clock,
        random_bytes: RandomBytes,
        session_seconds: float,
        allowed: Mapping[Allowance, int] | None = None,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._random_bytes = random_bytes
        self._session_seconds = session_seconds
        self._guesses = Guesses(engine, clock, random_bytes)
        self._allowances = Allowances(engine, clock, allowed or {})
        self._members: Recent[str, Member] = Recent(_MEMBERS_KEPT, _MEMBER_LASTS)
        # Compared with when an e-mail address is unknown, so that the answer takes as long as for a known one.
        self._nobodys_hash = self._guesses.hashed(random_bytes(16).hex())

    def allow(self, of: Allowance, member: Member) -> None:
        """Count a request of a member; LimitReached beyond the allowance (see ``accounts.allowances``)."""
        self._allowances.spend(of, member.id)

    def allow_from(self, of: Allowance, address: str | None) -> None:
        """Count a request from an IP address, of which its sender's network counts; LimitReached as ``allow``."""
        self._allowances.spend(of, neighbourhood(address))

    def sign_up(self, email: str, password: str, role: Role = Role.MEMBER) -> Member:
        """A new member, without profiles. Conflict if the address has one; Invalid for a bad address or password."""
        email = credentials.normal_email(email)
        credentials.check_new_password(password)
        member = Member(id=new_id(self._random_bytes), email=email, role=role, created_at=self._clock.now())
        kept = self._guesses.hashed(password)
        with self._engine.begin() as connection:
            if not store.add_member(connection, member, kept):
                raise Conflict(f"There is an account for {email} already.")
        _log.info("member.signed_up", member_id=member.id, role=role.value)
        return member

    def emails(self, member_ids: Collection[str]) -> Mapping[str, str]:
        """Members' addresses by id, of those that there are: for operators alone."""
        with self._reading() as connection:
            return store.member_emails(connection, member_ids)

    def sign_in(self, email: str, password: str, device: str) -> SignIn:
        """A session for who knows the password.

        SignInRequired, after the same time and in the same words, for an unknown address and a wrong password.
        LimitReached after ten wrong ones within 15 minutes.
        """
        try:
            email = credentials.normal_email(email)
        except Invalid:
            email = credentials.digest(email)  # what is no address has no account, and takes as long to say
        with self._reading() as connection:
            found = store.member_with_password(connection, email=email)
        member, kept = found or (None, self._nobodys_hash)
        right = self._guesses.right(f"sign-in:{email}", _WRONG_PASSWORDS, password, kept)
        if member is None or not right:
            _SIGN_INS.labels("refused").inc()
            raise SignInRequired(_WRONG)
        token = credentials.new_token(self._random_bytes)
        now = self._clock.now()
        session = Session(
            id=new_id(self._random_bytes),
            device=_shown(device),
            created_at=now,
            last_seen_at=now,
            expires_at=now + timedelta(seconds=self._session_seconds),
            current=True,
        )
        renewed = self._guesses.hashed(password) if credentials.outdated(kept) else None
        with self._engine.begin() as connection:
            store.add_session(connection, member.id, credentials.digest(token), session)
            if renewed is not None:
                store.change_password_hash(connection, member.id, renewed)
        _SIGN_INS.labels("accepted").inc()
        _log.info("session.started", member_id=member.id, session_id=session.id)
        return SignIn(token=token, expires_at=session.expires_at, member=member)

    def presence(self, token: str) -> Presence:
        """The session a token stands for. SignInRequired if it is unknown or has expired."""
        now = self._clock.now()
        with self._reading() as connection:
            found = store.presence(connection, credentials.digest(token), now, now - _UNLOCKED_FOR)
        if found is None:
            raise SignInRequired(_NOBODY)
        if found.last_seen_at <= now - _SEEN_EVERY:
            with self._engine.begin() as connection:
                store.touch_session(connection, found.session_id, now, now - _SEEN_EVERY)
        return found

    def member_of(self, token: str) -> Member:
        """Whose token it is, as known within the last three seconds. SignInRequired if it is unknown or has expired.

        A sign-out counts at once in its own process. ``presence`` and ``household`` ask the database each time.
        """
        key, now, turn = credentials.digest(token), self._clock.now(), self._members.turn
        member = self._members.get(key, now)
        if member is None:
            member = self.presence(token).member
            self._members.keep(key, member, now, turn)
        return member

    def household(self, token: str) -> "Household":
        """What the token's session may do with its member's profiles. SignInRequired as ``presence``."""
        return Household(self, self.presence(token))

    def sign_out(self, token: str) -> tuple[str, str] | None:
        """End the token's session: its member's id and its own; None if there is none."""
        with self._engine.begin() as connection:
            ended = store.remove_token(connection, credentials.digest(token))
        self._members.forget(credentials.digest(token))
        return ended

    def sessions(self, member_id: str, current_token: str | None = None) -> list[Session]:
        """Where a member is signed in, newest first; the session of ``current_token`` is marked."""
        current = None if current_token is None else credentials.digest(current_token)
        with self._reading() as connection:
            return store.member_sessions(connection, member_id, self._clock.now(), current)

    def end_session(self, member_id: str, session_id: str) -> None:
        """Sign a member's device out. NotFound if it is not theirs."""
        with self._engine.begin() as connection:
            if not (is_id(session_id) and store.remove_session(connection, member_id, session_id)):
                raise NotFound(f"You have no session {session_id!r}.")
        self._members.forget()

    def end_sessions(self, member_id: str) -> int:
        """Sign a member out everywhere; how many sessions that were."""
        with self._engine.begin() as connection:
            ended = store.remove_sessions(connection, member_id)
        self._members.forget()
        _log.info("sessions.ended", member_id=member_id, sessions=ended)
        return ended

    def forget_expired(self) -> int:
        """Remove expired sessions and guesses of the past; how many sessions there were."""
        with self._engine.begin() as connection:
            return store.remove_expired(connection, self._clock.now(), self._guesses.past())

    def check_password(self, member_id: str, password: str) -> None:
        """Forbidden unless it is the member's password. LimitReached as for a sign-in, and counted with them."""
        with self._reading() as connection:
            found = store.member_with_password(connection, member_id=member_id)
        if found is None:
            raise NotFound(f"There is no member {member_id!r}.")
        member, kept = found
        if not self._guesses.right(f"sign-in:{member.email}", _WRONG_PASSWORDS, password, kept):
            raise Forbidden("The password is not right.")

    def create_profile(
        self,
        member_id: str,
        name: str,
        language: str = "en",
        maturity_limit: int = EVERYTHING,
        pin: str | None = None,
    ) -> Profile:
        """A new profile of a member. Invalid for a field that is not right, Conflict beyond 100 profiles."""
        fields = checked_changes({"name": name, "language": language, "maturity_limit": maturity_limit, "pin": pin})
        pin = fields.pop("pin")
        now = self._clock.now()
        profile = Profile(
            id=new_id(self._random_bytes), member_id=member_id, has_pin=pin is not None, created_at=now, **fields
        )
        pin_hash = None if pin is None else self._guesses.hashed(pin)
        with self._engine.begin() as connection:
            if len(store.member_profiles(connection, member_id)) >= MOST_PROFILES:
                raise Conflict(f"An account has at most {MOST_PROFILES} profiles.")
            store.add_profile(connection, profile, pin_hash)
        return profile

    def profiles(self, member_id: str) -> list[Profile]:
        """A member's profiles, oldest first."""
        with self._reading() as connection:
            return store.member_profiles(connection, member_id)

    def profile(self, member_id: str, profile_id: str) -> Profile:
        """A member's profile. NotFound if it is another member's."""
        return self._profile(member_id, profile_id)[0]

    def change_profile(self, member_id: str, profile_id: str, **changes: Any) -> Profile:
        """Change ``name``, ``language``, ``maturity_limit`` or ``pin`` (None takes it off); errors as at its making.

        A changed PIN locks the profile in every session.
        """
        profile = self.profile(member_id, profile_id)
        fields = checked_changes(changes)
        values = {name: value for name, value in fields.items() if name != "pin"}
        changed = replace(profile, **values)
        if "pin" in fields:
            values["pin_hash"] = None if fields["pin"] is None else self._guesses.hashed(fields["pin"])
            changed = replace(changed, has_pin=fields["pin"] is not None)
        if values:
            with self._engine.begin() as connection:
                store.change_profile(connection, profile_id, values)
                if "pin" in fields:
                    store.lock_everywhere(connection, profile_id)
        return changed

    def delete_profile(self, member_id: str, profile_id: str) -> None:
        """Remove a member's profile. NotFound if it is another member's."""
        self.profile(member_id, profile_id)
        with self._engine.begin() as connection:
            store.remove_profile(connection, profile_id)

    def check_pin(self, member_id: str, profile_id: str, pin: str) -> None:
        """Forbidden if the profile has another PIN. LimitReached after five wrong ones within 15 minutes."""
        profile, kept = self._profile(member_id, profile_id)
        if kept is None:
            return
        if not self._guesses.right(f"pin:{profile_id}", _WRONG_PINS, pin, kept):
            raise Forbidden(f"This is not the PIN of {profile.name}.")

    def note_unlocked(self, session_id: str, profile_id: str | None) -> None:
        """Remember for six hours that a session has given a profile's PIN, and no other's; None forgets it."""
        with self._engine.begin() as connection:
            store.unlock(connection, session_id, profile_id, self._clock.now())

    def _profile(self, member_id: str, profile_id: str) -> tuple[Profile, str | None]:
        with self._reading() as connection:
            found = store.profile_with_pin(connection, member_id, profile_id) if is_id(profile_id) else None
        if found is None:
            raise NotFound(f"You have no profile {profile_id!r}.")
        return found

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with self._engine.connect() as connection:
            yield connection.execution_options(read_only=True)


class Household:
    """The profiles of a member as one of their sessions may use them.

    A profile with a PIN is locked until the session gives the PIN; one at a time is unlocked. Seen at one moment: made
    anew for each request.
    """

    def __init__(self, accounts: Accounts, presence: Presence) -> None:
        self._accounts = accounts
        self._presence = presence

    @property
    def member(self) -> Member:
        """Whose household it is."""
        return self._presence.member

    @property
    def session_id(self) -> str:
        """The session that uses it."""
        return self._presence.session_id

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
        if isinstance(maturity_limit, int) and highest < maturity_limit <= EVERYTHING:
            raise Forbidden(f"A maturity limit above {highest} needs the PIN of a profile that has it.")


def _shown(device: str) -> str:
    printable = "".join(letter for letter in device if letter.isprintable())
    return printable[:_LONGEST_DEVICE].strip() or "An unnamed device"
