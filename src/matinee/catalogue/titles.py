"""The catalogue: titles are made, encoded, published, found and withdrawn."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from threading import Lock

import sqlalchemy as sa
import structlog

from matinee.catalogue import store
from matinee.catalogue.lifecycle import (
    Step,
    Title,
    TitleDraft,
    TitleKind,
    TitleState,
    check_parent,
    checked_draft,
    described,
)
from matinee.catalogue.search import Index, find, index
from matinee.catalogue.shelf import Shelf, Snapshot
from matinee.model.errors import Conflict, Invalid, NotFound
from matinee.model.events import Event, Facts, TitlePublished, TitleWithdrawn
from matinee.model.ids import RandomBytes, is_id, new_id
from matinee.model.media import Presentation
from matinee.model.text import paragraphs
from matinee.ports import Clock, Outbox

__all__ = ["Catalogue", "Shelf", "Title", "TitleDraft", "TitleKind", "TitleState"]

_log = structlog.get_logger()
_LOOK_EVERY = timedelta(seconds=0.2)
_LONGEST_MESSAGE = 2000
_LONGEST_REVISION = 64
_SOURCE = "catalogue"
_EVERYTHING = 18


_Stepped = tuple[Title, Facts | None]
"""A title after a step of its lifecycle, and what others are told of it."""


class Catalogue:
    """All titles. One value for all threads of a process; any number of processes share the database."""

    def __init__(self, engine: sa.Engine, outbox: Outbox, clock: Clock, random_bytes: RandomBytes) -> None:
        self._engine = engine
        self._outbox = outbox
        self._clock = clock
        self._random_bytes = random_bytes
        self._snapshot = Snapshot()
        self._looked_at: datetime | None = None
        self._looking = Lock()
        # What this process has written itself, its readers are to see at once.
        self._written = 0
        self._index: tuple[Shelf, Index] = (self._snapshot.shelf, index(()))
        self._indexing = Lock()

    def create(self, draft: TitleDraft, title_id: str | None = None) -> Title:
        """A new title, in draft. Invalid for a field that is not right, or a parent it cannot belong to.

        Who decided on an id beforehand and asks again gets the title that is there.
        """
        draft = checked_draft(draft)
        title = Title(
            id=title_id or new_id(self._random_bytes),
            kind=draft.kind,
            name=draft.name,
            synopsis=draft.synopsis,
            year=draft.year,
            genres=draft.genres,
            moods=draft.moods,
            maturity=draft.maturity,
            state=TitleState.DRAFT,
            message=None,
            revision=None,
            presentation=None,
            parent_id=draft.parent_id,
            season_number=draft.season_number,
            episode_number=draft.episode_number,
            created_at=self._clock.now(),
            published_at=None,
            territories=draft.territories,
        )
        with self._changing() as (connection, change):
            if title_id is not None and (there := store.title(connection, title_id)) is not None:
                return there
            _check_parent(connection, draft)
            store.add_title(connection, title, change)
        _log.info("title.created", title_id=title.id, name=title.name, kind=title.kind.value)
        return title

    def describe(self, title_id: str, draft: TitleDraft) -> Title:
        """Say other things of a title than before; what it plays stays. Invalid as ``create``, or for another kind."""
        draft = checked_draft(draft)
        with self._changing() as (connection, change):
            title = described(_found(connection, title_id), draft)
            if draft.parent_id == title_id:
                raise Invalid(f"{title.name} cannot belong to itself.")
            _check_parent(connection, draft)
            store.describe_title(connection, title, change)
        _log.info("title.described", title_id=title_id, name=title.name)
        return title

    def title(self, title_id: str) -> Title:
        """A title as it is in the database now, its presentation's ``files`` included. NotFound if there is none."""
        with self._engine.connect() as connection:
            return _found(connection.execution_options(read_only=True), title_id)

    def presentation(self, title_id: str, revision: str) -> Presentation:
        """What a title was at a revision, ``files`` left out; NotFound if it was never that, or is kept no longer."""
        with self._engine.connect() as connection:
            found = store.presentation(connection.execution_options(read_only=True), title_id, revision)
        if found is None:
            raise NotFound(f"There is no revision {revision!r:.80} of the title {title_id!r:.32}.")
        return found

    def titles(self) -> list[Title]:
        """Every title in any state, newest first, as the database has them now."""
        with self._looking:
            self._look()
        return self._snapshot.newest_first()

    def shelf(self) -> Shelf:
        """What can be watched. Other processes' changes are seen within 0.2 s, this process's own at once."""
        if self._snapshot.change < self._written:
            with self._looking:
                self._look()
        elif self._is_due() and self._looking.acquire(blocking=False):
            # One thread looks; the others meanwhile go on with what is known.
            try:
                if self._is_due():
                    self._look()
            finally:
                self._looking.release()
        elif self._looked_at is None:
            with self._looking:
                if self._looked_at is None:
                    self._look()
        return self._snapshot.shelf

    def search(
        self, query: str, limit: int = 24, maturity_limit: int = _EVERYTHING, territory: str = ""
    ) -> list[Title]:
        """The playable titles whose name matches, best first, as far as they may be seen; see ``catalogue.search``."""
        shelf = self.shelf()
        with self._indexing:
            if self._index[0] is not shelf:
                self._index = (shelf, index((title.id, title.name) for title in shelf.titles))
            names = self._index[1]
        found = (shelf.by_id[title_id] for title_id in find(names, query))
        return list(islice((title for title in found if title.is_for(maturity_limit, territory)), limit))

    def mark_encoding(self, title_id: str) -> Title:
        """An encode of the title has begun. What is playable stays so meanwhile."""
        return self._step(title_id, lambda title: (title.after(Step.ENCODE, message=None), None))

    def publish(self, title_id: str, revision: str, presentation: Presentation) -> Title:
        """The title is played from this revision on, and TitlePublished says so.

        A revision that was published before changes nothing, so that an old message told twice does not undo a newer
        one. One that is growing is played only while there is no whole one (``Title.shows``). A title that was
        withdrawn keeps the revision and stays withdrawn.
        """
        if not revision or len(revision) > _LONGEST_REVISION:
            raise Invalid(f"A revision's name has 1 to {_LONGEST_REVISION} characters, not {len(revision)}.")

        def published(title: Title) -> _Stepped:
            changed = title.after(Step.PUBLISH, message=None, revision=revision, presentation=presentation)
            return self._played(changed, revision) if changed.state is TitleState.PLAYABLE else (changed, None)

        return self._step(title_id, published, (revision, presentation))

    def mark_failed(self, title_id: str, message: str) -> Title:
        """The title's last encode failed, and why. What is playable stays so, unless it was still growing.

        A growing revision whose encode failed is taken back, and TitleWithdrawn says so.
        """
        message = paragraphs("A failure's message", message[:_LONGEST_MESSAGE], _LONGEST_MESSAGE)

        def failed(title: Title) -> _Stepped:
            changed = title.failed(message)
            gone = title.state is TitleState.PLAYABLE and changed.state is not TitleState.PLAYABLE
            return changed, TitleWithdrawn(title_id=title_id) if gone else None

        return self._step(title_id, failed)

    def withdraw(self, title_id: str) -> Title:
        """The title can no longer be played; TitleWithdrawn says so if it could before."""

        def withdrawn(title: Title) -> _Stepped:
            facts = TitleWithdrawn(title_id=title_id) if title.state is TitleState.PLAYABLE else None
            return title.after(Step.WITHDRAW), facts

        return self._step(title_id, withdrawn)

    def restore(self, title_id: str) -> Title:
        """Take a withdrawal back: playable again if there is a revision. Conflict if the title is not withdrawn."""

        def restored(title: Title) -> _Stepped:
            changed = title.after(Step.RESTORE)
            if changed.revision is None:
                return changed, None
            return self._played(changed.after(Step.PUBLISH), changed.revision)

        return self._step(title_id, restored)

    def outgrown(self, before: datetime) -> list[tuple[str, str]]:
        """Growing revisions that were replaced or taken back before a moment, as title and revision."""
        with self._engine.connect() as connection:
            return store.outgrown(connection.execution_options(read_only=True), before)

    def forget_revision(self, title_id: str, revision: str) -> None:
        """Keep a revision no longer. Conflict if it is the one that is played."""
        with self._changing() as (connection, _):
            title = _found(connection, title_id)
            if title.revision == revision:
                raise Conflict(f"{title.name} is played from the revision {revision}.")
            store.delete_revision(connection, title_id, revision)
        _log.info("revision.forgotten", title_id=title_id, revision=revision)

    def _played(self, title: Title, revision: str) -> _Stepped:
        # A new encode does not make an old film new: the first time counts.
        title = replace(title, published_at=title.published_at or self._clock.now())
        return title, TitlePublished(title_id=title.id, revision=revision)

    def _step(
        self, title_id: str, step: Callable[[Title], _Stepped], new: tuple[str, Presentation] | None = None
    ) -> Title:
        """Take a title a step on, and tell of it, in one transaction; nothing, if it shows no ``new`` revision."""
        with self._changing() as (connection, change):
            before = _found(connection, title_id)
            if new is not None:
                known = not store.add_revision(connection, title_id, *new, self._clock.now())
                if not before.shows(new[1], known=known):
                    return before
            title, facts = step(before)
            if title != before:
                store.change_title(connection, title, change)
            if facts is not None:
                event = Event(id=new_id(self._random_bytes), time=self._clock.now(), source=_SOURCE, facts=facts)
                self._outbox.append(connection, [event])
        was, state = before.state.value, title.state.value
        _log.info("title.changed", title_id=title_id, was=was, state=state, revision=title.revision)
        return title

    @contextmanager
    def _changing(self) -> Iterator[tuple[sa.Connection, int]]:
        with self._engine.begin() as connection:
            change = store.next_change(connection)
            yield connection, change
        with self._looking:
            self._written = max(self._written, change)

    def _is_due(self) -> bool:
        return self._looked_at is None or self._clock.now() - self._looked_at >= _LOOK_EVERY

    def _look(self) -> None:
        """Bring the snapshot to what the database has; called with ``_looking`` held."""
        now, known = self._clock.now(), self._snapshot
        with self._engine.connect() as connection:
            change, changed = store.changed_since(connection.execution_options(read_only=True), known.change)
        if changed:
            self._snapshot = known.renewed(change, changed)
        if self._snapshot.change < self._written:
            # A change of ours that wrote nothing has a number all the same.
            self._snapshot = replace(self._snapshot, change=self._written)
        self._looked_at = now


def _check_parent(connection: sa.Connection, draft: TitleDraft) -> None:
    if draft.parent_id is None:
        return
    parent = store.title(connection, draft.parent_id) if is_id(draft.parent_id) else None
    if parent is None:
        raise Invalid(f"There is no title {draft.parent_id!r} to belong to.")
    check_parent(draft.kind, parent.kind)


def _found(connection: sa.Connection, title_id: str) -> Title:
    found = store.title(connection, title_id) if is_id(title_id) else None
    if found is None:
        raise NotFound(f"There is no title {title_id!r}.")
    return found
