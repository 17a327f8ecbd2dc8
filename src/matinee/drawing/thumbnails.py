"""Pictures for the scrub bar: sheets of small tiles, and the WebVTT that says which tile belongs to which time.

One tile stands for a stretch of time: each 2 s in a short film, each 10 s in one of two hours. A sheet holds at most
10 by 10 of them, far below the 65,535 pixels a JPEG may be wide or high.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TILE = 160  # px of a tile's longer side
_ACROSS = _DOWN = 10
_SHORTEST_MS, _LONGEST_MS = 2_000, 10_000
_TILES_WANTED = 720
_HALF_SECOND_MS = 500


@dataclass(frozen=True, slots=True)
class Sprites:
    """How a film's tiles lie: ``count`` in all, each for ``interval_ms``, in sheets of ``columns`` by ``rows``."""

    duration_ms: int
    interval_ms: int
    tile_width: int
    tile_height: int
    columns: int
    rows: int

    @property
    def count(self) -> int:
        """Tiles in all; the last may stand for less time than the others."""
        return -(-self.duration_ms // self.interval_ms)

    @property
    def sheets(self) -> int:
        """Files in all."""
        return -(-self.count // (self.columns * self.rows))


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile: its time in milliseconds, its sheet (from 1) and its place there in pixels."""

    start_ms: int
    end_ms: int
    sheet: int
    x: int
    y: int


def plan_sprites(width: int, height: int, duration_seconds: float) -> Sprites:
    """The sheets for a film of a display size in pixels."""
    duration = max(1, round(duration_seconds * 1000))
    ideal = -(-duration // (_TILES_WANTED * _HALF_SECOND_MS)) * _HALF_SECOND_MS
    interval = min(max(ideal, _SHORTEST_MS), _LONGEST_MS)
    count = -(-duration // interval)
    longer = max(width, height, 1)
    columns = min(_ACROSS, count)
    return Sprites(
        duration_ms=duration,
        interval_ms=interval,
        # Even, because the encoder halves colour; never nothing, however odd the shape.
        tile_width=max(2, round(_TILE * width / longer / 2) * 2),
        tile_height=max(2, round(_TILE * height / longer / 2) * 2),
        columns=columns,
        rows=min(_DOWN, -(-count // columns)),
    )


def tiles(sprites: Sprites) -> Iterator[Tile]:
    """Every tile in order of time, row by row on each sheet."""
    per_sheet = sprites.columns * sprites.rows
    for number in range(sprites.count):
        row, column = divmod(number % per_sheet, sprites.columns)
        yield Tile(
            start_ms=number * sprites.interval_ms,
            end_ms=min((number + 1) * sprites.interval_ms, sprites.duration_ms),
            sheet=number // per_sheet + 1,
            x=column * sprites.tile_width,
            y=row * sprites.tile_height,
        )


def sprites_command(
    ffmpeg: str, source: Path, folder: Path, sprites: Sprites, key_frame_seconds: float | None = None
) -> list[str]:
    """The command that makes ``thumbnails-1.jpg``, ``thumbnails-2.jpg``, … in a folder; a small rendition is quickest.

    ``key_frame_seconds`` says that the source has a key frame at least so often: if tiles are no closer, only key
    frames are decoded.
    """
    sparse = key_frame_seconds is not None and key_frame_seconds * 1000 <= sprites.interval_ms
    chain = (
        # The frame that is on the screen when a tile's time begins.
        f"fps=1000/{sprites.interval_ms}:round=up",
        # The last frame stands for what the picture's track is shorter than the film.
        f"tpad=stop=-1:stop_mode=clone,trim=end_frame={sprites.count}",
        f"scale={sprites.tile_width}:{sprites.tile_height}:flags=area:out_range=pc,setsar=1,format=yuvj420p",
        f"tile={sprites.columns}x{sprites.rows}",
    )
    return [
        ffmpeg,
        *("-hide_banner", "-nostdin", "-loglevel", "error", "-y"),
        *(("-skip_frame", "nokey") if sparse else ()),
        *("-i", str(source), "-map", "0:v:0", "-vf", ",".join(chain)),
        # Each sheet is a picture, whatever time it would have as a frame.
        *("-fps_mode", "passthrough", "-frames:v", str(sprites.sheets), "-q:v", "5"),
        *("-f", "image2", "-start_number", "1", str(folder / "thumbnails-%d.jpg")),
    ]


def thumbnails_vtt(sprites: Sprites) -> str:
    """WebVTT whose cues name a tile as a media fragment (W3C Media Fragments §4.2.2: ``#xywh=x,y,w,h``)."""
    cues = (
        f"{_stamp(tile.start_ms)} --> {_stamp(tile.end_ms)}\n"
        f"thumbnails-{tile.sheet}.jpg#xywh={tile.x},{tile.y},{sprites.tile_width},{sprites.tile_height}\n"
        for tile in tiles(sprites)
    )
    return "\n".join(("WEBVTT\n", *cues))


def _stamp(milliseconds: int) -> str:
    """WebVTT's ``hh:mm:ss.ttt``; hours may have more than two digits."""
    seconds, thousandths = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}.{thousandths:03}"
