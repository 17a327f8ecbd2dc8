"""Where the display face lies that posters are set in: the web's own build of it."""

import json
from pathlib import Path

import matinee.web

_FACE = "fraunces-latin-opsz-normal.woff2"


def display_font() -> Path | None:
    """The display face's file; None where the web has not been built, and posters are set in Pillow's own face."""
    static = Path(matinee.web.__path__[0]) / "static"
    manifest = static / "manifest.json"
    if not manifest.exists():
        return None
    return static / str(json.loads(manifest.read_text())[_FACE])
