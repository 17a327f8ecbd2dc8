"""What a title is, and what may become of it: pure values and one table."""

import re
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from matinee.model.errors import Conflict, Invalid
from matinee.model.media import Presentation
from matinee.model.text import line, paragraphs

_LONGEST_NAME = 200
_LONGEST_SYNOPSIS = 5000
_LONGEST_WORD = 50
_MOST_WORDS = 20
_FIRST_FILM = 1870
_LAST_YEAR = 2200
_EVERYTHING = 18
_MOST_NUMBER = 100_000
_MOST_TERRITORIES = 250
# ISO 3166-1 alpha-2, its shape alone: the list of countries changes without us.
_TERRITORY = re.compile(r"[A-Z]{2}")


class TitleKind(StrEnum):
    """What kind of thing is watched."""

    FILM = "film"
    SERIES = "series"
    SEASON = "season"
    EPISODE = "episode"


class TitleState(StrEnum):
    """Where a title is on its way to viewers."""

    DRAFT = "draft"
    ENCODING = "encoding"
    PLAYABLE = "playable"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"


class Step(StrEnum):
    """What can happen to a title."""

    ENCODE = "encode"
    PUBLISH = "publish"
    FAIL = "fail"
    WITHDRAW = "withdraw"
    RESTORE = "restore"


# What is playable stays so while it is encoded anew, and if that fails. What an operator has withdrawn stays withdrawn,
# whatever an encode that was still running brings; restoring it makes it playable again if it has a revision.
TRANSITIONS: dict[TitleState, dict[Step, TitleState]] = {
    TitleState.DRAFT: {
        Step.ENCODE: TitleState.ENCODING,
        Step.PUBLISH: TitleState.PLAYABLE,
        Step.FAIL: TitleState.FAILED,
        Step.WITHDRAW: TitleState.WITHDRAWN,
    },
    TitleState.ENCODING: {
        Step.ENCODE: TitleState.ENCODING,
        Step.PUBLISH: TitleState.PLAYABLE,
        Step.FAIL: TitleState.FAILED,
        Step.WITHDRAW: TitleState.WITHDRAWN,
    },
    TitleState.PLAYABLE: {
        Step.ENCODE: TitleState.PLAYABLE,
        Step.PUBLISH: TitleState.PLAYABLE,
        Step.FAIL: TitleState.PLAYABLE,
        Step.WITHDRAW: TitleState.WITHDRAWN,
    },
    TitleState.FAILED: {
        Step.ENCODE: TitleState.ENCODING,
        Step.PUBLISH: TitleState.PLAYABLE,
        Step.FAIL: TitleState.FAILED,
        Step.WITHDRAW: TitleState.WITHDRAWN,
    },
    TitleState.WITHDRAWN: {
        Step.ENCODE: TitleState.WITHDRAWN,
        Step.PUBLISH: TitleState.WITHDRAWN,
        Step.FAIL: TitleState.WITHDRAWN,
        Step.WITHDRAW: TitleState.WITHDRAWN,
        Step.RESTORE: TitleState.DRAFT,
    },
}

PARENTS: dict[TitleKind, frozenset[TitleKind]] = {
    TitleKind.FILM: frozenset(),
    TitleKind.SERIES: frozenset(),
    TitleKind.SEASON: frozenset({TitleKind.SERIES}),
    TitleKind.EPISODE: frozenset({TitleKind.SEASON, TitleKind.SERIES}),
}


