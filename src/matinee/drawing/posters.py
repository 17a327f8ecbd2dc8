"""The pictures a title is shown by: a still (16:9), a poster (2:3) with its name, and the poster's own colour."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageChops, ImageFilter

from matinee.drawing.colours import telling_colour
from matinee.drawing.lettering import BRASS, PAPER, fitted, write, write_spaced

POSTER = (600, 900)
STILL = (1280, 720)

_GROUND = (18, 16, 14)
_MARGIN = 46
_QUALITY = 88
# Films shorter than this are decoded from the stretch's start; of longer ones, key frames are looked up one by one.
_SHORT_SECONDS = 40.0
_CANDIDATES = 9
# After the titles, before what would give the end away.
_STRETCH = (0.30, 0.60)
_LONG_SIDE = 1920
# A still of another shape than this many times 16:9 stands whole before a blurred self.
_ODD_SHAPE = 1.35


def still_command(
    ffmpeg: str, source: Path, output: Path, duration_seconds: float, looked_at: Path | None = None
) -> list[str]:
    """The command that takes one good frame out of a film's middle, upright and in square pixels.

    FFmpeg's ``thumbnail`` filter picks the frame whose histogram is nearest the average of its fellows, which passes
    over black, flashes and fades. All frames that it looked at go to ``looked_at`` too, as ``%d.jpg`` in their order:
    they are decoded already.
    """
    first, last = (share * duration_seconds for share in _STRETCH)
    square = (
        f"scale=w='max(2,min({_LONG_SIDE},iw*sar))':h='max(2,min({_LONG_SIDE},ih*min(1,{_LONG_SIDE}/(iw*sar))))'"
        ":out_range=pc,setsar=1,format=yuvj420p"
    )
    command = [ffmpeg, "-hide_banner", "-nostdin", "-loglevel", "error", "-y"]
    if duration_seconds < _SHORT_SECONDS:
        rate = _CANDIDATES / max(last - first, 0.1)
        command += ["-ss", f"{first:.3f}", "-t", f"{max(last - first, 0.1):.3f}", "-i", str(source)]
        graph = f"[0:v:0]fps={rate:.4f},{square},{_picked_of(looked_at)}"
    else:
        for place in range(_CANDIDATES):
            at = first + (last - first) * place / (_CANDIDATES - 1)
            # The key frame before the time will do; nothing else needs decoding. One thread starts fastest.
            command += [
                "-threads",
                "1",
                "-skip_frame",
                "nokey",
                "-noaccurate_seek",
                "-ss",
                f"{at:.3f}",
                "-i",
                str(source),
            ]
        picked = ";".join(
            f"[{place}:v:0]trim=end_frame=1,setpts=PTS-STARTPTS,{square}[c{place}]" for place in range(_CANDIDATES)
        )
        labels = "".join(f"[c{place}]" for place in range(_CANDIDATES))
        graph = f"{picked};{labels}concat=n={_CANDIDATES},{_picked_of(looked_at)}"
    command = [
        *command,
        "-filter_complex",
        graph,
        "-map",
        "[still]",
        "-frames:v",
        "1",
        "-q:v",
        "2",
        "-update",
        "1",
        str(output),
    ]
    if looked_at is not None:
        every = ["-map", "[all]", "-frames:v", str(_CANDIDATES), "-fps_mode", "passthrough", "-q:v", "2"]
        # A second each: by the rate of a slide show, which has a frame a minute, all would have the time 0 again.
        command += [*every, "-enc_time_base", "1:1", str(looked_at / "%d.jpg")]
    return command


def _picked_of(looked_at: Path | None) -> str:
    """The end of the graph: the best of the candidates, and all of them where somebody wants to look on."""
    best = f"thumbnail=n={_CANDIDATES}:log=quiet[still]"
    if looked_at is None:
        return best
    # Frames that were looked up one by one all have the time 0, which no encoder takes twice. They are as large as a
    # still and no larger: nine pictures of full size would take as long to write as the rest.
    return f"split[one][more];[one]{best};[more]setpts=N/TB,scale=w='min({STILL[0]},iw)':h=-2[all]"


def make_still(frame: Path, output: Path) -> None:
    """A frame as a 16:9 JPEG; one of quite another shape stands whole before a blurred self."""
    with Image.open(frame) as opened:
        picture = opened.convert("RGB")
    shape = picture.width * STILL[1] / (picture.height * STILL[0])
    still = _covering(picture, STILL, 0.5, 0.5)
    if not 1 / _ODD_SHAPE <= shape <= _ODD_SHAPE:
        backdrop = still.filter(ImageFilter.GaussianBlur(40)).point([value * 6 // 10 for value in range(256)] * 3)
        scale = min(STILL[0] / picture.width, STILL[1] / picture.height)
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        backdrop.paste(
            picture.resize(size, Image.Resampling.LANCZOS), ((STILL[0] - size[0]) // 2, (STILL[1] - size[1]) // 2)
        )
        still = backdrop
    still.save(output, "JPEG", quality=_QUALITY, optimize=True, progressive=True)


def make_poster(still: Path, name: str, font: Path | None, output: Path, year: int | None = None) -> str:
    """A 2:3 JPEG: the most telling part of the frame, darker at its foot, with the name set there. Returns its colour.

    ``font`` is the display face's file (Pillow's own face if None); the colour is ``#rrggbb``.
    """
    with Image.open(still) as opened:
        frame = opened.convert("RGB")
    poster = _covering(frame, POSTER, *_focus(frame))
    # Of what is seen above the name.
    colour = telling_colour(poster.crop((0, 0, POSTER[0], POSTER[1] * 2 // 3)))
    width, height = POSTER
    block = fitted(name, font, width - 2 * _MARGIN, 400, (96, 30))
    foot = height - _MARGIN - (44 if year is not None else 6)
    top = foot - block.height
    poster = Image.composite(Image.new("RGB", POSTER, _shade(colour)), poster, _dusk(top))
    write(poster, block, (_MARGIN, top), PAPER)
    if year is not None:
        write_spaced(poster, str(year), font, 24, (_MARGIN, height - _MARGIN), BRASS)
    poster.save(output, "JPEG", quality=_QUALITY, optimize=True, progressive=True)
    return colour


def _covering(picture: Image.Image, size: tuple[int, int], across: float, down: float) -> Image.Image:
    """The picture scaled to cover a size, cut so that a place (0 to 1 each way) is as near the middle as can be."""
    scale = max(size[0] / picture.width, size[1] / picture.height)
    part = (min(size[0] / scale, picture.width), min(size[1] / scale, picture.height))
    left = min(max(across * picture.width - part[0] / 2, 0.0), picture.width - part[0])
    upper = min(max(down * picture.height - part[1] / 2, 0.0), picture.height - part[1])
    box = (left, upper, left + part[0], upper + part[1])
    covering = picture.resize(size, Image.Resampling.LANCZOS, box=box)
    # What is enlarged many times is a backdrop, and looks better as one.
    return covering.filter(ImageFilter.GaussianBlur(scale)) if scale > 5 else covering  # noqa: PLR2004


def _focus(frame: Image.Image) -> tuple[float, float]:
    """Where a frame is most interesting, from 0 to 1 across and down: where edges and colour are."""
    small = frame.resize((64, 64), Image.Resampling.BOX)
    edges = small.convert("L").filter(ImageFilter.FIND_EDGES)
    _, saturation, value = small.convert("HSV").split()
    # A dark colour may be saturated and yet unseen.
    shine = ImageChops.add(ImageChops.multiply(saturation, value), value, scale=2.0)
    # The rim is left out: edges are meaningless there.
    inner = ImageChops.add(edges, shine, scale=2.0).crop((1, 1, 63, 63))
    columns = inner.resize((62, 1), Image.Resampling.BOX).tobytes()
    rows = inner.resize((1, 62), Image.Resampling.BOX).tobytes()
    return _best(columns, frame.height * 2 / (frame.width * 3)), _best(rows, frame.width * 3 / (frame.height * 2))


def _best(values: Sequence[int], share: float) -> float:
    """The middle of the window (a share of the whole) that holds most; a little is taken off towards the ends."""
    count = len(values)
    window = min(max(round(share * count), 1), count)

    def worth(start: int) -> float:
        away = abs(start + window / 2 - count / 2) / count
        return sum(values[start : start + window]) * (1 - 0.5 * away)

    start = max(range(count - window + 1), key=worth)
    return (start + window / 2) / count


def _dusk(top: int) -> Image.Image:
    """A mask that darkens from above the name down to the foot."""
    width, height = POSTER
    begin = max(0, top - 230)
    column = Image.new("L", (1, height))
    for y in range(begin, height):
        along = min((y - begin) / max(top + 40 - begin, 1), 1.0)
        column.putpixel((0, y), round(225 * along * along * (3 - 2 * along)))
    return column.resize((width, height))


def _shade(colour: str) -> tuple[int, int, int]:
    """The ground, with a breath of the poster's colour."""
    parts = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    red, green, blue = (round(ground + part * 0.07) for ground, part in zip(_GROUND, parts, strict=True))
    return red, green, blue
