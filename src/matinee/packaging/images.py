"""The scrub bar's sheets as a DASH image adaptation set (DASH-IF IOP, part 4.3, §6.2.6: tiles of thumbnails).

One JPEG is one segment: it stands for as long as its tiles do together, left to right and down.
"""

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from matinee.model.errors import EncodingFailed
from matinee.packaging.sound import MPD

TILE_SCHEME = "http://dashif.org/guidelines/thumbnail_tile"
SHEET = "thumbnails-$Number$.jpg"
_MILLISECONDS = 1000
_OVERHANG_SECONDS = 0.65  # so long sound may go on behind the last picture


@dataclass(frozen=True, slots=True)
class Sheets:
    """How tiles lie in the sheets: ``count`` files, each of ``columns`` by ``rows`` tiles, each for ``interval_ms``."""

    count: int
    columns: int
    rows: int
    tile_width: int
    tile_height: int
    interval_ms: int

    @property
    def sheet_ms(self) -> int:
        """What one sheet stands for; the last one goes on past the film's end."""
        return self.columns * self.rows * self.interval_ms


def list_sheets(period: ET.Element, sheets: Sheets, folder: Path) -> None:
    """Give the sheets, which lie in the folder already, an adaptation set."""
    taken = [int(one.get("id", "0")) for one in period if one.get("id", "").isdigit()]
    adaptation = ET.SubElement(
        period,
        f"{{{MPD}}}AdaptationSet",
        {"id": str(max(taken, default=0) + 1), "contentType": "image", "mimeType": "image/jpeg"},
    )
    template = {
        "media": SHEET,
        "timescale": str(_MILLISECONDS),
        "duration": str(sheets.sheet_ms),
        "startNumber": "1",
    }
    ET.SubElement(adaptation, f"{{{MPD}}}SegmentTemplate", template)
    largest = max((folder / _file(number)).stat().st_size for number in range(1, sheets.count + 1))
    described = {
        "id": "thumbnails",
        "bandwidth": str(-(-largest * 8 * _MILLISECONDS // sheets.sheet_ms)),
        "width": str(sheets.columns * sheets.tile_width),
        "height": str(sheets.rows * sheets.tile_height),
    }
    representation = ET.SubElement(adaptation, f"{{{MPD}}}Representation", described)
    tile = {"schemeIdUri": TILE_SCHEME, "value": f"{sheets.columns}x{sheets.rows}"}
    ET.SubElement(representation, f"{{{MPD}}}EssentialProperty", tile)


def is_images(adaptation: ET.Element) -> bool:
    """Whether an adaptation set is the sheets'."""
    return adaptation.get("contentType") == "image"


def check_sheets(adaptation: ET.Element, folder: Path, seconds: float, name: str) -> None:
    """EncodingFailed if a sheet that a player will ask for within the film is not there."""
    template = adaptation.find(f"{{{MPD}}}SegmentTemplate")
    length = 0 if template is None else int(template.get("duration", "0")) / int(template.get("timescale", "1"))
    if not length:
        raise EncodingFailed(f"{name}: the thumbnails of its DASH manifest have no length.")
    number = 1
    while number == 1 or (number - 1) * length < seconds - _OVERHANG_SECONDS:
        if not (folder / _file(number)).exists():
            raise EncodingFailed(f"{name}: {_file(number)} is missing.")
        number += 1


def _file(number: int) -> str:
    return SHEET.replace("$Number$", str(number))
