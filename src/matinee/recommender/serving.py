"""The recommender of one serving process: knowledge in memory, kept up with the event log."""

import gc
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import structlog

from matinee.catalogue.titles import Shelf, Title
from matinee.exploration.artwork import Gallery, Shown, features_of
from matinee.exploration.parameters import USUAL, Parameters
from matinee.model.errors import Unavailable
from matinee.model.events import Event
from matinee.ports import Clock, EventLog, Relay, Tail
from matinee.recommender.artefacts import Artefacts
from matinee.recommender.candidates import Selections
from matinee.recommender.rankers import Watch
from matinee.recommender.rows import Row, RowKind, arrange, choices, reason, similar
from matinee.taste.artwork import LIKES
from matinee.taste.knowledge import Knowledge
from matinee.taste.weights import liked

__all__ = ["Recommender", "Row", "RowKind", "Watched"]

_log = structlog.get_logger()
_BATCH = 1000
_PAUSE_SECONDS = 0.25
_FAILED_SECONDS = 5.0
_EVERYTHING = 18
_LOOKED_SECONDS = 20.0


@contextmanager
def _without_looking_for_garbage() -> Iterator[None]:
    """What is learned refers to nothing that refers back: looking through it time and again is a fifth of a start."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@dataclass(frozen=True, slots=True)
class Watched:
    """A title that a profile watched, when last (seconds since 1970), and whether ever to its end."""

    title_id: str
    last_at: float
    finished: bool


@dataclass(frozen=True, slots=True)
class Made:
    """A page's rows with what they were made of: all of the log up to a position, and the events ``early`` beyond it.

    ``ranker`` is the version that ranked; 0 for the formula.
    """

    rows: tuple[Row, ...]
    position: int
    early: tuple[str, ...]
    ranker: int


class Recommender:
    """Learns from every event on; every process that serves pages has its own, and all know the same.

    It begins with the newest artefact and learns the rest from the log; without ``artefacts`` all of it.

    ``rankers`` has the ranker in force; without, and while there is none, the formula ranks. ``begun`` is called once,
    when all is known that stood in artefact and log at the start.

    ``relay`` knows what was accepted and is not in the log yet; None leaves that to be known once it is there. While
    the log is away, pages go on with what is known.
    """

    def __init__(
        self,
        log: EventLog,
        relay: Relay | None,
        clock: Clock,
        artefacts: Artefacts | None = None,
        rankers: Watch | None = None,
        begun: Callable[[], object] = lambda: None,
    ) -> None:
        self._log = log
        self._tail: Tail | None = None
        self._artefacts = artefacts
        self._rankers = rankers
        self._call_when_begun = begun
        self._look_at = 0.0
        self._relay = relay
        self._clock = clock
        self._knowledge = Knowledge()
        self._selections = Selections()
        self._gallery = Gallery()
        self._state = threading.Lock()
        # Events learned before they were in the log, which is going to tell them once more.
        self._early: set[str] = set()
        self._position = 0
        self._turn = threading.Condition()
        self._begun = 0
        self._ended = 0
        self._away = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def catch_up(self) -> None:
        """Know every event that was accepted before this call. While one caller reads, the others wait for it.

        A reading that had begun already may have missed the caller's event, so it waits for one that began later.
        """
        with self._turn:
            wanted = self._begun + 1
            while self._begun > self._ended and self._ended < wanted:
                self._turn.wait()
            if self._ended >= wanted:
                return
            self._begun += 1
        try:
            self._read()
        finally:
            with self._turn:
                self._ended = self._begun
                self._turn.notify_all()

    def rows(
        self, profile_id: str, shelf: Shelf, region: str, maturity_limit: int, now: datetime, territory: str = ""
    ) -> tuple[Row, ...]:
        """A profile's home page as rows."""
        return self.made(profile_id, shelf, region, maturity_limit, now, territory).rows

    def made(
        self,
        profile_id: str,
        shelf: Shelf,
        region: str,
        maturity_limit: int,
        now: datetime,
        territory: str = "",
        parameters: Parameters = USUAL,
    ) -> Made:
        """A profile's home page as rows, with what it takes to make them again."""
        with self._state:
            selection = self._selections.of(shelf, maturity_limit, territory)
            ranker = self._rankers.ranker if self._rankers else None
            trees = ranker.trees if ranker else None
            rows = arrange(self._knowledge, selection, profile_id, region, now, trees, parameters)
            ranked = ranker is not None and parameters.ranker
            return Made(rows, self._position, tuple(sorted(self._early)), ranker.version if ranker and ranked else 0)

    def choices(
        self, profile_id: str, shelf: Shelf, region: str, maturity_limit: int, now: datetime, territory: str = ""
    ) -> tuple[str, ...]:
        """What a profile is asked to choose three of, while nothing is known of it; none afterwards."""
        with self._state:
            selection = self._selections.of(shelf, maturity_limit, territory)
            return choices(self._knowledge, selection, profile_id, region, now)

    def pictures(self, profile_id: str, shelf: Shelf) -> Callable[[Title], Shown | None]:
        """By which picture each title is shown to a profile on one page; None for a title that has but one.

        A title that is asked for twice is shown by the same one, whatever is learned meanwhile.
        """
        at = self._clock.now().timestamp()
        with self._state:
            self._gallery.learn(self._knowledge.artworks, shelf.by_id, at)
            likes = [title_id for title_id, _ in liked(self._knowledge.histories.of(profile_id))[:LIKES]]
        features, chosen = features_of(likes, shelf.by_id), dict[str, Shown | None]()

        def picture(title: Title) -> Shown | None:
            if title.presentation is None or not title.presentation.pictures:
                return None
            if title.id not in chosen:
                with self._state:
                    chosen[title.id] = self._gallery.choose(profile_id, title, features, at)
            return chosen[title.id]

        return picture

    def similar(
        self, title_id: str, shelf: Shelf, limit: int, maturity_limit: int = _EVERYTHING, territory: str = ""
    ) -> tuple[str, ...]:
        """What goes with a title, for anybody; nothing if the title is not on the shelf."""
        seed = shelf.by_id.get(title_id)
        if seed is None:
            return ()
        with self._state:
            return similar(self._knowledge, self._selections.of(shelf, maturity_limit, territory), seed, limit)

    def said(self, profile_id: str) -> tuple[Mapping[str, str], frozenset[str]]:
        """A profile's thumbs by title id, and what stands on its list, as the log tells."""
        with self._state:
            signs = self._knowledge.histories.of(profile_id).signs
            if signs is None:
                return {}, frozenset()
            ratings = {title_id: rating for title_id, (rating, _) in signs.ratings.items() if rating is not None}
            return ratings, frozenset(title_id for title_id, (listed, _) in signs.listed.items() if listed)

    def why(self, profile_id: str, title_id: str, shelf: Shelf, maturity_limit: int, territory: str = "") -> str:
        """Why a title may suit a profile, in a line; "" if nothing that it watched or liked leads there."""
        now = self._clock.now()
        with self._state:
            selection = self._selections.of(shelf, maturity_limit, territory)
            return reason(self._knowledge, selection, profile_id, title_id, now)

    def history(self, profile_id: str) -> tuple[Watched, ...]:
        """What a profile watched, latest first: the last 500 titles at most."""
        with self._state:
            return tuple(
                Watched(title_id, play.last_at, play.finished)
                for title_id, play in self._knowledge.histories.of(profile_id).latest()
                if play.watched or play.in_progress or play.finished
            )

    def progress(self, profile_id: str) -> Mapping[str, tuple[float, float]]:
        """By title id, for titles begun: where a profile is and how long the title lasts, in seconds (0: not told).

        A play that is done stands at its end.
        """
        with self._state:
            return {
                title_id: (play.duration_seconds if play.done else play.position_seconds, play.duration_seconds)
                for title_id, play in self._knowledge.histories.of(profile_id).plays.items()
                if play.done or play.position_seconds > 0
            }

    def position(self, profile_id: str, title_id: str) -> tuple[float, float] | None:
        """Where a profile left a title and how long that is, in seconds (0: not told); None if nothing told of it."""
        with self._state:
            play = self._knowledge.histories.of(profile_id).plays.get(title_id)
            if play is None or not play.placed:
                return None
            return (play.duration_seconds if play.done else play.position_seconds, play.duration_seconds)

    def start(self) -> None:
        """Keep up in the background as well, so that the first request after a quiet hour has little to read."""
        self._thread = threading.Thread(target=self._keep_up, name="recommender", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the background's work."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _keep_up(self) -> None:
        while not self._stop.wait(_PAUSE_SECONDS):
            try:
                self.catch_up()
                self.look_for_ranker()
            except Exception:  # noqa: BLE001 - a thread that ends would leave every page with what was known then
                _log.exception("recommender.failed")
                self._stop.wait(_FAILED_SECONDS)

    def look_for_ranker(self) -> None:
        """Rank by the newest ranker from here on; while the object store is away, by the one at hand.

        It is asked every 20 s. Trees are read here, in the background: a page waits for none.
        """
        if self._rankers is None or time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + _LOOKED_SECONDS
        try:
            self._rankers.look()
        except Unavailable as error:
            _log.warning("ranker.away", reason=str(error))

    def _read(self) -> None:
        """Take in what the log has, and what was accepted but is not in it yet: no page waits for a writer.

        What waits is asked for before the log is read, so that nothing slips by on its way from there to here.
        """
        if self._tail is not None:
            self._read_on()
            return
        with _without_looking_for_garbage():
            self._read_on()
        if self._tail is not None:
            self._call_when_begun()

    def _read_on(self) -> None:
        waiting: dict[str, Event] = {}
        try:
            waiting = {event.id: event for event in self._waiting()}
            # A short batch is not the last one: what a log could not read is left out of it.
            tail = self._opened()
            while batch := tail.read(_BATCH):
                for recorded in batch:
                    waiting.pop(recorded.event.id, None)
                fresh = [one.event for one in batch if one.event.id not in self._early]
                self._learn(fresh, [one.event.id for one in batch], batch[-1].position)
        except Unavailable as error:
            if not self._away:
                _log.warning("recommender.log_away", reason=str(error))
            self._away = True
        else:
            if self._away:
                _log.info("recommender.log_back")
            self._away = False
        early = {event_id: event for event_id, event in waiting.items() if event_id not in self._early}
        self._learn(early.values(), early=early)

    def _opened(self) -> Tail:
        """The log's reader, which begins where what is known without the log ends."""
        if self._tail is None:
            begun, position = time.perf_counter(), 0
            if self._artefacts is not None:
                found = self._artefacts.begin()
                position = found.position
                with self._state:
                    self._knowledge, self._position = found.knowledge, position
                    # What was learned while the log was away is learned again.
                    self._early.clear()
            self._tail = self._log.tail(position)
            seconds = round(time.perf_counter() - begun, 3)
            _log.info("recommender.begun", position=position, seconds=seconds)
        return self._tail

    def _waiting(self) -> Sequence[Event]:
        """What is accepted and not in the log; a long backlog is moved there first."""
        if self._relay is None:
            return ()
        waiting = self._relay.waiting(_BATCH)
        if len(waiting) < _BATCH:
            return waiting
        while self._relay.forward(_BATCH) == _BATCH:
            pass
        return self._relay.waiting(_BATCH)

    def _learn(
        self, events: Collection[Event], told: Collection[str] = (), position: int = 0, early: Collection[str] = ()
    ) -> None:
        """Take events in: those of the log up to a position, which ``told`` these ids; or ``early`` ones."""
        if not events and not told:
            return
        now = self._clock.now()
        with self._state:
            for event in events:
                self._knowledge.learn(event, now)
            self._early.difference_update(told)
            self._early.update(early)
            self._position = max(self._position, position)
