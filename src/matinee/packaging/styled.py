"""Lines of Advanced SubStation as WebVTT cues: italics, bold, underlines and places on the screen come along.

Colours, fonts, karaoke and drawings do not. pysubs2 reads styles and override tags.
"""

import re
from collections.abc import Mapping
from html import escape

import pysubs2
from pysubs2 import SSAStyle
from pysubs2.formats.substation import parse_tags

from matinee.packaging.text import Cue

_FIELDS_BEFORE_TEXT = 8  # ReadOrder, Layer, Style, Name, three margins, Effect
_PLACE = re.compile(r"\\an([1-9])")
_POINT = re.compile(r"\\pos\(\s*(-?[\d.]+)\s*,\s*(-?[\d.]+)\s*\)")
_WIDTH, _HEIGHT = 384.0, 288.0  # what a script means that does not tell its size
_BOTTOM_MIDDLE = 2


class Styles:
    """The styles of one script, out of its header; without one, those that players begin with."""

    def __init__(self, header: str) -> None:
        """A header that makes no sense counts as none."""
        self._styles: Mapping[str, SSAStyle] = {}
        self._width, self._height = _WIDTH, _HEIGHT
        if header:
            try:
                script = pysubs2.SSAFile.from_string(header, format_="ass")
                self._styles = {name.strip(): style for name, style in script.styles.items()}
                self._width = float(script.info.get("PlayResX", "")) or _WIDTH
                self._height = float(script.info.get("PlayResY", "")) or _HEIGHT
            except (pysubs2.Pysubs2Error, ValueError, KeyError, IndexError):
                pass

    def cue(self, start_seconds: float, end_seconds: float, dialogue: str) -> Cue:
        """The cue of a line as libavcodec writes it; its text is empty where the line only draws."""
        fields = dialogue.split(",", _FIELDS_BEFORE_TEXT)
        if len(fields) <= _FIELDS_BEFORE_TEXT:
            return Cue(start_seconds, end_seconds, "")
        text = fields[-1]
        style = self._styles.get(fields[2].strip().removeprefix("*")) or SSAStyle()
        # A style that is bold is how a script looks; a bold word in it means something.
        parts = [
            _marked(part, one, is_bold=one.bold and not style.bold)
            for part, one in parse_tags(text, style, dict(self._styles))
            if not one.drawing
        ]
        return Cue(start_seconds, end_seconds, _joined(parts), self._settings(text, style))

    def _settings(self, text: str, style: SSAStyle) -> str:
        told = _PLACE.search(text)
        place = int(told.group(1)) if told else int(style.alignment)
        point = _POINT.search(text)
        across, up = (place - 1) % 3, (place - 1) // 3
        words = []
        if point:
            # The point is where the box is held: by its bottom, middle or top.
            left, top = (float(number) for number in point.groups())
            held = ("end", "center", "start")[up]
            words.append(f"line:{_percent(top / self._height)},{held}")
            words.append(f"position:{_percent(left / self._width)},{('line-left', 'center', 'line-right')[across]}")
        elif up:
            words.append("line:0" if up == 2 else "line:50%,center")  # noqa: PLR2004 - top of bottom, middle, top
        if across != (_BOTTOM_MIDDLE - 1) % 3:
            if not point:
                words.append("position:0%,line-left" if across == 0 else "position:100%,line-right")
            words.append("align:left" if across == 0 else "align:right")
        return " ".join(words)


def _percent(share: float) -> str:
    return f"{min(max(share, 0.0), 1.0) * 100:.4g}%"


_Marked = tuple[str, tuple[str, ...]]


def _marked(part: str, style: SSAStyle, *, is_bold: bool) -> _Marked:
    text = re.sub(r"\\[Nn]", "\n", part).replace(r"\h", "\N{NO-BREAK SPACE}")
    marks = [(is_bold, "b"), (style.italic, "i"), (style.underline, "u")]
    return escape(text, quote=False), tuple(tag for is_set, tag in marks if is_set)


def _joined(parts: list[_Marked]) -> str:
    """Neighbours with the same marks share their tags."""
    runs: list[_Marked] = []
    for text, tags in parts:
        if runs and (runs[-1][1] == tags or not text.strip()):
            runs[-1] = (runs[-1][0] + text, runs[-1][1])
        elif text:
            runs.append((text, tags))
    return "".join(_wrapped(text, tags) for text, tags in runs)


def _wrapped(text: str, tags: tuple[str, ...]) -> str:
    if not text.strip():
        return text
    return "".join(f"<{tag}>" for tag in tags) + text + "".join(f"</{tag}>" for tag in reversed(tags))
