"""Words set on pictures: lines that balance, letters that any file name may bring, title cards.

A face is a chain of font files; each letter is set in the first that has it, and letters that none has are left out,
because a row of empty boxes says less than nothing.
"""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont

BRASS = (232, 176, 75)
PAPER = (250, 245, 235)

_KINDS = frozenset({".woff2", ".woff", ".ttf", ".otf", ".ttc"})
_SYSTEM_FOLDERS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path("/Library/Fonts"))
# Cuts that a title is not set in while another will do.
_ODD_CUTS = ("mono", "bold", "italic", "oblique", "condensed", "light", "symbol", "emoji", "math")
_MOST_SYSTEM_FONTS = 80
# No font has a letter here, so what it draws is what it draws for any letter it lacks.
_NOWHERE = "\U0010ffff"
_LINE = 1.04  # line spacing
_ELLIPSIS = "…"
_LONGEST = 300  # letters of a name that are tried


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that fit a box. ``size`` is in pixels, ``files`` the face's chain."""

    lines: tuple[str, ...]
    size: int
    files: tuple[Path | None, ...]

    @property
    def height(self) -> int:
        """From the top of the first line to the foot of the last, in pixels."""
        return round(len(self.lines) * self.size * _LINE)


@cache
def _opened(file: Path | None, size: int, weight: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """A font at a size; a variable one at a weight and at the size's own optical cut."""
    if file is None:
        return ImageFont.load_default(size)
    font = ImageFont.truetype(file, size)
    try:
        axes = font.get_variation_axes()
    except (OSError, NotImplementedError):  # not variable
        return font
    # The finest cut for large letters; small ones keep their thin strokes.
    wanted = {b"Weight": weight, b"Optical Size": 2 * size, b"Softness": 0, b"Wonky": 0}
    values = []
    for axis in axes:
        least, usual, most = (axis[key] or 0 for key in ("minimum", "default", "maximum"))
        values.append(float(min(max(wanted.get(axis["name"] or b"", usual), least), most)))
    font.set_variation_by_axes(values)
    return font


@cache
def _has(file: Path | None, letter: str) -> bool:
    font = _opened(file, 24, 400)
    mask, nothing = font.getmask(letter), font.getmask(_NOWHERE)
    return (mask.size, bytes(mask)) != (nothing.size, bytes(nothing))


def _is_blank(letter: str) -> bool:
    return letter.isspace() or unicodedata.category(letter) in {"Mn", "Me", "Cf"}


@cache
def _files(font: Path | None, letters: str) -> tuple[Path | None, ...]:
    """The chain of files that has as many of the letters as can be had."""
    chain: list[Path | None] = [font]
    missing = {letter for letter in letters if not _has(font, letter)}
    for file in _others(font):
        if not missing:
            break
        try:
            found = {letter for letter in missing if _has(file, letter)}
        except OSError:  # a font FreeType cannot read
            continue
        if found:
            chain.append(file)
            missing -= found
    return tuple(chain)


def _others(font: Path | None) -> Iterator[Path]:
    """Fonts to fall back on: other parts of the same face beside it, then what the system has."""
    if font is not None:
        beside = (file for file in font.parent.iterdir() if file.suffix in _KINDS and file != font)
        face = font.name.partition("-")[0]
        yield from sorted(beside, key=lambda file: (not file.name.startswith(face), *_rank(file)))
    yield from _system_fonts()


@cache
def _system_fonts() -> tuple[Path, ...]:
    files = [
        file for folder in _SYSTEM_FOLDERS if folder.is_dir() for file in folder.rglob("*") if file.suffix in _KINDS
    ]
    return tuple(sorted(files, key=_rank)[:_MOST_SYSTEM_FONTS])


def _rank(file: Path) -> tuple[int, bool, str]:
    """Upright regular cuts first, and among them those with serifs."""
    stem = file.stem.lower()
    return sum(cut in stem for cut in _ODD_CUTS), "serif" not in stem, stem


def cleaned(text: str) -> str:
    """Text in one line without what cannot be drawn: controls, lone surrogates, private letters."""
    composed = unicodedata.normalize("NFC", text)
    kept = (" " if letter.isspace() else letter for letter in composed)
    return " ".join(
        "".join(x for x in kept if x == " " or unicodedata.category(x) not in {"Cc", "Cs", "Co", "Cn"}).split()
    )


def _runs(text: str, files: Sequence[Path | None]) -> list[tuple[Path | None, str]]:
    """The text in pieces that one font sets; spaces and marks stay with the letter before them."""
    runs: list[tuple[Path | None, str]] = []
    for letter in text:
        if _is_blank(letter):
            file = runs[-1][0] if runs else files[0]
        else:
            able = [file for file in files if _has(file, letter)]
            if not able:
                continue
            file = able[0]
        if runs and runs[-1][0] == file:
            runs[-1] = (file, runs[-1][1] + letter)
        else:
            runs.append((file, letter))
    return runs


def _width(text: str, files: Sequence[Path | None], size: int, weight: int) -> float:
    return sum(_opened(file, size, weight).getlength(piece) for file, piece in _runs(text, files))


def _cut(words: Sequence[str], widest: float, measure: Callable[[str], float]) -> list[str]:
    """The words, those too wide for a line in pieces."""
    pieces: list[str] = []
    for word in words:
        rest = word
        while len(rest) > 1 and measure(rest) > widest:
            widths = (measure(rest[:end]) for end in range(1, len(rest)))
            end = max(1, sum(1 for _ in takewhile(lambda width: width <= widest, widths)))
            pieces.append(rest[:end])
            rest = rest[end:]
        pieces.append(rest)
    return pieces


def balanced(words: Sequence[str], widest: float, measure: Callable[[str], float]) -> list[str]:
    """The words in as few lines as they need, none wider than ``widest`` unless one word is, as even as they can be."""
    # Of each start, the fewest lines to the end and, among those, the least sum of squares of what stays empty.
    best: list[tuple[int, float, int]] = [(0, 0.0, len(words))] * (len(words) + 1)
    for start in range(len(words) - 1, -1, -1):
        choices = []
        for end in range(start + 1, len(words) + 1):
            width = measure(" ".join(words[start:end]))
            if width > widest and end > start + 1:
                break
            choices.append((best[end][0] + 1, best[end][1] + max(0.0, widest - width) ** 2, end))
        best[start] = min(choices)
    lines, start = [], 0
    while start < len(words):
        end = best[start][2]
        lines.append(" ".join(words[start:end]))
        start = end
    return lines


def fitted(text: str, font: Path | None, width: int, height: int, sizes: tuple[int, int], weight: int = 560) -> Block:
    """Text in the largest size, of (largest, smallest), at which it fits a box.

    Words are cut only once the letters have shrunk to half; the text only where even the smallest size is too large.
    """
    text = cleaned(text)[:_LONGEST]
    files = _files(font, "".join(sorted({letter for letter in text if not _is_blank(letter)})))
    words = "".join(piece for _, piece in _runs(text, files)).split()
    largest, smallest = sizes
    size = largest
    while True:

        def measure(line: str, size: int = size) -> float:
            return _width(line, files, size, weight)

        may_cut = size <= max(smallest, largest // 2)
        lines = balanced(_cut(words, width, measure) if may_cut else words, width, measure)
        room = max(1, int(height / (size * _LINE)))
        if len(lines) <= room and all(measure(line) <= width for line in lines):
            return Block(tuple(lines), size, files)
        if size == smallest:
            break
        size = max(smallest, round(size * 0.92))
    last = lines[room - 1]
    while last and measure(last + _ELLIPSIS) > width:
        last = last[:-1]
    return Block((*lines[: room - 1], last.rstrip() + _ELLIPSIS), size, files)


def write(
    picture: Image.Image,
    block: Block,
    place: tuple[int, int],
    fill: tuple[int, int, int],
    weight: int = 560,
    middle: bool = False,
) -> None:
    """Set a block with its top left, or the middle of its top, at ``place``."""
    draw = ImageDraw.Draw(picture)
    for number, line in enumerate(block.lines):
        x = place[0] - (_width(line, block.files, block.size, weight) / 2 if middle else 0.0)
        y = place[1] + (number + 0.82) * block.size * _LINE
        for file, piece in _runs(line, block.files):
            font = _opened(file, block.size, weight)
            draw.text((x, y), piece, font=font, fill=fill, anchor="ls")
            x += font.getlength(piece)


def write_spaced(
    picture: Image.Image,
    text: str,
    font: Path | None,
    size: int,
    place: tuple[float, float],
    fill: tuple[int, int, int],
    middle: bool = False,
) -> None:
    """Set a short line of small letters with air between them; ``place`` is on its foot, at its left or middle."""
    draw = ImageDraw.Draw(picture)
    opened = _opened(font, size, 500)
    air = size * 0.22
    x = place[0] - ((sum(opened.getlength(letter) + air for letter in text) - air) / 2 if middle else 0.0)
    for letter in text:
        draw.text((x, place[1]), letter, font=opened, fill=fill, anchor="ls")
        x += opened.getlength(letter) + air


def title_card(name: str, year: int | None, font: Path | None, output: Path) -> None:
    """A PNG with transparency: the name over its year, with a soft shadow that reads on any picture."""
    block = fitted(name, font, 980, 260, (96, 48))
    width, height = 1120, block.height + 180
    letters = Image.new("RGBA", (width, height), (*PAPER, 0))
    write(letters, block, (width // 2, 70), PAPER, middle=True)
    if year is not None:
        write_spaced(letters, str(year), font, 26, (width / 2, 70 + block.height + 46), PAPER, middle=True)
    ink = letters.getchannel("A")
    shadow = Image.new("RGBA", (width, height), (8, 7, 6, 0))
    near, far = ink.filter(ImageFilter.GaussianBlur(5)), ink.filter(ImageFilter.GaussianBlur(26))
    # A blur thins out what it spreads: the far shadow is strengthened until it carries.
    shadow.putalpha(Image.blend(near, far.point([min(255, value * 4) for value in range(256)]), 0.7))
    Image.alpha_composite(shadow, letters).save(output)
