"""Small pictures made by code: icons of the buttons, and the round scene that stands for a profile."""

import hashlib
from collections.abc import Callable, Iterator
from functools import lru_cache

from markupsafe import Markup

# Paths on a grid of 24; those in _SOLID are filled, the others drawn with a line of 2.
_ICONS = {
    "mark": "M3.6 21.6V11.8a8.4 8.4 0 0 1 16.8 0v9.8zM10 9.9v6.6a.6.6 0 0 0 .92.5l5.2-3.3a.6.6 0 0 0 0-1l-5.2-3.3a.6.6 "
    "0 0 0-.92.5z",
    "play": "M7 4.6v14.8a.9.9 0 0 0 1.37.76l11.9-7.4a.9.9 0 0 0 0-1.52L8.37 3.84A.9.9 0 0 0 7 4.6z",
    "pause": "M7 4h3.4v16H7zM13.6 4H17v16h-3.4z",
    "back": "M15 5l-7 7 7 7",
    "more": "M9 5l7 7-7 7",
    "plus": "M12 5v14M5 12h14",
    "info": "M12 11v6M12 7.2v.1M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z",
    "search": "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.3 15.3L20 20",
    "rewind": "M4.5 9.5A8 8 0 1 1 4 13M4 4.5v5h5",
    "forward": "M19.5 9.5A8 8 0 1 0 20 13M20 4.5v5h-5",
    "volume": "M4 9.5v5h3.2L12 19V5L7.2 9.5zM15.5 9a4.2 4.2 0 0 1 0 6M18 6.2a8.2 8.2 0 0 1 0 11.6",
    "muted": "M4 9.5v5h3.2L12 19V5L7.2 9.5zM16 9.5l5 5M21 9.5l-5 5",
    "menu": "M4 7h9M18 7h2M4 17h2M11 17h9M15.5 9.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM8.5 19.5a2.5 2.5 0 1 0 0-5 "
    "2.5 2.5 0 0 0 0 5z",
    "pip": "M4 5.5h16v13H4zM12.5 12h5v4h-5z",
    "full": "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
    "unfull": "M9 4v5H4M20 9h-5V4M15 20v-5h5M4 15h5v5",
    "stats": "M4 20V4M4 20h16M8 16l3.5-5 3 3L20 7",
    "again": "M4.5 9.5A8 8 0 1 1 4 13M4 4.5v5h5",
    "lock": "M7 11V8a5 5 0 0 1 10 0v3M5.5 11h13v9h-13z",
    "check": "M5 12.5l4.5 4.5L19 7.5",
    "warn": "M12 9v5M12 17.2v.1M12 3.5L2.5 20h19z",
    "leave": "M14 4h5.5v16H14M4 12h11M11 8l4 4-4 4",
    "studio": "M4 20V10M10 20V4M16 20v-7M22 20H2",
    "up": "M7.5 11l3.6-7.2a1.9 1.9 0 0 1 2.1 2.2L12.4 10h6a2 2 0 0 1 2 2.4l-1.2 6a2 2 0 0 1-2 1.6H7.5zM7.5 11H4v9h3.5",
    "down": "M16.5 13l-3.6 7.2a1.9 1.9 0 0 1-2.1-2.2l.8-4h-6a2 2 0 0 1-2-2.4l1.2-6A2 2 0 0 1 6.8 4h9.7z"
    "M16.5 13H20V4h-3.5",
    "love": "M12 20.5S3.5 15.4 3.5 9.3A4.6 4.6 0 0 1 12 6.9a4.6 4.6 0 0 1 8.5 2.4c0 6.1-8.5 11.2-8.5 11.2z",
    "close": "M6 6l12 12M18 6L6 18",
}
_SOLID = frozenset({"mark", "play", "pause"})


@lru_cache(maxsize=64)
def icon(name: str) -> Markup:
    """An icon to stand beside a word or in a labelled button; it says nothing of its own to a screen reader."""
    kind = "icon icon-solid" if name in _SOLID else "icon"
    return Markup(
        '<svg class="{}" viewBox="0 0 24 24" aria-hidden="true"><path fill-rule="evenodd" d="{}"/></svg>'
    ).format(kind, _ICONS[name])


