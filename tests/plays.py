"""Titles and plays as the recommender's tests tell them."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import count

from matinee.catalogue.titles import Shelf, Title, TitleKind, TitleState
from matinee.model.events import (
    Event,
    Facts,
    ImpressionShown,
    ListChanged,
    PlaybackHeartbeat,
    PlaybackStarted,
    PlaybackStopped,
    TitleRated,
)
from matinee.model.media import Picture, Presentation
from matinee.taste.knowledge import Knowledge

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


def rated(profile_id: str, title_id: str, rating: str | None, seconds: float = 0.0) -> Event:
    return event(TitleRated(profile_id, title_id, rating), seconds)


def listed(profile_id: str, title_id: str, seconds: float = 0.0, *, on: bool = True) -> Event:
    return event(ListChanged(profile_id, title_id, on), seconds)


def shown(
    profile_id: str, title_id: str, seconds: float = 0.0, row_id: str = "new", row: int = 0, place: int = 0
) -> Event:
    return event(ImpressionShown(profile_id, title_id, row_id, row, place), seconds)


def seen(profile_id: str, title_id: str, number: int, seconds: float = 0.0, propensity: float | None = 0.5) -> Event:
    """A title was seen by the picture of this number."""
    facts = ImpressionShown(profile_id, title_id, "new", 0, 0, artwork=f"r1/{number}", artwork_propensity=propensity)
    return event(facts, seconds)


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
    season: int | None = None,
    episode: int | None = None,
    territories: tuple[str, ...] = (),
    pictures: int = 0,
) -> Title:
    others = tuple(Picture(f"poster-{one}.jpg", f"still-{one}.jpg", f"#00000{one}") for one in range(1, pictures + 1))
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
        presentation=Presentation(
            duration_seconds=duration_seconds, renditions=(), files=(), colour="#aa7733", pictures=others
        ),
        parent_id=parent_id,
        season_number=season,
        episode_number=episode,
        created_at=NOON,
        published_at=NOON,
        territories=territories,
    )


def shelf(titles: Iterable[Title], groups: Iterable[Title] = ()) -> Shelf:
    """A shelf of titles, the first being the newest; ``groups`` are series and seasons that cannot be played."""
    titles = tuple(titles)
    kinds = {TitleKind.SERIES, TitleKind.SEASON}
    of = {entry.id: entry for entry in (*titles, *groups) if entry.kind in kinds}
    return Shelf(titles=titles, by_id={entry.id: entry for entry in titles}, groups=of)
