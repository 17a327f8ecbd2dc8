"""Keeps the episodes' fingerprints and what they share up to what the catalogue has: by the clock, in no encode's way.

Nothing is queued. What is to be done is what the catalogue has and the tables do not know, so that a run that was
killed, a new revision, a withdrawal and an episode that came late are all the same: the next run sees them.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import obstore
import sqlalchemy as sa
import structlog
from obstore.store import ObjectStore
from prometheus_client import Counter

from matinee.catalogue.shelf import Shelf
from matinee.catalogue.titles import Catalogue, Title, TitleKind
from matinee.model.errors import MatineeError, Unavailable
from matinee.ports import Clock, Compute, Needs, Task
from matinee.spans import store
from matinee.spans.fingerprints import COMPARISON, RECIPE, Workplace, compare_season, heard_of, make_fingerprint
from matinee.spans.season import neighbours
from matinee.spans.spans import Spans

_log = structlog.get_logger()
_MADE = Counter("matinee_fingerprints", "Fingerprints of episodes, by what became of them.", ["outcome"])

_LAST = 10_000_000  # behind every encode, whatever its priority
# No core: one task at a time, at the lowest priority that the machine has, so that an encode that comes finds all.
_NEEDS = Needs(cores=0.0, memory_bytes=512 * 1024**2)
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Season:
    """The playable episodes of one season, in their order."""

    name: str
    titles: tuple[Title, ...]


def seasons_of(shelf: Shelf) -> tuple[Season, ...]:
    """The seasons of which two episodes or more can be played; episodes of no series belong to none."""
    found: dict[tuple[str, int], list[Title]] = {}
    for title in shelf.titles:
        series = shelf.series_of(title) if title.kind is TitleKind.EPISODE else None
        # What is still arriving is not whole.
        if series is not None and title.revision is not None and not title.is_growing:
            found.setdefault((series.id, shelf.place_of(title)[0]), []).append(title)
    return tuple(
        Season(f"{series}-{number}", tuple(sorted(titles, key=lambda one: (shelf.place_of(one), one.id))))
        for (series, number), titles in sorted(found.items())
        if len(titles) > 1
    )


class Episodes:
    """The shell around fingerprints and comparisons; one process at a time runs it."""

    def __init__(
        self,
        engine: sa.Engine,
        catalogue: Catalogue,
        spans: Spans,
        open_store: Callable[[], ObjectStore],
        compute: Compute,
        work: Path,
        clock: Clock,
    ) -> None:
        """``open_store`` and ``work``, a folder to work in, go to every machine, pickled."""
        self._engine = engine
        self._catalogue = catalogue
        self._spans = spans
        self._objects = open_store()
        self._compute = compute
        self._place = Workplace(open_store, work)
        self._clock = clock

    def renew(self) -> None:
        """Do all that is due now. Unavailable if compute, the store or the database does not answer: it goes on later.

        An episode that fails three times is left alone until it has another revision.
        """
        shelf = self._catalogue.shelf()
        self._spans.carry_over(shelf.by_id)
        seasons = seasons_of(shelf)
        wanted = {title.id: title for season in seasons for title in season.titles}
        with self._engine.connect().execution_options(read_only=True) as connection:
            known = store.read_episodes(connection)
        self._forget(known, wanted)
        for season in seasons:
            self._hear(season, known)
            self._compare(season)

    def _forget(self, known: Mapping[str, Mapping[str, Any]], wanted: Mapping[str, Title]) -> None:
        """What is withdrawn, or alone by now, is known no more."""
        gone = [title_id for title_id in known if title_id not in wanted]
        if not gone:
            return
        with self._engine.begin() as connection:
            store.forget_episodes(connection, gone)
            kept = {row["fingerprint"] for row in store.read_episodes(connection).values()}
        self._drop({known[title_id]["fingerprint"] for title_id in gone} - kept)

    def _hear(self, season: Season, known: Mapping[str, Mapping[str, Any]]) -> None:
        """Make the fingerprints that are missing, one after another: they take no core from who encodes."""
        for title in season.titles:
            before = known.get(title.id)
            if not _is_due(title, before):
                continue
            whole = self._catalogue.title(title.id)  # with the names of its files
            if whole.revision is None or whole.presentation is None:
                continue
            heard = heard_of(whole.presentation, f"media/{whole.id}/{whole.revision}", whole.name)
            try:
                self._run(f"listening: {whole.name}", make_fingerprint, heard)
            except Unavailable:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, it is this episode's alone
                self._failed(whole, before, error)
            else:
                self._heard(whole, heard.key, before)

    def _run(self, name: str, function: Callable[..., Any], *arguments: Any) -> Any:
        future = self._compute.submit(Task(name, function, (self._place, *arguments), _NEEDS, _LAST))
        try:
            return future.result()
        except CancelledError as error:
            raise Unavailable("Compute was stopped; episodes are listened to later.") from error

    def _heard(self, title: Title, key: str, before: Mapping[str, Any] | None) -> None:
        assert title.revision is not None
        values = {"fingerprint": key, "failures": 0, "compared": "", "changed_at": self._clock.now()}
        with self._engine.begin() as connection:
            store.put_episode(connection, title.id, title.revision, values)
            kept = {row["fingerprint"] for row in store.read_episodes(connection).values()}
        if before is not None:
            self._drop({before["fingerprint"]} - kept)
        _MADE.labels("made").inc()
        _log.info("episode.heard", title_id=title.id, revision=title.revision)

    def _failed(self, title: Title, before: Mapping[str, Any] | None, error: Exception) -> None:
        assert title.revision is not None
        failures = before["failures"] + 1 if before is not None and before["revision"] == title.revision else 1
        values = {"fingerprint": None, "failures": failures, "compared": "", "changed_at": self._clock.now()}
        with self._engine.begin() as connection:
            store.put_episode(connection, title.id, title.revision, values)
        _MADE.labels("failed").inc()
        said = str(error) if isinstance(error, MatineeError) else repr(error)
        _log.warning("episode.unheard", title_id=title.id, revision=title.revision, failures=failures, reason=said)

    def _compare(self, season: Season) -> None:
        """Compare the episodes of which another neighbour, or another revision of one, is known by now."""
        with self._engine.connect().execution_options(read_only=True) as connection:
            known = store.read_episodes(connection)
        heard = [known[title.id] for title in season.titles if known.get(title.id, {}).get("fingerprint")]
        order = [row["title_id"] for row in heard]
        if len(order) < 2:  # noqa: PLR2004 - one alone shares nothing
            return
        keys = {row["title_id"]: row["fingerprint"] for row in heard}
        asked = {title_id: _asked(place, order, keys) for place, title_id in enumerate(order)}
        due = [row for row in heard if row["compared"] != asked[row["title_id"]]]
        if not due:
            return
        wanted = [row["title_id"] for row in due]
        found = self._run(f"comparing {len(wanted)} episodes", compare_season, keys, order, wanted)
        for row in due:
            title_id = row["title_id"]
            if title_id in found:
                self._spans.keep_found(title_id, row["revision"], found[title_id], asked[title_id])
            else:  # its object was lost, and is made anew by the next run
                with self._engine.begin() as connection:
                    store.forget_episodes(connection, [title_id])
        _log.info("season.compared", season=season.name, episodes=len(order), compared=len(due))

    def _drop(self, keys: set[str | None]) -> None:
        paths = sorted(key for key in keys if key is not None)
        try:
            for path in paths:
                obstore.delete(self._objects, path)
        except (FileNotFoundError, obstore.exceptions.BaseError) as error:
            _log.warning("fingerprint.not_dropped", reason=str(error).partition("\n")[0])


def _is_due(title: Title, row: Mapping[str, Any] | None) -> bool:
    if row is None or row["revision"] != title.revision:
        return True
    return row["fingerprint"] is None and row["failures"] < _TRIES


def _asked(place: int, order: Sequence[str], keys: Mapping[str, str]) -> str:
    """Names all that decides what is found in an episode."""
    others = [keys[order[other]] for other in neighbours(place, len(order))]
    previous = keys[order[place - 1]] if place else None
    words = json.dumps([RECIPE, COMPARISON, keys[order[place]], others, previous])
    return hashlib.sha256(words.encode()).hexdigest()
