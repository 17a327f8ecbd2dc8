"""What viewers may pass over in a title, as operators see and change it."""

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from matinee.accounts.members import Member
from matinee.api.authentication import operator
from matinee.model.errors import Invalid
from matinee.spans.span import Extent, Said, Span, SpanKind

if TYPE_CHECKING:
    from matinee.pages.rooms import Rooms


class ExtentBody(BaseModel):
    """A span as players have it, in seconds of the presentation: ``recap``, ``intro`` or ``credits``."""

    kind: SpanKind
    start_seconds: float
    end_seconds: float


class SpanBody(ExtentBody):
    """A span. ``said``: ``found`` (then ``confidence`` is how surely, 0 to 1), or by an ``operator``."""

    id: str
    said: Said
    confidence: float | None


class SpansBody(BaseModel):
    """The spans of what a title plays now, in order of time.

    Of the ``settled`` kinds an operator said what there is, were it nothing.
    """

    revision: str | None
    spans: list[SpanBody]
    settled: list[SpanKind]


class SpanChange(BaseModel):
    """What is to be said of a span instead; what is left out stays."""

    kind: SpanKind | None = None
    start_seconds: float | None = None
    end_seconds: float | None = None


def add_spans(router: APIRouter, rooms: "Rooms") -> None:
    """Put the spans of a title among the studio's routes."""
    By = Annotated[Member, Depends(operator(rooms))]  # noqa: N806 - a type, made of this service's rooms

    @router.get("/titles/{title_id}/spans")
    def spans(title_id: str) -> SpansBody:
        """The recap, intro and credits of what a title plays now."""
        return _body(rooms, title_id)

    @router.post("/titles/{title_id}/spans", status_code=201)
    def add(title_id: str, asked: ExtentBody, by: By) -> SpanBody:
        """Say that there is a span. 400 if it cannot be there, 409 before there is anything to play."""
        extent = Extent(asked.kind, asked.start_seconds, asked.end_seconds)
        return _span(rooms.spans.add(rooms.catalogue.title(title_id), extent, by.id))

    @router.patch("/titles/{title_id}/spans/{span_id}")
    def change(title_id: str, span_id: str, asked: SpanChange, by: By) -> SpanBody:
        """Say other things of a span; it is the operators' from then on."""
        said: dict[str, Any] = asked.model_dump(exclude_unset=True)
        if None in said.values():
            raise Invalid("A span has a kind, a start and an end.")
        return _span(rooms.spans.change(rooms.catalogue.title(title_id), span_id, by.id, **said))

    @router.delete("/titles/{title_id}/spans/{span_id}", status_code=204)
    def remove(title_id: str, span_id: str, by: By) -> None:
        """Say that there is no such span; it is not found again in what the title plays now."""
        rooms.spans.remove(rooms.catalogue.title(title_id), span_id, by.id)

    @router.delete("/titles/{title_id}/spans")
    def reset(title_id: str, by: By) -> SpansBody:
        """Take back whatever operators said of them: what is found counts again, within seconds."""
        rooms.spans.reset(rooms.catalogue.title(title_id), by.id)
        return _body(rooms, title_id)


def extents_of(rooms: "Rooms", title_id: str, revision: str) -> list[ExtentBody]:
    """The spans of a revision as players have them."""
    return [
        ExtentBody(kind=one.kind, start_seconds=one.start_seconds, end_seconds=one.end_seconds)
        for one in rooms.spans.of(title_id, revision)
    ]


def _body(rooms: "Rooms", title_id: str) -> SpansBody:
    title = rooms.catalogue.title(title_id)
    found = [_span(one) for one in rooms.spans.of(title_id, title.revision)]
    return SpansBody(
        revision=title.revision, spans=found, settled=sorted(rooms.spans.settled(title_id, title.revision))
    )


def _span(span: Span) -> SpanBody:
    return SpanBody(
        id=span.id,
        kind=span.kind,
        start_seconds=span.start_seconds,
        end_seconds=span.end_seconds,
        said=span.said,
        confidence=span.confidence,
    )
