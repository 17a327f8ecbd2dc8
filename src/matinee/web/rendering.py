"""Templates to HTML: one environment a process, compiled once; built files by their hashed names."""

import json
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup
from starlette.responses import HTMLResponse

from matinee.web.pictures import avatar, icon

STATIC = Path(str(files("matinee.web"))) / "static"
_TEMPLATES = Path(str(files("matinee.web"))) / "templates"
_MINUTE = 60
_HOUR = 60


def length(seconds: float | None) -> str:
    """A running time as people say it: ``1 h 42 min``, ``90 s``; empty if unknown."""
    if seconds is None:
        return ""
    if seconds < 2 * _MINUTE:
        return f"{round(seconds)} s"
    minutes = round(seconds / _MINUTE)
    hours, minutes = divmod(minutes, _HOUR)
    return f"{minutes} min" if not hours else f"{hours} h {minutes} min" if minutes else f"{hours} h"


def maturity(age: int) -> str:
    """An age limit as a mark: ``All`` or ``12+``."""
    return f"{age}+" if age else "All"


def _manifest(static: Path) -> Mapping[str, str]:
    path = static / "manifest.json"
    if not path.exists():
        return {}
    entries: Mapping[str, str] = json.loads(path.read_text())
    return entries


class Rendering:
    """Makes HTML out of templates. ``asset(name)`` is a built file's address, also for whoever sends preload headers."""

    def __init__(self, static: Path = STATIC) -> None:
        manifest = _manifest(static)
        self.asset: Callable[[str], str] = lambda name: f"/static/{manifest.get(name, name)}"
        self._environment = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals.update(asset=self.asset, icon=icon, avatar=avatar)
        self._environment.filters.update(length=length, maturity=maturity)
        self._templates: dict[str, Template] = {}

    def add_filters(self, **filters: Callable[..., str]) -> None:
        """More filters for templates, before the first of them is rendered."""
        self._environment.filters.update(filters)

    def html(self, name: str, **values: Any) -> str:
        """A template's text with these values."""
        template = self._templates.get(name)
        if template is None:
            template = self._templates[name] = self._environment.get_template(name)
        return template.render(values)

    def page(self, name: str, status: int = 200, **values: Any) -> HTMLResponse:
        """A template as an answer."""
        return HTMLResponse(self.html(name, **values), status_code=status)


__all__ = ["STATIC", "Markup", "Rendering", "length", "maturity"]
