"""A card's HTML, made by hand and kept: a page has hundreds of cards, and most stand on every page alike."""

from functools import lru_cache
from html import escape

from markupsafe import Markup

from matinee.pages.cards import Card
from matinee.web.pictures import icon

_MINUTE = 60
_KEPT = 8192


def length(seconds: float | None) -> str:
    """A running time as people say it: ``1 h 42 min``, ``90 s``; empty if unknown."""
    if seconds is None:
        return ""
    if seconds < 2 * _MINUTE:
        return f"{round(seconds)} s"
    hours, minutes = divmod(round(seconds / _MINUTE), _MINUTE)
    return f"{minutes} min" if not hours else f"{hours} h {minutes} min" if minutes else f"{hours} h"


def maturity(age: int) -> str:
    """An age limit as a mark: ``All`` or ``12+``."""
    return f"{age}+" if age else "All"


def facts(shown: Card) -> tuple[str, ...]:
    """Year, length and maturity, as far as they are known and say something."""
    limit = maturity(shown.maturity) if shown.maturity else ""
    return tuple(filter(None, (str(shown.year or ""), length(shown.duration_seconds), limit)))


@lru_cache(maxsize=_KEPT)
def card(shown: Card) -> Markup:
    """A title to browse: its poster, and on hover or focus what it is. One stop for the keyboard."""
    return Markup(f'<li class="card" {_about(shown)}>{_poster(shown)}</li>')  # noqa: S704 - every value is escaped


@lru_cache(maxsize=_KEPT)
def ranked(shown: Card, rank: int) -> Markup:
    """A title in the top ten, with its numeral."""
    numeral = f'<span class="rank" aria-hidden="true">{rank}</span>'
    return Markup(f'<li class="card card-ranked" {_about(shown)}>{numeral}{_poster(shown)}</li>')  # noqa: S704 - as above


def resume(shown: Card) -> Markup:
    """A title somebody is in the middle of: a wide still, how far they came, what is left. Leads to the film itself.

    An episode is called by its series; the one that comes next says so.
    """
    part = f"{shown.part} · " if shown.part else ""
    left = f"{part}{length(shown.remaining_seconds)} left" if shown.progress else escape(shown.reason or part[:-3])
    name, press = escape(shown.series or shown.name), "Resume" if shown.progress else "Play"
    picture = _picture(shown.still_url, "", 1280, 720) if shown.still_url else ""
    return Markup(  # noqa: S704 - as above
        f'<li class="card card-still" {_about(shown)}>'
        f'<a class="card-link" data-stop href="/watch/{escape(shown.title_id)}">'
        f'<span class="card-picture">{picture}<span class="card-press"></span>'
        f'<span class="card-progress" style="--share:{shown.progress or 0:.4f}"></span></span>'
        f'<span class="card-under"><span class="card-title"><span class="visually-hidden">{press} </span>{name}</span>'
        f'<span class="card-left">{left}</span></span></a></li>'
    )


def _about(shown: Card) -> str:
    tint = f' style="--tint:{escape(shown.colour)}"' if shown.colour else ""
    told = {
        "experiment": shown.experiment,
        "propensity": shown.propensity,
        "artwork": shown.artwork,
        "artwork-propensity": shown.artwork_propensity,
    }
    chance = "".join(f' data-{name}="{escape(str(value))}"' for name, value in told.items() if value is not None)
    return f'data-title="{escape(shown.title_id)}"{chance}{tint}'


def _marks(shown: Card, name: str) -> str:
    """Buttons of a card that the site's script wakes; a title's own page has them as forms."""
    listed = str(shown.listed).lower()
    up = str(shown.rating in {"up", "love"}).lower()
    return (
        f'<span class="card-marks"><button class="card-mark" data-mark="list" tabindex="-1" aria-pressed="{listed}" '
        f'aria-label="My list: {name}"></button>'
        f'<button class="card-mark" data-mark="up" tabindex="-1" aria-pressed="{up}" '
        f'aria-label="I like {name}"></button></span>'
    )


def pick(shown: Card) -> Markup:
    """A title to say of that one likes it: its poster is a switch."""
    name = escape(shown.name)
    picture = (
        _picture(shown.poster_url, name, 600, 900) if shown.poster_url else f'<span class="card-name">{name}</span>'
    )
    pressed = str(shown.rating in {"up", "love"}).lower()
    return Markup(  # noqa: S704 - every value is escaped
        f'<li class="card card-pick" {_about(shown)}>'
        f'<form method="post" action="/titles/{escape(shown.title_id)}/rating">'
        f'<button class="card-link" data-stop data-mark="up" name="rating" value="{"" if pressed == "true" else "up"}" '
        f'aria-pressed="{pressed}">'
        f'<span class="card-picture">{picture}<span class="pick-mark">{icon("up")}</span></span>'
        f'<span class="visually-hidden">I like {name}</span></button></form></li>'
    )


def _poster(shown: Card) -> str:
    title_id, name = escape(shown.title_id), escape(shown.series or shown.name)
    if shown.poster_url:
        picture = _picture(shown.poster_url, name, 600, 900)
    else:
        picture = f'<span class="card-name">{name}</span>'
    moods = " · ".join(escape(mood) for mood in shown.moods[:3])
    told = "".join(
        f'<span class="{kind}">{text}</span>'
        for kind, text in (
            ("card-over", name),
            ("card-line", " · ".join(facts(shown))),
            ("card-moods", moods),
            ("card-reason", escape(shown.reason or "")),
        )
        if text
    )
    progress = f'<span class="card-progress" style="--share:{shown.progress:.4f}"></span>' if shown.progress else ""
    return (
        f'<a class="card-link" data-stop href="/titles/{title_id}"><span class="card-picture">{picture}'
        f'<span class="card-facts" aria-hidden="true">{told}</span>{progress}</span></a>'
        f'<a class="card-play" href="/watch/{title_id}" tabindex="-1" aria-label="Play {name}"></a>'
        f"{_marks(shown, name)}"
    )


def _picture(address: str, words: str, width: int, height: int) -> str:
    return (
        f'<img src="{escape(address)}" alt="{words}" width="{width}" height="{height}" loading="lazy" decoding="async">'
    )
