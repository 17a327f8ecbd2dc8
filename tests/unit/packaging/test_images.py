from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.drawing.thumbnails import plan_sprites, tiles
from matinee.model.errors import EncodingFailed
from matinee.packaging.images import Sheets, check_sheets, list_sheets
from matinee.packaging.sound import MPD


def _listed(folder: Path, sheets: Sheets) -> ET.Element:
    period = ET.Element(f"{{{MPD}}}Period")
    for number in range(1, sheets.count + 1):
        (folder / f"thumbnails-{number}.jpg").write_bytes(b"." * 1000)
    list_sheets(period, sheets, folder)
    return period[0]


def test_a_sheet_that_is_asked_for_within_the_film_must_be_there(tmp_path: Path) -> None:
    images = _listed(tmp_path, Sheets(2, 10, 10, 160, 90, 2000))
    check_sheets(images, tmp_path, 400.0, "film")
    with pytest.raises(EncodingFailed, match=r"thumbnails-3\.jpg is missing"):
        check_sheets(images, tmp_path, 401.0, "film")


@given(st.floats(0.04, 40_000), st.integers(2, 4000), st.integers(2, 4000))
def test_players_find_each_tile_where_it_was_drawn(seconds: float, width: int, height: int) -> None:
    drawn = plan_sprites(width, height, seconds)
    sheets = Sheets(drawn.sheets, drawn.columns, drawn.rows, drawn.tile_width, drawn.tile_height, drawn.interval_ms)
    for tile in tiles(drawn):
        # DASH-IF IOP: the sheet by its length, the tile by its share of it.
        number, within = divmod(tile.start_ms, sheets.sheet_ms)
        row, column = divmod(within // sheets.interval_ms, sheets.columns)
        assert (tile.sheet, tile.x, tile.y) == (number + 1, column * sheets.tile_width, row * sheets.tile_height)
    assert (drawn.duration_ms - 1) // sheets.sheet_ms + 1 == sheets.count
