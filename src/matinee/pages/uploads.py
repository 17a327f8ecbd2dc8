"""The studio's screen of uploads as values: what is on its way, and how far."""

from dataclasses import dataclass

from matinee.pages.rooms import Rooms
from matinee.sources.promise import Source

_SHOWN = 50


@dataclass(frozen=True, slots=True)
class UploadLine:
    """One upload that nobody has taken in; ``arrived_bytes`` of it are here."""

    source: Source
    arrived_bytes: int

    @property
    def share(self) -> float:
        """How far it is, from 0 to 1."""
        return self.arrived_bytes / self.source.size_bytes if self.source.size_bytes else 1.0


def upload_lines(rooms: Rooms) -> tuple[UploadLine, ...]:
    """The newest uploads that wait, newest first."""
    return tuple(UploadLine(source, rooms.sources.offset(source)) for source in rooms.sources.waiting(_SHOWN))
