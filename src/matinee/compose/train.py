"""Teaches a ranker by hand, or takes the last one back; switches on and off whether new ones are let in."""

from datetime import timedelta
from typing import Any

from matinee.adapters.clock_system import SystemClock
from matinee.compose.learner import open_learner
from matinee.compose.objects import open_objects
from matinee.experiments.shadow import lines
from matinee.recommender.rankers import Rankers
from matinee.settings import Settings
from matinee.teaching.nightly import day_of
from matinee.teaching.shadowing import Replayed

_OFF = "Nothing new is let in until it is switched on: matinee train --on."


def train_ranker(settings: Settings) -> dict[str, Any]:
    """The report of ``teaching.training``; ``version`` is 0 where no new ranker was let in."""
    return open_learner(settings).training.train().to_json()


def roll_back(settings: Settings) -> dict[str, Any]:
    """``{version, let_in, sentence}``: the one before the ranker in force ranks again, 0 being the formula."""
    version = Rankers(open_objects(settings.objects_url)).roll_back()
    named = f"Version {version} ranks" if version else "The formula ranks, as before the first ranker,"
    return {"version": version, "let_in": False, "sentence": f"{named} again, in every process within a minute. {_OFF}"}


def let_in(settings: Settings, *, on: bool) -> dict[str, Any]:
    """``{let_in, sentence}``: whether what is taught from now on may take the place of the ranker in force."""
    Rankers(open_objects(settings.objects_url)).hold(on=not on)
    return {"let_in": on, "sentence": "A new ranker is let in again if it is not worse." if on else _OFF}


def shadow_day(settings: Settings, candidate: str, day: str | None = None) -> Replayed:
    """A day's log (yesterday's, if none is said) through a candidate ranker. Errors as ``teaching.shadowing``."""
    return open_learner(settings).shadowing.replay(candidate, day or day_of(SystemClock().now() - timedelta(days=1)))


def shadow_lines(found: Replayed) -> tuple[str, ...]:
    """What a shadow replay found, as it is printed."""
    remark = (found.remark,) if found.remark else ()
    return (f"{found.day}: {found.candidate} beside {found.current}", *lines(found.shadow), *remark)


def ranker_told(settings: Settings) -> str:
    """Which ranker is in force and how old it is, for the doctor; without one, why. Unavailable as the store says."""
    rankers = Rankers(open_objects(settings.objects_url))
    version, off = rankers.version(), "; nothing new is let in" * rankers.held()
    if not version:
        said = rankers.last().get("sentence")
        return f"the formula ranks{off}; last try: {said}" if said else f"the formula ranks{off}; none was taught yet"
    found = rankers.in_force()
    if found is None:
        return f"version {version} is not whole: the formula ranks where a process starts"
    hours = (SystemClock().now().timestamp() - found.made_at) / 3600
    whole = "" if found.version == version else f"version {version} is not whole; "
    return f"{whole}version {found.version} ranks, {hours:.0f} h old{off}"
