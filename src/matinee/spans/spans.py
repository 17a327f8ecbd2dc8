"""The shell around spans: what is known of a revision, what was found in it, and what operators say instead."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Protocol

import sqlalchemy as sa
import structlog

from matinee.catalogue.titles import Title
from matinee.model.errors import Conflict, NotFound
from matinee.model.ids import RandomBytes, new_id
from matinee.ports import Clock
from matinee.spans import store
from matinee.spans.span import Extent, Said, Span, SpanKind, beside, check_beside, checked, same_film

_log = structlog.get_logger()


class Note(Protocol):
    """Keeps who did what in the transaction that does it: ``delivery.audit.Audit.note``."""

    def __call__(self, connection: sa.Connection, by: str, act: str, subject: str, **details: Any) -> None:
        """Keep one act."""
        ...


class Spans:
    """Threads share it. What an operator says of a kind counts; nothing that is found of it does then."""

    def __init__(self, engine: sa.Engine, clock: Clock, random_bytes: RandomBytes, note: Note) -> None:
        self._engine = engine
        self._clock = clock
        self._random_bytes = random_bytes
        self._note = note

    def of(self, title_id: str, revision: str | None) -> tuple[Span, ...]:
        """The spans of a revision in order of time; none where nobody knows any."""
        if revision is None:
            return ()
        with self._engine.connect().execution_options(read_only=True) as connection:
            return store.read_spans(connection, title_id, revision)

    def settled(self, title_id: str, revision: str | None) -> frozenset[SpanKind]:
        """The kinds of which an operator said what there is."""
        with self._engine.connect().execution_options(read_only=True) as connection:
            return store.settled_kinds(connection, title_id, revision or "")

    # --- what operators do ------------------------------------------------------------------------------------------

    def add(self, title: Title, extent: Extent, by: str) -> Span:
        """Say that there is a span. Invalid if it cannot be there; Conflict before there is anything to play."""
        with self._changing(title) as (connection, revision, seconds):
            kept = checked(replace(extent, confidence=None), seconds)
            check_beside(kept, [one.extent for one in store.read_spans(connection, title.id, revision)])
            span = Span(new_id(self._random_bytes), kept, Said.OPERATOR)
            self._take_over(connection, title, kept.kind, by)
            store.add_span(connection, title.id, revision, span)
            self._note(connection, by, "add-span", title.id, **_told(kept))
        return span

    def change(
        self,
        title: Title,
        span_id: str,
        by: str,
        *,
        kind: SpanKind | None = None,
        start_seconds: float | None = None,
        end_seconds: float | None = None,
    ) -> Span:
        """Say other things of a span; what is None stays. NotFound if there is none; Invalid as ``add``."""
        with self._changing(title) as (connection, revision, seconds):
            known = store.read_spans(connection, title.id, revision)
            before = _one(known, span_id)
            wanted = Extent(
                kind or before.kind,
                before.start_seconds if start_seconds is None else start_seconds,
                before.end_seconds if end_seconds is None else end_seconds,
            )
            span = Span(before.id, checked(wanted, seconds), Said.OPERATOR)
            check_beside(span.extent, [one.extent for one in known if one.id != span_id])
            for touched in {before.kind, span.kind}:
                self._take_over(connection, title, touched, by)
            store.change_span(connection, span)
            self._note(connection, by, "change-span", title.id, was=_words(before.extent), **_told(span.extent))
        return span

    def remove(self, title: Title, span_id: str, by: str) -> None:
        """Say that there is no such span. NotFound if there is none."""
        with self._changing(title) as (connection, revision, _seconds):
            span = _one(store.read_spans(connection, title.id, revision), span_id)
            self._take_over(connection, title, span.kind, by)
            store.remove_span(connection, span_id)
            self._note(connection, by, "remove-span", title.id, **_told(span.extent))

    def reset(self, title: Title, by: str) -> tuple[Span, ...]:
        """Take back whatever operators said of the title's spans: what is found counts again."""
        with self._changing(title) as (connection, revision, _seconds):
            store.unsettle(connection, title.id)
            # Compared anew: what was found of a kind may have become an operator's.
            store.mark_compared(connection, title.id, revision, "", self._clock.now())
            self._note(connection, by, "reset-spans", title.id)
            return store.read_spans(connection, title.id, revision)

    # --- what is found ----------------------------------------------------------------------------------------------

    def keep_found(self, title_id: str, revision: str, found: Sequence[Extent], compared: str) -> None:
        """Keep what was found in a revision instead of what was before; nothing if another one is known by now."""
        with self._engine.begin() as connection:
            if not store.mark_compared(connection, title_id, revision, compared, self._clock.now()):
                return
            store.remove_found(connection, title_id)
            said = [one.extent for one in store.read_spans(connection, title_id, revision)]
            for extent in beside(found, said):
                store.add_span(connection, title_id, revision, Span(new_id(self._random_bytes), extent, Said.FOUND))

    def carry_over(self, titles: Mapping[str, Title]) -> None:
        """Let what operators said of an earlier revision of a title hold for a later one that is as long."""
        with self._engine.connect().execution_options(read_only=True) as connection:
            known = store.settled_revisions(connection)
        for title_id, revisions in known.items():
            title = titles.get(title_id)
            if title is None or title.revision is None or title.revision in revisions:
                continue
            length = title.duration_seconds or 0.0
            before = next((one for one, seconds in revisions.items() if same_film(seconds, length)), None)
            if before is not None:
                self._carry(title_id, before, title.revision)

    def _carry(self, title_id: str, before: str, revision: str) -> None:
        with self._engine.begin() as connection:
            if store.settled_kinds(connection, title_id, revision):
                return
            for row in store.settled_rows(connection, title_id, before):
                store.settle(connection, {**row, "revision": revision})
            for span in store.read_spans(connection, title_id, before):
                if span.said is Said.OPERATOR:
                    store.add_span(connection, title_id, revision, replace(span, id=new_id(self._random_bytes)))
        _log.info("spans.carried", title_id=title_id, revision=revision)

    def _take_over(self, connection: sa.Connection, title: Title, kind: SpanKind, by: str) -> None:
        """From now on operators say what there is of a kind; what was found of it so far, they say too."""
        assert title.revision is not None
        assert title.presentation is not None
        for span in store.read_spans(connection, title.id, title.revision):
            if span.kind is kind and span.said is Said.FOUND:
                store.change_span(connection, Span(span.id, replace(span.extent, confidence=None), Said.OPERATOR))
        values = {
            "title_id": title.id,
            "revision": title.revision,
            "kind": kind.value,
            "duration_seconds": title.presentation.duration_seconds,
            "member_id": by,
            "settled_at": self._clock.now(),
        }
        store.settle(connection, values)

    @contextmanager
    def _changing(self, title: Title) -> Iterator[tuple[sa.Connection, str, float]]:
        """A transaction, the title's revision and its length in seconds."""
        if title.revision is None or title.presentation is None:
            raise Conflict(f"There is nothing to play of {title.name} yet, so nothing to pass over.")
        with self._engine.begin() as connection:
            yield connection, title.revision, title.presentation.duration_seconds
        _log.info("spans.changed", title_id=title.id, revision=title.revision)


def _one(known: Sequence[Span], span_id: str) -> Span:
    found = next((span for span in known if span.id == span_id), None)
    if found is None:
        raise NotFound(f"There is no span {span_id!r} in what the title plays now.")
    return found


def _told(extent: Extent) -> dict[str, Any]:
    return {"kind": extent.kind.value, "from": extent.start_seconds, "to": extent.end_seconds}


def _words(extent: Extent) -> str:
    return f"{extent.kind.value} {extent.start_seconds:g} to {extent.end_seconds:g}"
