"""The part of a title's page in the studio that shows its spans, and the forms that change them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from matinee.catalogue.titles import Title
from matinee.model.errors import Conflict, Invalid
from matinee.pages.rooms import Rooms
from matinee.spans.span import Extent, Span, SpanKind, read_seconds, written
from matinee.web.desk import Desk, back_to

_Text = Annotated[str, Form(max_length=40)]


@dataclass(frozen=True, slots=True)
class SpanLine:
    """A span as the page shows it: its times as they are written, and its place on the timeline in parts of it."""

    span: Span
    start: str
    end: str
    first: float
    part: float


@dataclass(frozen=True, slots=True)
class SpansShown:
    """What the page shows. ``settled``: kinds of which an operator said what there is. ``trouble``: a sentence."""

    lines: tuple[SpanLine, ...]
    settled: tuple[SpanKind, ...]
    length: str
    kinds: tuple[SpanKind, ...] = tuple(SpanKind)
    trouble: str = ""


def shown_spans(rooms: Rooms, title: Title, trouble: str = "") -> SpansShown | None:
    """The spans of what a title plays now; None while it plays nothing."""
    length = title.duration_seconds
    if title.revision is None or not length:
        return None
    lines = tuple(
        SpanLine(
            span,
            written(span.start_seconds),
            written(span.end_seconds),
            span.start_seconds / length,
            (span.end_seconds - span.start_seconds) / length,
        )
        for span in rooms.spans.of(title.id, title.revision)
    )
    settled = tuple(sorted(rooms.spans.settled(title.id, title.revision)))
    return SpansShown(lines, settled, written(length), trouble=trouble)


def add_routes(router: APIRouter, desk: Desk) -> None:
    """Put the forms among the studio's pages; they need an operator."""
    spans = _Spans(desk)
    router.add_api_route("/titles/{title_id}/spans", spans.add, methods=["POST"])
    router.add_api_route("/titles/{title_id}/spans/reset", spans.reset, methods=["POST"])
    router.add_api_route("/titles/{title_id}/spans/{span_id}", spans.change, methods=["POST"])
    router.add_api_route("/titles/{title_id}/spans/{span_id}/removal", spans.remove, methods=["POST"])


class _Spans:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._catalogue = desk.rooms.catalogue
        self._spans = desk.rooms.spans

    def add(self, request: Request, title_id: str, kind: _Text = "", start: _Text = "", end: _Text = "") -> Response:
        by = self._desk.operator(request).member.id
        title = self._catalogue.title(title_id)
        return _answer(
            title_id, lambda: self._spans.add(title, Extent(_kind(kind), read_seconds(start), read_seconds(end)), by)
        )

    def change(
        self, request: Request, title_id: str, span_id: str, kind: _Text = "", start: _Text = "", end: _Text = ""
    ) -> Response:
        by = self._desk.operator(request).member.id
        title = self._catalogue.title(title_id)

        def change() -> Span:
            first, last = read_seconds(start), read_seconds(end)
            return self._spans.change(title, span_id, by, kind=_kind(kind), start_seconds=first, end_seconds=last)

        return _answer(title_id, change)

    def remove(self, request: Request, title_id: str, span_id: str) -> Response:
        by = self._desk.operator(request).member.id
        self._spans.remove(self._catalogue.title(title_id), span_id, by)
        return _back(title_id)

    def reset(self, request: Request, title_id: str) -> Response:
        by = self._desk.operator(request).member.id
        self._spans.reset(self._catalogue.title(title_id), by)
        return _back(title_id)


def _answer(title_id: str, act: Callable[[], object]) -> Response:
    """Back to the page, with a sentence if it could not be done."""
    try:
        act()
    except (Invalid, Conflict) as error:
        return _back(title_id, str(error))
    return _back(title_id)


def _back(title_id: str, trouble: str = "") -> Response:
    said = f"?{urlencode({'trouble': trouble})}" if trouble else ""
    return back_to(None, f"/studio/titles/{title_id}{said}#spans")


def _kind(text: str) -> SpanKind:
    if text not in set(SpanKind):
        raise Invalid(f"A span is a recap, an intro or credits, not {text!r:.20}.")
    return SpanKind(text)
