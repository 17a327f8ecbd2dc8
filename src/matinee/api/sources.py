"""How operators bring films: a source is promised, uploaded (straight to S3 where that can be), made a title of."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from matinee.api.authentication import operator
from matinee.api.uploads import upload_url
from matinee.catalogue.lifecycle import checked_draft
from matinee.catalogue.titles import TitleDraft, TitleKind, TitleState
from matinee.pages.rooms import Rooms
from matinee.sources.promise import Source


class Promise(BaseModel):
    """A file that is to come: its name tells its kind, ``size_bytes`` what must arrive."""

    name: str
    size_bytes: Annotated[int, Field(ge=0)]
    content_type: str = ""


class UploadBody(BaseModel):
    """The request that brings the bytes: PUT straight into the store, or, where ``url`` begins with /, tus of ours.

    That is a PATCH with the operator's session; ``api.uploads`` tells more.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    expires_at: datetime


class SourceBody(BaseModel):
    """A source that was promised; ``upload`` only while it may come."""

    id: str
    key: str
    name: str
    size_bytes: int
    created_at: datetime
    expires_at: datetime
    title_id: str | None
    upload: UploadBody | None = None


class SourcesBody(BaseModel):
    """Sources that are not taken in, newest first."""

    sources: list[SourceBody]


class TitleOrder(BaseModel):
    """A title to make of an uploaded source (its id or its key). The lowest ``priority`` is encoded first."""

    source: str
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
    # A column of 32 bits holds it.
    priority: Annotated[int, Field(ge=0, le=1_000_000)] = 100


class TitleTaken(BaseModel):
    """The title that was made, and its encode."""

    id: str
    name: str
    state: TitleState
    encode_id: str


def routes(rooms: Rooms) -> APIRouter:
    """Sources and the titles made of them; every route needs an operator."""
    router = APIRouter(prefix="/studio", tags=["studio"], dependencies=[Depends(operator(rooms))])

    @router.post("/sources", status_code=201)
    def promise(promised: Promise) -> SourceBody:
        """Say what comes; the answer tells where to send it."""
        source = rooms.sources.promise(promised.name, promised.size_bytes, promised.content_type)
        return _body(source, _upload(rooms, source))

    @router.get("/sources")
    def waiting() -> SourcesBody:
        """What was promised and is not taken in."""
        return SourcesBody(sources=[_body(source) for source in rooms.sources.waiting()])

    @router.get("/sources/{source_id}")
    def one(source_id: str) -> SourceBody:
        """One source, with a fresh address for its upload while it is not taken in."""
        # Whoever is given an address may begin with it: the source is not to end before. One taken in stays as it is.
        source = rooms.sources.prolong(source_id)
        return _body(source, _upload(rooms, source) if source.taken_at is None else None)

    @router.post("/titles", status_code=201)
    def take(order: TitleOrder) -> TitleTaken:
        """Make a title of a source that has arrived whole, and queue its encode; once, however often it is asked."""
        facts: dict[str, Any] = order.model_dump(exclude={"source", "priority"})
        draft = checked_draft(TitleDraft(**facts))
        claim = rooms.sources.claim(order.source)
        source = claim.source
        title = rooms.catalogue.create(draft, title_id=claim.title_id)
        rooms.encoding.submit(title.id, source.key, source.name, order.priority, title.name, claim.job_id)
        if title.state is TitleState.DRAFT:
            title = rooms.catalogue.mark_encoding(title.id)
        rooms.sources.taken(source)
        return TitleTaken(id=title.id, name=title.name, state=title.state, encode_id=claim.job_id)

    return router


def _upload(rooms: Rooms, source: Source) -> UploadBody:
    there = rooms.sources.upload(source)
    if there is None:
        return UploadBody(method="PATCH", url=upload_url(source), headers={}, expires_at=source.expires_at)
    headers = {"Content-Type": source.content_type} if source.content_type else {}
    return UploadBody(method="PUT", url=there.url, headers=headers, expires_at=there.expires_at)


def _body(source: Source, upload: UploadBody | None = None) -> SourceBody:
    return SourceBody(
        id=source.id,
        key=source.key,
        name=source.name,
        size_bytes=source.size_bytes,
        created_at=source.created_at,
        expires_at=source.expires_at,
        title_id=source.title_id,
        upload=upload,
    )
