"""What is said of a title that plays while it is still arriving."""

from typing import TYPE_CHECKING

from matinee.catalogue.titles import Title

if TYPE_CHECKING:
    from matinee.pages.rooms import Rooms


def arriving(rooms: "Rooms", title: Title) -> str:
    """A few words, "" for a title that is whole."""
    return said(rooms.playbacks.growing.arrived_share(title)) if title.is_growing else ""


def said(share: float | None) -> str:
    """How much has arrived, from 0 to 1 (None: nobody can say), in words. Never the whole before it is."""
    if share is None:
        return "Arriving"
    if share >= 1.0:
        return "All of it is here, sharper pictures follow"
    return f"Arriving: {int(share * 100)} % so far"
