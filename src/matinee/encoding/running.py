"""Has the pieces of a production done on compute, and keeps count of how far they are."""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from dataclasses import dataclass, field, replace
from typing import Any

from matinee.encoding.costs import Outcome, counted
from matinee.encoding.depot import StoreUnavailable
from matinee.encoding.orders import Watcher
from matinee.model.errors import Unavailable
from matinee.ports import Compute, Task

BEAT_SECONDS = 0.5
# How the bar of progress is shared out among the stages: where each begins and ends.
_SPANS = {
    "inspecting": (0.0, 0.0),
    "surveying": (0.0, 0.2),
    "measuring": (0.2, 0.3),
    "encoding": (0.3, 0.9),
    "packaging": (0.9, 0.9),
}

Key = tuple[str, int]
"""A rendition's name (or what else is made) and a stretch's number."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A task, what it makes, and what to do with its outcome: that may ask for more pieces.

    ``part`` is the part of its stage under which its processor time is counted, where that is told apart.
    """

    task: Task
    done: Callable[[Any], Iterable["Piece"] | None]
    makes: tuple[Key, ...] = ()
    part: str = ""


@dataclass(slots=True)
class Running:
    """The pieces of one production: what they weigh, how far they are, and what each stage took in seconds.

    ``cpu_seconds`` are those of processors, by stage and by those parts of stages that are told apart.
    """

    compute: Compute
    watcher: Watcher
    weights: dict[Key, float] = field(default_factory=dict)
    shares: dict[Key, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    cpu_seconds: dict[str, float] = field(default_factory=dict)
    _stage: dict[str, set[Key]] = field(default_factory=dict)

    def weigh(self, stage: str, weights: Mapping[Key, float]) -> None:
        """Say what a stage makes, and how long that takes beside the rest of it."""
        self._stage.setdefault(stage, set()).update(weights)
        self.weights |= weights

    def do(self, stage: str, pieces: Sequence[Piece], beat: Callable[[], None] | None = None) -> None:
        """Have pieces done, telling the watcher how far it is; the first error stops the rest of them.

        Not so a store that is away: the rest goes on to its end, for what it makes stays on its machine's shelf.
        ``beat`` is called twice a second.
        """
        started = time.monotonic()
        futures: dict[Future[Any], Piece] = {}
        away: StoreUnavailable | None = None
        try:
            waiting = self._submit(pieces, futures)
            while waiting:
                done, waiting = wait(waiting, timeout=BEAT_SECONDS, return_when=FIRST_COMPLETED)
                for future in done:
                    try:
                        outcome: Outcome = future.result()
                    except StoreUnavailable as error:
                        away = error
                        continue
                    part = futures[future].part or stage
                    self.cpu_seconds[part] = self.cpu_seconds.get(part, 0.0) + outcome.cpu_seconds
                    waiting |= self._submit(futures[future].done(outcome.value) or (), futures)
                if beat is not None:
                    beat()
                running = {name for future in waiting for name, _ in futures[future].makes}
                self.watcher.progressed(stage, self._progress(stage), self._renditions(running))
        finally:
            for future in futures:
                future.cancel()
            wait(futures)
        if away is not None:
            raise away
        self.seconds[stage] = round(self.seconds.get(stage, 0.0) + time.monotonic() - started, 3)

    def _submit(self, pieces: Iterable[Piece], futures: dict[Future[Any], Piece]) -> set[Future[Any]]:
        new = set()
        for piece in pieces:
            try:
                future = self.compute.submit(_counted(piece.task), self._listener(piece.makes))
            except Unavailable as error:
                # Compute takes nothing any more: the work is not at fault, and goes on elsewhere or later.
                raise CancelledError(str(error)) from error
            futures[future] = piece
            new.add(future)
        return new

    def _listener(self, makes: Sequence[Key]) -> Callable[[float], None]:
        def listen(share: float) -> None:
            self.shares.update(dict.fromkeys(makes, share))

        return listen

    def _renditions(self, names: Collection[str]) -> dict[str, float]:
        """How far those renditions are of which something was made."""
        told = {}
        for name in names:
            keys = [key for key in self._stage.get("encoding", ()) if key[0] == name]
            if any(key in self.shares for key in keys):
                whole = sum(self.weights[key] for key in keys)
                told[name] = sum(self.weights[key] * self.shares.get(key, 0.0) for key in keys) / whole
        return told

    def _progress(self, stage: str) -> float:
        begin, end = _SPANS[stage]
        keys = self._stage.get(stage, set())
        whole = sum(self.weights[key] for key in keys)
        share = sum(self.weights[key] * self.shares.get(key, 0.0) for key in keys)
        return begin + (end - begin) * (share / whole if whole else 0.0)


def _counted(task: Task) -> Task:
    """The same task, whose outcome says what it took of processors."""
    return replace(task, function=counted, arguments=(task.function, *task.arguments))
