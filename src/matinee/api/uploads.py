"""Uploads that go on where they broke off: tus 1.0.0 (https://tus.io/protocols/resumable-upload).

Core, creation, termination and expiration. An upload is a source that was promised: one that was promised as JSON is
uploaded here as well. What arrived stays through a killed process, in parts of a few megabytes.
"""

import base64
import binascii
from collections.abc import Mapping
from email.utils import format_datetime
from http import HTTPStatus

import obstore
from fastapi import APIRouter, Depends, HTTPException, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from matinee.api.authentication import operator
from matinee.model.errors import Conflict, Invalid
from matinee.pages.rooms import Rooms
from matinee.sources.parts import part_key, piece_bytes
from matinee.sources.promise import LARGEST_BYTES, Source
from matinee.sources.sources import store_answers

_VERSION = "1.0.0"
_TYPE = "application/offset+octet-stream"
_LONGEST_METADATA = 4_000
_SPOKEN = {"Tus-Resumable": _VERSION, "Cache-Control": "no-store"}


def upload_url(source: Source) -> str:
    """Where a source is uploaded."""
    return f"/api/v1/studio/uploads/{source.id}"


def routes(rooms: Rooms) -> APIRouter:
    """The uploads; every route needs an operator."""
    router = APIRouter(prefix="/studio/uploads", tags=["studio"], dependencies=[Depends(operator(rooms))])

    @router.options("", status_code=204)
    def offers() -> Response:
        """What this server speaks, and the largest upload."""
        offered = {"Tus-Version": _VERSION, "Tus-Extension": "creation,termination,expiration"}
        return _answer(204, {**offered, "Tus-Max-Size": str(LARGEST_BYTES)})

    @router.post("", status_code=201)
    def create(request: Request) -> Response:
        """Promise an upload: ``Upload-Length``, and ``Upload-Metadata`` with its ``filename``."""
        _check_version(request)
        size = _number(request, "Upload-Length")
        if size > LARGEST_BYTES:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"An upload has at most {LARGEST_BYTES} bytes.")
        told = _metadata(request.headers.get("upload-metadata", ""))
        source = rooms.sources.promise(told.get("filename", ""), size, told.get("filetype", ""))
        if not size:
            rooms.sources.complete(source)
        return _answer(201, {"Location": upload_url(source), **_ends(source)})

    @router.head("/{source_id}")
    def how_far(source_id: str, request: Request) -> Response:
        """How many bytes have arrived."""
        _check_version(request)
        source = rooms.sources.source(source_id)
        so_far = {"Upload-Offset": str(rooms.sources.offset(source)), "Upload-Length": str(source.size_bytes)}
        return _answer(200, {**so_far, **_ends(source)})

    @router.patch("/{source_id}", status_code=204)
    async def receive(source_id: str, request: Request) -> Response:
        """More bytes, from where the last ones ended; what arrived stays also if the rest does not come."""
        source, offset = await run_in_threadpool(_begin, rooms, source_id, request)
        offset = await _store(rooms, source, offset, request)
        if offset == source.size_bytes:
            await run_in_threadpool(rooms.sources.complete, source)
        return _answer(204, {"Upload-Offset": str(offset), **_ends(source)})

    @router.delete("/{source_id}", status_code=204)
    def end(source_id: str, request: Request) -> Response:
        """Give an upload up: nothing of it stays."""
        _check_version(request)
        rooms.sources.end(source_id)
        return _answer(204, {})

    return router


def _begin(rooms: Rooms, source_id: str, request: Request) -> tuple[Source, int]:
    """The upload that more bytes are for, and where they go on; an error of ours if they do not fit."""
    _check_version(request)
    if request.headers.get("content-type") != _TYPE:
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"The bytes of an upload come as {_TYPE}.")
    source = rooms.sources.prolong(source_id)
    if source.taken_at is not None:
        raise Conflict(f"{source.name} is taken in already: what it was encoded from stays as it is.")
    offset, here = _number(request, "Upload-Offset"), rooms.sources.offset(source)
    if offset != here:
        raise Conflict(f"{here} bytes of {source.name} have arrived: it goes on there, not at {offset}.")
    if offset + int(request.headers.get("content-length", "0")) > source.size_bytes:
        raise Invalid(f"{source.name} is longer than the {source.size_bytes} bytes promised.")
    return source, offset


async def _store(rooms: Rooms, source: Source, offset: int, request: Request) -> int:
    """Keep what comes, part by part; returns how far it reaches. Who goes away early leaves what they sent."""
    held, whole = bytearray(), piece_bytes(source)

    async def keep() -> None:
        nonlocal offset
        with store_answers():
            await obstore.put_async(rooms.objects, part_key(source, offset), bytes(held))
        offset += len(held)
        held.clear()

    try:
        async for chunk in request.stream():
            held += chunk
            if offset + len(held) > source.size_bytes:
                raise Invalid(f"{source.name} is longer than the {source.size_bytes} bytes promised.")
            if len(held) >= whole:
                await keep()
    except ClientDisconnect:
        pass
    if held:
        await keep()
    return offset


def _check_version(request: Request) -> None:
    if request.headers.get("tus-resumable") != _VERSION:
        raise HTTPException(
            HTTPStatus.PRECONDITION_FAILED,
            f"Uploads are spoken of in tus {_VERSION}: say so in Tus-Resumable.",
            headers={"Tus-Version": _VERSION},
        )


def _number(request: Request, header: str) -> int:
    said = request.headers.get(header, "")
    if not (said.isascii() and said.isdigit() and len(said) <= len(str(LARGEST_BYTES)) + 1):
        raise Invalid(f"{header} is a number of bytes, not {said[:40]!r}.")
    return int(said)


def _metadata(said: str) -> dict[str, str]:
    """Keys, and values in Base64 (tus 1.0.0, Upload-Metadata)."""
    found = {}
    for pair in said[:_LONGEST_METADATA].split(","):
        key, _, value = pair.strip().partition(" ")
        try:
            found[key] = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise Invalid(f"Upload-Metadata holds a value of {key[:40]!r} that is no text in Base64.") from error
    return found


def _ends(source: Source) -> Mapping[str, str]:
    return {"Upload-Expires": format_datetime(source.expires_at, usegmt=True)}


def _answer(status: int, headers: Mapping[str, str]) -> Response:
    return Response(status_code=status, headers={**_SPOKEN, **headers})
