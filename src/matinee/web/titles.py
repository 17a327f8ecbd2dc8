"""The studio's page of one title: what is said of it, changed by hand; taken off every page, and put back."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from matinee.catalogue.lifecycle import PARENTS, draft_of
from matinee.catalogue.titles import Title, TitleDraft
from matinee.model.errors import Invalid
from matinee.web.desk import Desk, back_to

_TITLES = "/studio/titles"
_BAD = 400
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

    def show(self, request: Request, title_id: str, done: str = "") -> Response:
        self._desk.operator(request)
        title = self._catalogue.title(title_id)
        return self._page(request, title, draft_of(title), kept=bool(done))

    def describe(
        self,
        request: Request,
        title_id: str,
        name: _Text = "",
        synopsis: _Long = "",
        year: _Text = "",
        genres: _Text = "",
        moods: _Text = "",
        maturity: _Text = "0",
        territories: _Text = "",
        parent_id: _Text = "",
        season_number: _Text = "",
        episode_number: _Text = "",
    ) -> Response:
        self._desk.operator(request)
        title = self._catalogue.title(title_id)
        draft = TitleDraft(
            name=name,
            kind=title.kind,
            # Browsers end lines with CR LF (HTML, form submission).
            synopsis=synopsis.replace("\r\n", "\n"),
            genres=_words(genres),
            moods=_words(moods),
            territories=_words(territories),
            parent_id=parent_id or None,
        )
        try:
            draft = replace(
                draft,
                year=_number("year", year),
                maturity=_number("age", maturity) or 0,
                season_number=_number("season", season_number),
                episode_number=_number("episode", episode_number),
            )
            self._catalogue.describe(title_id, draft)
        except Invalid as error:
            answer = self._page(request, title, draft, trouble=str(error))
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
        self, request: Request, title: Title, draft: TitleDraft, trouble: str = "", *, kept: bool = False
    ) -> Response:
        """The form with a draft in it: what stands, or what was asked for and cannot be."""
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
            draft=draft,
            parents=parents,
            trouble=trouble,
            kept=kept,
        )


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for part in text.split(",") if (word := part.strip()))


def _number(what: str, text: str) -> int | None:
    text = text.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise Invalid(f"The {what} is a whole number, not {text!r:.20}.")
    return int(text)
