"""Parts asked how they are: all at once, each for a bounded time, one finding each.

A part's question is one function, which ``matinee doctor`` asks when told to and every process before it starts.
"""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from matinee.model.errors import MatineeError, Unavailable

_log = structlog.get_logger()
_ASK_SECONDS = 60.0  # each part has time-outs of its own; Ray takes its time


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask of a part; ``address`` is as it may be shown, without a password.

    ``ask`` returns what the part says of itself (its version first) or raises: Unavailable if it is away, another error
    of ours if it is there and not right. A process starts without a part that is ``spared`` and away.
    """

    part: str
    address: str
    ask: Callable[[], str]
    spared: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """How a part was found: ``says`` is one sentence; ``away`` if it did not answer, so that waiting may mend it."""

    part: str
    address: str
    ok: bool
    says: str
    milliseconds: float | None = None
    away: bool = False


def ask_all(questions: Sequence[Question], seconds: float = _ASK_SECONDS) -> list[Finding]:
    """A finding for each question, in their order, after so many seconds at most."""
    answers: queue.SimpleQueue[tuple[int, Finding]] = queue.SimpleQueue()
    for place, question in enumerate(questions):
        # A thread that a hung engine never gives back must not keep the process.
        asking = threading.Thread(
            target=lambda place=place, question=question: answers.put((place, ask(question))),
            name=f"ask-{question.part}",
            daemon=True,
        )
        asking.start()
    found: dict[int, Finding] = {}
    deadline = time.monotonic() + seconds
    while len(found) < len(questions):
        try:
            place, finding = answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            break
        found[place] = finding
    silent = f"it did not answer within {seconds:g} s"
    return [
        found.get(place) or Finding(question.part, question.address, ok=False, says=silent, away=True)
        for place, question in enumerate(questions)
    ]


def ask(question: Question) -> Finding:
    """Ask one part now, for as long as its own time-outs let it take."""
    started = time.perf_counter()
    try:
        says = question.ask()
    except MatineeError as error:
        away = isinstance(error, Unavailable)
        return Finding(question.part, question.address, ok=False, says=_first_line(str(error)), away=away)
    except Exception as error:  # noqa: BLE001 - a library's own error is a finding too; its words may hold a password
        kind = f"{type(error).__module__}.{type(error).__qualname__}"
        _log.debug("part.unexpected", part=question.part, exc_info=error)
        return Finding(question.part, question.address, ok=False, says=f"it could not be asked ({kind})")
    milliseconds = round((time.perf_counter() - started) * 1000, 1)
    return Finding(question.part, question.address, ok=True, says=says, milliseconds=milliseconds)


def require(questions: Sequence[Question], seconds: float = _ASK_SECONDS) -> None:
    """Ask before a process starts; Unavailable, with a sentence for every part that is not right."""
    wrong = []
    for question, finding in zip(questions, ask_all(questions, seconds), strict=True):
        facts = {"part": finding.part, "address": finding.address, "says": finding.says}
        if finding.ok:
            _log.info("part.answers", milliseconds=finding.milliseconds, **facts)
        elif finding.away and question.spared:
            _log.warning("part.away", **facts)
        else:
            wrong.append(_sentence(finding.says))
    if wrong:
        raise Unavailable(" ".join(wrong))


def _first_line(text: str) -> str:
    return (text.splitlines() or ["it says nothing"])[0]


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
