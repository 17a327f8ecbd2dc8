"""The archive's upkeep: small parts of past days put together, old days and old events let go of, members forgotten.

A rewritten part has a key of its own, never used again: its row says that it is meant to be put, then it is put and
read back, and one transaction lets it stand in the place of those it was made of, if all of them still stand. Only
then are their objects removed, so a crash leaves at worst objects that no row knows, which the next run finds. For
that moment, less than a second as a rule, who reads the folder sees a rewritten part beside the old ones.
"""

import contextlib
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from matinee import event_parquet as parts
from matinee.model.errors import Conflict, Unavailable
from matinee.model.ids import RandomBytes, new_id
from matinee.recommender import store
from matinee.recommender.archive import PREFIX, Archive, is_forgotten, key_of, range_of
from matinee.recommender.store import Part, PartState

_log = structlog.get_logger()

_SMALL_BYTES = 64 * 1024 * 1024
_QUIET = timedelta(hours=1)
_ABANDONED = timedelta(hours=1)
# How long it is remembered when a range was written, where the log keeps everything.
_RANGES_KEPT = timedelta(days=1)
_LISTED_AT_ONCE = 500


class Upkeep:
    """What runs by the clock over an archive, and forgets. Running anything of it twice at once is harmless.

    The log keeps archived events for ``events_days``, the archive its days for ``archive_days``; 0: for ever.
    """

    def __init__(
        self, archive: Archive, random_bytes: RandomBytes, events_days: float = 0.0, archive_days: float = 0.0
    ) -> None:
        self.archive = archive
        self._random_bytes = random_bytes
        self._events_days = events_days
        self._archive_days = archive_days

    # --- by the clock -----------------------------------------------------------------------------------------------

    def compact(self) -> int:
        """Make one part of the small ones of each past day that was quiet for an hour; how many went into others."""
        self.tidy()
        now, merged = self.archive.now(), 0
        with self.archive.reading() as connection:
            days = store.crowded_days(connection, parts.day_of(now), now - _QUIET, _SMALL_BYTES)
        for day in days:
            with self.archive.reading() as connection:
                standing = store.read_parts(connection, PartState.STANDING, day=day)
            small = [part for part in standing if part.bytes < _SMALL_BYTES]
            if len(small) > 1 and self._rewrite(small, {}):
                merged += len(small)
                _log.info("archive.compacted", day=day, parts=len(small))
        return merged

    def retain(self) -> None:
        """Let the log go of what is archived and old, and the archive of days past their keep; sweep the folder."""
        now = self.archive.now()
        if self._events_days:
            self._drop(now - timedelta(days=self._events_days), now)
        with self.archive.writing() as connection:
            store.thin_ranges(connection, now - max(_RANGES_KEPT, timedelta(days=self._events_days)))
            if self._archive_days:
                left = store.leave_days(connection, parts.day_of(now - timedelta(days=self._archive_days)))
                if left:
                    _log.info("archive.days_removed", parts=left)
        self.tidy()
        self.sweep()

    def _drop(self, before: datetime, now: datetime) -> None:
        # A range at a time: on SQLite whoever removes many rows at once keeps the writers waiting.
        with self.archive.reading() as connection:
            ends = store.undropped(connection, before)
        for through in ends:
            with self.archive.writing() as connection:
                # First the note, so that no reader trusts in events that are gone.
                store.mark_dropped(connection, through, now)
            self.archive.log.drop(through)
        if ends:
            _log.info("archive.log_dropped", through=ends[-1])

    # --- forgetting -------------------------------------------------------------------------------------------------

    def forget(self, profile_id: str, until_seconds: float) -> None:
        """Remove a profile's events up to a time (seconds since 1970) from log and archive, for good.

        Those that come late are left out as well. Raises Unavailable if a part of the world does not answer; what was
        not done then is done by calling again.
        """
        with self.archive.writing() as connection:
            store.add_forgotten(connection, profile_id, until_seconds)
        # Whoever began to write before that may not have known; once all is written, every part can be looked through.
        self.archive.finish()
        self.archive.write()
        gone = {profile_id: until_seconds}
        seen: set[str] = set()
        removed = 0
        while unseen := self._standing_without(seen):
            part = unseen[0]
            positions = self._positions(part, gone)
            # The log first: as long as the part stands, whoever begins again finds in it what to erase.
            self.archive.log.erase(positions)
            if not positions or self._rewrite([part], gone, len(positions)):
                seen.add(part.key)
                removed += len(positions)
        _log.info("archive.forgotten", profile_id=profile_id, events=removed, parts=len(seen))

    def _standing_without(self, seen: set[str]) -> list[Part]:
        with self.archive.reading() as connection:
            return [part for part in store.read_parts(connection, PartState.STANDING) if part.key not in seen]

    def _positions(self, part: Part, gone: Mapping[str, float]) -> list[int]:
        try:
            with self.archive.fetched([part]) as (path,):
                return parts.positions(path, lambda profile_id, at: is_forgotten(gone, profile_id, at))
        except Unavailable:
            with self.archive.reading() as connection:
                if part.key in {one.key for one in store.read_parts(connection, PartState.STANDING)}:
                    raise
            # It was put together with others meanwhile: there is nothing to be found in it any more.
            return []

    # --- rewriting --------------------------------------------------------------------------------------------------

    def _rewrite(self, old: Sequence[Part], gone: Mapping[str, float], going: int = 0) -> bool:
        """Put one part in the place of some, without the ``going`` events of who is forgotten.

        False if others were quicker.
        """
        expected = sum(one.events for one in old) - going
        first, last = min(one.first for one in old), max(one.last for one in old)
        new = Part(
            key=key_of(old[0].day, first, last, new_id(self._random_bytes)),
            day=old[0].day,
            first=first,
            last=last,
            events=0,
            bytes=0,
            written_at=max(one.written_at for one in old),
        )
        with self.archive.writing() as connection:
            store.add_part(connection, replace(new, written_at=self.archive.now()), PartState.INTENDED)
        with tempfile.TemporaryDirectory(prefix="matinee-archive-") as folder, self.archive.fetched(old) as paths:
            target = Path(folder) / "part.parquet"
            kept = parts.rewrite(paths, target, lambda profile_id, at: is_forgotten(gone, profile_id, at))
            if kept != expected:
                raise Unavailable(f"The parts of {new.day} give {kept} events, not the {expected} that are to stay.")
            new = replace(new, events=kept, bytes=target.stat().st_size)
            if kept:
                self.archive.put(new.key, target)
        if kept:
            self._read_back(new, gone)
        switched = self._switch(new, old)
        self.tidy(old if switched else ())
        if not switched:
            with self.archive.writing() as connection:
                store.remove_part(connection, new.key, PartState.INTENDED)
            # Whether or not another worker gave it up: nobody lets it stand any more.
            self.archive.remove([new.key])
        return switched

    def _read_back(self, new: Part, gone: Mapping[str, float]) -> None:
        """Unavailable unless the new part, as the store gives it, holds what it is to hold."""
        with self.archive.fetched([new]) as (path,):
            found = parts.count(path)
            left = parts.positions(path, lambda profile_id, at: is_forgotten(gone, profile_id, at)) if gone else []
        if found != new.events or left:
            raise Unavailable(f"The part {new.key} was not kept as it was put: {found} of {new.events} events.")

    def _switch(self, new: Part, old: Sequence[Part]) -> bool:
        """One transaction: the new part stands (unless it is empty), the old ones leave; False if one of them did."""
        with contextlib.suppress(Conflict), self.archive.writing() as connection:
            for part in old:
                if not store.move_part(connection, part, PartState.STANDING, PartState.LEAVING):
                    raise Conflict(f"Another worker has rewritten {part.key}.")
            if not store.move_part(connection, new, PartState.INTENDED, PartState.STANDING):
                raise Conflict(f"Another worker has given {new.key} up.")
            if not new.events:
                store.remove_part(connection, new.key, PartState.STANDING)
            return True
        return False

    def _abandon(self, part: Part) -> None:
        # The row first: who has removed it knows that nobody lets the part stand any more.
        with self.archive.writing() as connection:
            mine = store.remove_part(connection, part.key, PartState.INTENDED)
        if mine:
            self.archive.remove([part.key])

    def tidy(self, leaving: Sequence[Part] | None = None) -> None:
        """Remove the objects of parts that leave (these, or all), and of those that were begun and left lying."""
        if leaving is None:
            with self.archive.reading() as connection:
                leaving = store.read_parts(connection, PartState.LEAVING)
                before = self.archive.now() - _ABANDONED
                begun = store.read_parts(connection, PartState.INTENDED, before=before)
            for part in begun:
                self._abandon(part)
        for part in leaving:
            self.archive.remove([part.key])
            with self.archive.writing() as connection:
                store.remove_part(connection, part.key, PartState.LEAVING)

    def sweep(self) -> int:
        """Remove the objects that no row knows: what somebody put who was killed after another had finished for them.

        What is listed was put before the rows are read, and every row is written before its object is put.
        """
        swept = 0
        for keys in self.archive.listed(PREFIX, _LISTED_AT_ONCE):
            with self.archive.reading() as connection:
                open_range = store.open_range(connection)
                known = store.known_keys(connection, keys)
            meant = open_range and (open_range.first, open_range.through)
            strangers = [key for key in keys if key not in known and (meant is None or range_of(key) != meant)]
            self.archive.remove(strangers)
            swept += len(strangers)
        if swept:
            _log.warning("archive.swept", objects=swept)
        return swept
