"""Whose playbacks and profiles are: asked with every batch of events, and so kept in the process for a while."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from matinee.accounts.members import Accounts
from matinee.model.ids import is_id
from matinee.model.recent import Recent
from matinee.playback import store
from matinee.ports import Clock

_PLAYBACKS_KEPT = 50_000
# Whose it is never changes; a title that was encoded anew may have got another length by the next renewal.
_PLAYBACK_LASTS = timedelta(minutes=10)
_MEMBERS_KEPT = 20_000
_PROFILES_LAST = timedelta(seconds=5)


class Ownership:
    """Answers whose a playback or a profile is. Threads share it."""

    def __init__(self, engine: sa.Engine, accounts: Accounts, clock: Clock) -> None:
        self._engine = engine
        self._accounts = accounts
        self._clock = clock
        self._playbacks: Recent[str, Mapping[str, Any]] = Recent(_PLAYBACKS_KEPT, _PLAYBACK_LASTS)
        self._profiles: Recent[str, frozenset[str]] = Recent(_MEMBERS_KEPT, _PROFILES_LAST)

    def playbacks(self, playback_ids: Iterable[str]) -> Mapping[str, Mapping[str, Any]]:
        """Of each of these playbacks that exists: whose it is, what it plays, where, and how long that is."""
        now = self._clock.now()
        known = {one: self._playbacks.get(one, now) for one in playback_ids}
        owners = {one: owner for one, owner in known.items() if owner is not None}
        if missing := [one for one, owner in known.items() if owner is None and is_id(one)]:
            with self._engine.connect().execution_options(read_only=True) as connection:
                found = store.read_owners(connection, missing)
            for one, owner in found.items():
                self._playbacks.keep(one, owner, now)
            owners |= found
        return owners

    def profiles(self, member_id: str, wanted: frozenset[str]) -> frozenset[str]:
        """The member's profiles; those they had a moment ago, if what is wanted is among them."""
        now = self._clock.now()
        known = self._profiles.get(member_id, now)
        if known is None or not wanted <= known:
            known = frozenset(profile.id for profile in self._accounts.profiles(member_id))
            self._profiles.keep(member_id, known, now)
        return known