@dataclass(frozen=True, slots=True)
class Title:
    """Something to watch. ``maturity`` is the age from which; ``message`` says why the last encode failed.

    ``territories`` are where it may be shown, as country codes; none means everywhere.

    ``presentation`` is the encode that ``revision`` names. Where titles come in numbers (the shelf, the studio's list)
    its ``files`` are left out.
    """

    id: str
    kind: TitleKind
    name: str
    synopsis: str
    year: int | None
    genres: tuple[str, ...]
    moods: tuple[str, ...]
    maturity: int
    state: TitleState
    message: str | None
    revision: str | None
    presentation: Presentation | None
    parent_id: str | None
    season_number: int | None
    episode_number: int | None
    created_at: datetime
    published_at: datetime | None
    territories: tuple[str, ...] = ()

    @property
    def duration_seconds(self) -> float | None:
        """How long it plays; None before its first encode."""
        return None if self.presentation is None else self.presentation.duration_seconds

    @property
    def is_growing(self) -> bool:
        """Whether what is played of it is still arriving."""
        return self.presentation is not None and self.presentation.is_growing

    def shows(self, presentation: Presentation, *, known: bool) -> bool:
        """Whether a revision that was told of becomes the one that is played; ``known``: it was told before.

        A whole one does, once. A growing one only where nothing better is there: where nothing is, also if it was
        told before (its encode failed meanwhile and goes on), or where another one grew whose encode was given up.
        """
        if not presentation.is_growing:
            return not known
        return self.presentation is None or (self.is_growing and not known)

    def failed(self, message: str) -> "Title":
        """The title after an encode of it failed. What grew will not be whole any more, so the title has nothing."""
        if not self.is_growing:
            return self.after(Step.FAIL, message=message)
        kept = TitleState.WITHDRAWN if self.state is TitleState.WITHDRAWN else TitleState.FAILED
        return replace(self, state=kept, message=message, revision=None, presentation=None, published_at=None)

    def is_for(self, maturity_limit: int, territory: str = "") -> bool:
        """Whether somebody of a maturity limit may see it in a territory ("": nobody knows which)."""
        return self.maturity <= maturity_limit and (not self.territories or territory in self.territories)

    def after(self, step: Step, **changes: Any) -> "Title":
        """The title after a step, other fields changed with it. Conflict if the step is not possible in its state."""
        following = TRANSITIONS[self.state].get(step)
        if following is None:
            raise Conflict(f"The title {self.name} is {self.state.value}: there is nothing to {step.value}.")
        return replace(self, state=following, **changes)


@dataclass(frozen=True, slots=True)
class TitleDraft:
    """What an operator says of a title before there is anything to play."""

    name: str
    kind: TitleKind = TitleKind.FILM
    synopsis: str = ""
    year: int | None = None
    genres: tuple[str, ...] = ()
    moods: tuple[str, ...] = ()
    maturity: int = 0
    parent_id: str | None = None
    season_number: int | None = None
    episode_number: int | None = None
    territories: tuple[str, ...] = ()


def checked_draft(draft: TitleDraft) -> TitleDraft:
    """The draft as it is kept; Invalid with a sentence for a field that is not right."""
    numbers = (
        ("year", draft.year, _FIRST_FILM, _LAST_YEAR),
        ("maturity", draft.maturity, 0, _EVERYTHING),
        ("season number", draft.season_number, 0, _MOST_NUMBER),
        ("episode number", draft.episode_number, 0, _MOST_NUMBER),
    )
    for what, number, least, most in numbers:
        if number is not None and not least <= number <= most:
            raise Invalid(f"A title's {what} is between {least} and {most}, not {number}.")
    return replace(
        draft,
        name=line("A title's name", draft.name, _LONGEST_NAME),
        synopsis=paragraphs("A title's synopsis", draft.synopsis, _LONGEST_SYNOPSIS),
        genres=_words("genre", draft.genres),
        moods=_words("mood", draft.moods),
        territories=_territories(draft.territories),
    )


def draft_of(title: Title) -> TitleDraft:
    """What an operator said of a title."""
    return TitleDraft(**{field.name: getattr(title, field.name) for field in fields(TitleDraft)})


def described(title: Title, draft: TitleDraft) -> Title:
    """The title with what a checked draft says of it instead; Invalid if that makes it another kind of thing."""
    if draft.kind is not title.kind:
        raise Invalid(f"The {title.kind.value} {title.name} cannot become a {draft.kind.value}.")
    return replace(title, **{field.name: getattr(draft, field.name) for field in fields(TitleDraft)})


def check_parent(kind: TitleKind, parent: TitleKind) -> None:
    """Invalid if a title of this kind does not belong to one of the other."""
    if parent not in PARENTS[kind]:
        raise Invalid(f"The {kind.value} cannot belong to a {parent.value}.")


def _territories(codes: tuple[str, ...]) -> tuple[str, ...]:
    kept = tuple(dict.fromkeys(code.strip().upper() for code in codes))
    for code in kept:
        if not _TERRITORY.fullmatch(code):
            raise Invalid(f"A territory is a country's two letters like PT (ISO 3166-1), not {code!r:.20}.")
    if len(kept) > _MOST_TERRITORIES:
        raise Invalid(f"A title has at most {_MOST_TERRITORIES} territories.")
    return kept


def _words(what: str, words: tuple[str, ...]) -> tuple[str, ...]:
    kept = tuple(dict.fromkeys(line(f"A {what}", word, _LONGEST_WORD) for word in words))
    if len(kept) > _MOST_WORDS:
        raise Invalid(f"A title has at most {_MOST_WORDS} {what}s.")
    return kept
