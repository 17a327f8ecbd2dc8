"""Where to go on with a title."""

from typing import TYPE_CHECKING

from matinee.playback.positions import resume_at

if TYPE_CHECKING:
    from matinee.pages.rooms import Rooms


def resume_seconds(rooms: "Rooms", profile_id: str, title_id: str) -> float:
    """Where a profile goes on with a title, by every event that was accepted until now; 0: from the start.

    The recommender reads the log itself and so knows of a stop at the next press of play. Of titles that it has let go
    the playback room's own positions tell, which follow the log through a worker.
    """
    rooms.recommender.catch_up()
    told = rooms.recommender.position(profile_id, title_id)
    if told is not None:
        return resume_at(*told)
    left = rooms.playbacks.position(profile_id, title_id)
    return 0.0 if left is None else left.resume_seconds
