"""Templates to HTML: one environment a process, compiled once; built files by their hashed names."""

import json
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from starlette.responses import HTMLResponse

from matinee.web.markup import card, length, maturity, pick, ranked, resume
from matinee.web.pictures import avatar, icon

STATIC = Path(str(files("matinee.web"))) / "static"
_TEMPLATES = Path(str(files("matinee.web"))) / "templates"
# A page may be shown again by the back button, but is asked for anew otherwise: every play changes it.
_FRESH = {"Cache-Control": "private, no-cache"}


class Rendering:
    """Makes HTML out of templates. ``asset(name)`` is a built file's address."""

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
        self._environment.globals.update(
            asset=self.asset, icon=icon, avatar=avatar, card=card, pick=pick, ranked=ranked, resume=resume
        )
        self._environment.filters.update(running=length, maturity=maturity)
        self._templates: dict[str, Template] = {}

    def add_filters(self, **filters: Callable[..., str]) -> None:
        """Filters that some templates need on top; before the first of them is rendered."""
        self._environment.filters.update(filters)

    def html(self, name: str, **values: Any) -> str:
        """A template's text with these values."""
        template = self._templates.get(name)
        if template is None:
            template = self._templates[name] = self._environment.get_template(name)
        return template.render(values)

    def page(
        self, name: str, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any
    ) -> HTMLResponse:
        """A template as an answer."""
        return HTMLResponse(self.html(name, **values), status_code=status, headers={**_FRESH, **(headers or {})})


def _manifest(static: Path) -> Mapping[str, str]:
    path = static / "manifest.json"
    if not path.exists():
        return {}
    entries: Mapping[str, str] = json.loads(path.read_text())
    return entries