# Ground, sun, far shape, near shape.
_PALETTES = (
    ("#f2c879", "#fff3d6", "#d9893d", "#8a4a1f"),
    ("#e58f6f", "#ffe1c4", "#a8485c", "#5a2647"),
    ("#8cc5cf", "#f8f0d8", "#3c8495", "#1d4a5c"),
    ("#b8cf8a", "#fdf6d2", "#6f9a4d", "#38602f"),
    ("#d98d74", "#f9dfc7", "#b04f3c", "#6e2a26"),
    ("#a9b7cf", "#f4efe6", "#62779f", "#33425f"),
    ("#c7a3cf", "#fbeadf", "#8b5a99", "#4c2d5e"),
    ("#e4d27c", "#fffbe6", "#7fae8a", "#2f6b64"),
    ("#efb6a8", "#fff0e4", "#d0677a", "#7c2f4f"),
    ("#9fd0b4", "#fdf3cf", "#4f9a86", "#1f5560"),
    ("#f0c46b", "#fff6dc", "#c9613f", "#5b2a3b"),
    ("#b9b3dd", "#f7edd9", "#6f66b0", "#332f66"),
)


def _hills(draw: Iterator[int], sun: str, far: str, near: str) -> str:
    x, y, peak = 24 + next(draw) % 52, 26 + next(draw) % 18, next(draw) % 30
    return (
        f'<circle cx="{x}" cy="{y}" r="13" fill="{sun}"/>'
        f'<path d="M-5 {62 - peak // 3}Q{20 + peak} {34 + peak // 2} {52 + peak // 2} 66T110 52V105H-5z" fill="{far}"/>'
        f'<path d="M-5 84Q{30 + peak} 56 62 80T110 72V105H-5z" fill="{near}"/>'
    )


def _arches(draw: Iterator[int], sun: str, far: str, near: str) -> str:
    x = 34 + next(draw) % 32
    return (
        f'<path d="M{x - 34} 105V62a34 34 0 0 1 68 0v43z" fill="{far}"/>'
        f'<path d="M{x - 22} 105V64a22 22 0 0 1 44 0v41z" fill="{near}"/>'
        f'<path d="M{x - 11} 105V66a11 11 0 0 1 22 0v39z" fill="{sun}"/>'
    )


def _waves(draw: Iterator[int], sun: str, far: str, near: str) -> str:
    x, shift = 30 + next(draw) % 40, next(draw) % 20
    row = "q10 -12 20 0t20 0 20 0 20 0 20 0 20 0 20 0V105H-40z"
    return (
        f'<circle cx="{x}" cy="46" r="20" fill="{sun}"/>'
        f'<path d="M{-40 + shift} 58{row}" fill="{far}"/><path d="M{-50 + shift} 76{row}" fill="{near}"/>'
    )


def _moons(draw: Iterator[int], sun: str, far: str, near: str) -> str:
    turn, rise = next(draw) % 360, 6 + next(draw) % 14
    return (
        f'<g transform="rotate({turn} 50 50)"><path d="M-20 50a70 70 0 0 1 140 0z" fill="{far}"/></g>'
        f'<circle cx="50" cy="50" r="29" fill="{sun}"/>'
        f'<circle cx="{50 + rise}" cy="{50 - rise // 2}" r="25" fill="{near}"/>'
    )


def _petals(draw: Iterator[int], sun: str, far: str, near: str) -> str:
    count, turn = 5 + next(draw) % 4, next(draw) % 60
    petals = "".join(
        f'<ellipse cx="50" cy="27" rx="13" ry="22" fill="{far if place % 2 else near}" '
        f'transform="rotate({turn + place * 360 // count} 50 50)"/>'
        for place in range(count)
    )
    return f'{petals}<circle cx="50" cy="50" r="12" fill="{sun}"/>'


def _rays(draw: Iterator[int], sun: str, far: str, near: str) -> str:
    x, start = 30 + next(draw) % 40, next(draw) % 15
    beams = "".join(
        f'<path d="M{x} 72L{x - 11} -60h22z" fill="{far}" transform="rotate({angle + start} {x} 72)"/>'
        for angle in range(-90, 91, 30)
    )
    return f'{beams}<circle cx="{x}" cy="72" r="24" fill="{sun}"/><path d="M-5 72h110v40H-5z" fill="{near}"/>'


_SCENES: tuple[Callable[[Iterator[int], str, str, str], str], ...] = (
    _hills, _arches, _waves, _moons, _petals, _rays,
)  # fmt: skip


@lru_cache(maxsize=1024)
def avatar(name: str) -> Markup:
    """A profile's picture: a scene of simple shapes, always the same for the same name."""
    draw = iter(hashlib.sha256(name.strip().casefold().encode()).digest())
    ground, sun, far, near = _PALETTES[next(draw) % len(_PALETTES)]
    scene = _SCENES[next(draw) % len(_SCENES)](draw, sun, far, near)
    return Markup(  # noqa: S704 - numbers and colours of this file; the name only chooses among them
        f'<svg class="avatar" viewBox="0 0 100 100" aria-hidden="true"><rect width="100" height="100" fill="{ground}"/>'
        f"{scene}</svg>"
    )
