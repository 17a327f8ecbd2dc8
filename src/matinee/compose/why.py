"""Replays a recorded decision and says its reasons."""

from typing import Any

from matinee.compose.database import check_schema, open_database
from matinee.playback.playbacks import replay
from matinee.settings import Settings


def why_playback(settings: Settings, playback_id: str) -> dict[str, Any]:
    """The decision of a playback: ``{playback_id, title_id, region, time, edges: [{id, reason}]}``."""
    engine = open_database(settings.database_url)
    check_schema(engine)
    return replay(engine, playback_id)
