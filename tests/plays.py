"""Titles and plays as the recommender's tests tell them."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import count

from matinee.catalogue.titles import Shelf, Title, TitleKind, TitleState
from matinee.model.events import Event, Facts, PlaybackHeartbeat, PlaybackStarted, PlaybackStopped
from matinee.model.media import Presentation
from matinee.recommender.knowledge import Knowledge

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
DURATION_SECONDS = 600.0
_ids = count(1)


def event(facts: Facts, seconds: float = 0.0) -> Event:
    """An event some seconds after noon."""
    return Event(id=f"event-{next(_ids)}", time=NOON + timedelta(seconds=seconds), source="test", facts=facts)


def heartbeat(
    profile_id: str,
    title_id: str,
    position_seconds: float = 120.0,
    watched_seconds: float = 120.0,
    seconds: float = 0.0,
    duration_seconds: float | None = DURATION_SECONDS,
) -> Event:
    facts = PlaybackHeartbeat(
        playback_id=f"{profile_id}-{title_id}",
        profile_id=profile_id,
        title_id=title_id,
        position_seconds=position_seconds,
        watched_seconds=watched_seconds,
        duration_seconds=duration_seconds,
    )
    return event(facts, seconds)


def play(
    profile_id: str, title_id: str, seconds: float = 0.0, region: str | None = "europe", to_the_end: bool = False
) -> list[Event]:
    """A play of two minutes out of ten, or to its end."""
    playback_id = f"{profile_id}-{title_id}"
    position = DURATION_SECONDS if to_the_end else 120.0
    return [
        event(PlaybackStarted(playback_id, profile_id, title_id, region=region), seconds),
        heartbeat(profile_id, title_id, position, position, seconds + 1),
        event(
            PlaybackStopped(
                playback_id, profile_id, title_id, position, duration_seconds=DURATION_SECONDS, ended=to_the_end
            ),
            seconds + 2,
        ),
    ]


def knowledge_of(events: Iterable[Event]) -> Knowledge:
    knowledge = Knowledge()
    for one in events:
        knowledge.learn(one, NOON + timedelta(days=365))
    return knowledge


def title(
    title_id: str,
    genres: tuple[str, ...] = (),
    moods: tuple[str, ...] = (),
    maturity: int = 0,
    year: int | None = None,
    duration_seconds: float = DURATION_SECONDS,
    kind: TitleKind = TitleKind.FILM,
    parent_id: str | None = None,
) -> Title:
    return Title(
        id=title_id,
        kind=kind,
        name=title_id.title(),
        synopsis=f"What happens in {title_id}.",
        year=year,
        genres=genres,
        moods=moods,
        maturity=maturity,
        state=TitleState.PLAYABLE,
        message=None,
        revision="r1",
        presentation=Presentation(duration_seconds=duration_seconds, renditions=(), files=(), colour="#aa7733"),
        parent_id=parent_id,
        season_number=None,
        episode_number=None,
        created_at=NOON,
        published_at=NOON,
    )


def shelf(titles: Iterable[Title]) -> Shelf:
    """A shelf of titles, the first being the newest."""
    titles = tuple(titles)
    return Shelf(titles=titles, by_id={entry.id: entry for entry in titles})
