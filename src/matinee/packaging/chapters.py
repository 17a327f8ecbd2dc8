"""Chapters as HLS tells them: a JSON file that the multivariant playlist names.

RFC 8216bis §4.4.6.4 has the tag, and Apple's "Providing JavaScript Object Notation (JSON) chapters" the file. Players
of DASH read none: ISO/IEC 23009-1 has no word for chapters.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from matinee.model.media import Chapter
from matinee.packaging.text import quoted

CHAPTERS = "chapters.json"
_DATA_ID = "com.apple.hls.chapters"
_LANGUAGE = "und"  # RFC 5646: nothing says in which language a source's chapters are named


def write_chapters(folder: Path, chapters: Sequence[Chapter], length_seconds: float) -> None:
    """Write the file, if there are chapters."""
    if chapters:
        (folder / CHAPTERS).write_text(json.dumps(chapters_json(chapters, length_seconds), ensure_ascii=False), "utf-8")


def chapters_json(chapters: Sequence[Chapter], length_seconds: float) -> list[dict[str, object]]:
    """What the file says: each chapter lasts until the next one begins, the last one to the film's end."""
    ends = [*(one.start_seconds for one in chapters[1:]), length_seconds]
    return [
        {
            "chapter": number,
            "start-time": one.start_seconds,
            "duration": round(max(end - one.start_seconds, 0.0), 3),
            "titles": [{"language": _LANGUAGE, "title": one.name}],
        }
        for number, (one, end) in enumerate(zip(chapters, ends, strict=True), start=1)
    ]


def hls_chapters(address: str) -> str:
    """The tag that names the file at an address."""
    return f"#EXT-X-SESSION-DATA:DATA-ID={quoted(_DATA_ID)},URI={quoted(address)}"


def list_chapters(playlist: str, chapters: Sequence[Chapter]) -> str:
    """The multivariant playlist with that tag before its first variant, if there are chapters."""
    if not chapters:
        return playlist
    lines = playlist.splitlines()
    place = next((place for place, line in enumerate(lines) if line.startswith("#EXT-X-STREAM-INF:")), len(lines))
    return "\n".join([*lines[:place], hls_chapters(CHAPTERS), *lines[place:], ""])
