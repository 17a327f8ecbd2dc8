"""Posters and stills for who is signed in, and the built files of the pages for everybody."""

import re
from collections.abc import Callable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from matinee.model.errors import NotFound, SignInRequired
from matinee.model.media import Presentation
from matinee.pages.rooms import Rooms
from matinee.pages.visitor import token_from

_YEAR = 31_536_000
# A revision's files and files with a hash in their name never change (RFC 8246).
_PRIVATE = {"Cache-Control": f"private, max-age={_YEAR}, immutable"}
_PUBLIC = {"Cache-Control": f"public, max-age={_YEAR}, immutable", "Vary": "Accept-Encoding"}
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PACKED = ((".br", "br"), (".gz", "gzip"))
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".map": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}


def images(rooms: Rooms) -> Callable[[Request], Response]:
    """An endpoint for ``/images/{title}/{revision}/{file}``: exactly the pictures that a title's presentation names."""

    def endpoint(request: Request) -> Response:
        token = token_from(request.headers, request.cookies)
        if token is None:
            raise SignInRequired("Nobody is signed in here: sign in first.")
        rooms.accounts.member_of(token)
        title_id, revision, file = (request.path_params[name] for name in ("title", "revision", "file"))
        title = rooms.catalogue.shelf().by_id.get(title_id) or rooms.catalogue.title(title_id)
        # A page that was made while the title was arriving still asks for the pictures of that time.
        known = revision == title.revision
        shown = title.presentation if known else rooms.playbacks.growing.presentation(title_id, revision)
        if shown is None or not _is_picture(shown, file):
            raise NotFound(f"There is nothing at {request.url.path}.")
        try:
            content = rooms.objects.get(f"media/{title_id}/{revision}/{file}").bytes()
        except FileNotFoundError as error:
            raise NotFound(f"There is nothing at {request.url.path}.") from error
        return Response(bytes(content), media_type="image/jpeg", headers=_PRIVATE)

    return endpoint


def _is_picture(shown: Presentation, file: str) -> bool:
    return any(file in {picture.poster, picture.still} for picture in shown.every_picture)


def static(folder: Path) -> Callable[[Request], Response]:
    """An endpoint for ``/static/{name}``: the smallest form of a built file that the browser takes."""

    def endpoint(request: Request) -> Response:
        name: str = request.path_params["name"]
        path = folder / name
        kind = _TYPES.get(path.suffix)
        if not _PLAIN_NAME.fullmatch(name) or kind is None or not path.is_file():
            raise NotFound(f"There is nothing at {request.url.path}.")
        taken = {coding.partition(";")[0].strip() for coding in request.headers.get("accept-encoding", "").split(",")}
        for ending, coding in _PACKED:
            packed = folder / f"{name}{ending}"
            if coding in taken and packed.is_file():
                return FileResponse(packed, media_type=kind, headers={**_PUBLIC, "Content-Encoding": coding})
        return FileResponse(path, media_type=kind, headers=_PUBLIC)

    return endpoint
