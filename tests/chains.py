"""A generated audience with a habit: after each film it watches the next one, wherever it began."""

from random import Random

from matinee.catalogue.titles import Shelf
from matinee.model.events import Event, PlaybackStopped
from plays import DURATION_SECONDS, event, shelf, title

FILMS = 60
_HOUR = 3600.0


def film(number: int) -> str:
    return f"film-{number % FILMS:02d}"


def chain_shelf() -> Shelf:
    return shelf([title(film(number), ("Drama",)) for number in range(FILMS)])


def watched(profile_id: str, number: int, seconds: float) -> Event:
    facts = PlaybackStopped(
        playback_id=f"{profile_id}-{number}",
        profile_id=profile_id,
        title_id=film(number),
        position_seconds=DURATION_SECONDS,
        watched_seconds=DURATION_SECONDS,
        duration_seconds=DURATION_SECONDS,
        ended=True,
    )
    return event(facts, seconds)


def audience(people: int = 220, each: int = 8, seed: int = 7) -> list[Event]:
    """Everybody watches ``each`` films one after another, a film an hour, all beginning within ten days."""
    random = Random(seed)
    told = []
    for person in range(people):
        begin, first = random.random() * 240 * _HOUR, random.randrange(FILMS)
        told += [watched(f"person-{person}", first + step, begin + step * _HOUR) for step in range(each)]
    return sorted(told, key=lambda one: one.time)
