"""The studio's page of one title: what is said of it, changed by hand; taken off every page, and put back."""

from dataclasses import dataclass, fields
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from matinee.catalogue.lifecycle import PARENTS, draft_of
from matinee.catalogue.titles import Title, TitleDraft, TitleKind
from matinee.model.errors import Invalid
from matinee.pages.arriving import arriving
from matinee.web.desk import Desk, back_to
from matinee.web.spans import SpansShown, shown_spans

_TITLES = "/studio/titles"
_BAD = 400
_LONGEST_TROUBLE = 300
_Text = Annotated[str, Form(max_length=400)]
_Long = Annotated[str, Form(max_length=8000)]


def add_routes(router: APIRouter, desk: Desk) -> None:
    """Put the page of a title among the studio's; it needs an operator."""
    titles = _Titles(desk)
    router.add_api_route("/titles/{title_id}", titles.show, methods=["GET"])
    router.add_api_route("/titles/{title_id}", titles.describe, methods=["POST"])
    router.add_api_route("/titles/{title_id}/withdrawal", titles.withdraw, methods=["POST"])
    router.add_api_route("/titles/{title_id}/restoration", titles.restore, methods=["POST"])


class _Titles:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._catalogue = desk.rooms.catalogue

    def show(self, request: Request, title_id: str, done: str = "", trouble: str = "") -> Response:
        self._desk.operator(request)
        title = self._catalogue.title(title_id)
        # What could not be said of its spans, whose forms lead back here.
        spans = shown_spans(self._desk.rooms, title, trouble[:_LONGEST_TROUBLE])
        return self._page(request, title, _form_of(draft_of(title)), kept=bool(done), spans=spans)

    def describe(
        self,
        request: Request,
        title_id: str,
        name: _Text = "",
        synopsis: _Long = "",
        year: _Text = "",
        genres: _Long = "",
        moods: _Long = "",
        maturity: _Text = "",
        territories: _Long = "",
        parent_id: _Text = "",
        season_number: _Text = "",
        episode_number: _Text = "",
    ) -> Response:
        self._desk.operator(request)
        title = self._catalogue.title(title_id)
        form = _Form(
            name,
            # Browsers end lines with CR LF (HTML, form submission).
            synopsis.replace("\r\n", "\n"),
            year,
            genres,
            moods,
            maturity,
            territories,
            parent_id,
            season_number,
            episode_number,
        )
        try:
            self._catalogue.describe(title_id, form.draft(title.kind))
        except Invalid as error:
            answer = self._page(request, title, form, trouble=str(error))
            answer.status_code = _BAD
            return answer
        return back_to(None, f"{_TITLES}/{title_id}?done=1")

    def withdraw(self, request: Request, title_id: str) -> Response:
        self._desk.operator(request)
        self._catalogue.withdraw(title_id)
        return back_to(None, f"{_TITLES}/{title_id}")

    def restore(self, request: Request, title_id: str) -> Response:
        self._desk.operator(request)
        self._catalogue.restore(title_id)
        return back_to(None, f"{_TITLES}/{title_id}")

    def _page(
        self,
        request: Request,
        title: Title,
        form: "_Form",
        trouble: str = "",
        *,
        kept: bool = False,
        spans: SpansShown | None = None,
    ) -> Response:
        """The form with what stands in it, or with what was typed and cannot be."""
        every = self._catalogue.titles()
        names = {one.id: one.name for one in every}
        parents = [
            (one.id, f"{names[one.parent_id]}: {one.name}" if one.parent_id in names else one.name)
            for one in sorted(every, key=lambda one: one.name.casefold())
            if one.kind in PARENTS[title.kind]
        ]
        return self._desk.page(
            request,
            "title",
            title.name,
            under=_TITLES,
            title=title,
            form=form,
            parents=parents,
            trouble=trouble,
            kept=kept,
            arriving=arriving(self._desk.rooms, title),
            spans=spans or shown_spans(self._desk.rooms, title),
        )


@dataclass(frozen=True, slots=True)
class _Form:
    """The page's fields as they are typed, so that nothing of them is lost over one that is not right."""

    name: str
    synopsis: str
    year: str
    genres: str
    moods: str
    maturity: str
    territories: str
    parent_id: str
    season_number: str
    episode_number: str

    def draft(self, kind: TitleKind) -> TitleDraft:
        """What they say of a title of a kind; Invalid for what is no number where one is wanted."""
        maturity = _number("age", self.maturity)
        if maturity is None:
            raise Invalid("A title needs the age from which it may be seen: 0 is everybody's.")
        return TitleDraft(
            name=self.name,
            kind=kind,
            synopsis=self.synopsis,
            year=_number("year", self.year),
            genres=_words(self.genres),
            moods=_words(self.moods),
            maturity=maturity,
            parent_id=self.parent_id or None,
            season_number=_number("season", self.season_number),
            episode_number=_number("episode", self.episode_number),
            territories=_words(self.territories),
        )


def _form_of(draft: TitleDraft) -> _Form:
    typed = {}
    for field in fields(_Form):
        value = getattr(draft, field.name)
        typed[field.name] = ", ".join(value) if isinstance(value, tuple) else "" if value is None else str(value)
    return _Form(**typed)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for part in text.split(",") if (word := part.strip()))


def _number(what: str, text: str) -> int | None:
    text = text.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise Invalid(f"The {what} is a whole number, not {text!r:.20}.")
    return int(text)
