"""What an experiment is, and which state may follow which. Pure.

Arms carry named parameters (``ranking = recency``, ``diversity = 0.4``, ``artwork = bandit``): whoever decides asks for
the parameters of a profile and needs not know of experiments. The first arm is the control.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from matinee.model.errors import Conflict, Invalid

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
_VALUE = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{0,100}")
_LONGEST_TITLE = 120
_MOST_ARMS = 8
_MOST_PARAMETERS = 20
_SMALLEST_SHARE = 0.0001
_SHORTEST_WINDOW = 1.0
_LONGEST_WINDOW = 28 * 86_400.0


class State(StrEnum):
    """A draft may be started, what runs may be stopped, and what is stopped stays so."""

    DRAFT = "draft"
    RUNNING = "running"
    STOPPED = "stopped"


class Metric(StrEnum):
    """What is compared, per profile within the window after it was first exposed."""

    WATCHED_SECONDS = "watched_seconds"
    STARTS = "starts"


class Source(StrEnum):
    """Whose behaviour was measured: members', or that of a generated audience, which is always said."""

    MEMBERS = "members"
    GENERATED = "generated"


_NEXT: Mapping[State, frozenset[State]] = {
    State.DRAFT: frozenset({State.RUNNING, State.STOPPED}),
    State.RUNNING: frozenset({State.STOPPED}),
    State.STOPPED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Arm:
    """What one part of the profiles gets; ``weight`` is relative to the other arms'."""

    name: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Draft:
    """What an operator asks for; ``checked`` says what is wrong with it.

    ``share`` of the layer's profiles take part; each is measured for ``window_seconds`` after it was first exposed.
    """

    name: str
    layer: str
    arms: tuple[Arm, ...]
    share: float = 1.0
    metric: Metric = Metric.WATCHED_SECONDS
    window_seconds: float = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment as it is kept. ``first_slot`` and ``salt`` are what its allocation is computed from."""

    id: str
    name: str
    layer: str
    arms: tuple[Arm, ...]
    share: float
    metric: Metric
    window_seconds: float
    state: State
    salt: str
    first_slot: int
    created_at: datetime
    created_by: str
    started_at: datetime | None = None
    started_by: str | None = None
    stopped_at: datetime | None = None
    stopped_by: str | None = None

    @property
    def control(self) -> Arm:
        """The arm that the others are compared with."""
        return self.arms[0]


def checked(draft: Draft) -> Draft:
    """The draft, if it can be run; Invalid with a sentence if not."""
    if not draft.name.strip() or len(draft.name) > _LONGEST_TITLE or not draft.name.isprintable():
        raise Invalid(f"An experiment needs a name of 1 to {_LONGEST_TITLE} printable characters.")
    _check_word("layer", draft.layer)
    if not _SMALLEST_SHARE <= draft.share <= 1:
        raise Invalid(f"The share is {draft.share:g}; it is a part of all profiles, from {_SMALLEST_SHARE} to 1.")
    if not _SHORTEST_WINDOW <= draft.window_seconds <= _LONGEST_WINDOW:
        raise Invalid(f"The window is {draft.window_seconds:g} s; it may be 1 s to 28 days.")
    if not 2 <= len(draft.arms) <= _MOST_ARMS:  # noqa: PLR2004 - a comparison is between two
        raise Invalid(f"An experiment has 2 to {_MOST_ARMS} arms; this one has {len(draft.arms)}.")
    names = [arm.name for arm in draft.arms]
    if len(set(names)) < len(names):
        raise Invalid("Two arms have the same name.")
    for arm in draft.arms:
        _check_arm(arm)
    return draft


def _check_arm(arm: Arm) -> None:
    _check_word("name of an arm", arm.name)
    if not 0 < arm.weight <= 1000:  # noqa: PLR2004 - beyond any use
        raise Invalid(f"The weight of arm {arm.name!r} is {arm.weight:g}; it is above 0 and at most 1000.")
    if len(arm.parameters) > _MOST_PARAMETERS:
        raise Invalid(f"Arm {arm.name!r} sets {len(arm.parameters)} parameters; {_MOST_PARAMETERS} is the most.")
    for name, value in arm.parameters.items():
        _check_word("name of a parameter", name)
        if not _VALUE.fullmatch(value):
            raise Invalid(f"The value of {name!r} is too long or holds characters that cannot be shown.")


def _check_word(what: str, text: str) -> None:
    if not _NAME.fullmatch(text):
        raise Invalid(f"The {what} is {text!r:.60}; it is 1 to 40 of a-z, 0-9, dot, dash and underscore.")


def check_step(name: str, state: State, wanted: State) -> None:
    """Conflict if an experiment in that state cannot become what is wanted."""
    if wanted not in _NEXT[state]:
        raise Conflict(f"The experiment {name!r} is {state}: it cannot become {wanted}.")
