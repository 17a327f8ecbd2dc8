"""What an edge answers, as status and headers: for files, for refusals, for preflights. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus

from matinee.edge.ranges import Part
from matinee.model.addresses import content_type, entity_tag

Headers = list[tuple[bytes, bytes]]

# Fetch §3.2: any page may read what a good token opens. Timing lets a player measure its throughput (Resource Timing
# §4.5), and the resource policy lets a page under COEP show posters and thumbnails.
OPEN: Headers = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"Accept-Ranges, Content-Length, Content-Range, Date, ETag, X-Cache"),
    (b"cross-origin-resource-policy", b"cross-origin"),
    (b"timing-allow-origin", b"*"),
    (b"x-content-type-options", b"nosniff"),
]
_PREFLIGHT: Headers = [
    (b"access-control-allow-methods", b"GET, HEAD, OPTIONS"),
    # CTA-5004-A: a player may send CMCD in four headers.
    (
        b"access-control-allow-headers",
        b"Range, If-Range, If-None-Match, CMCD-Object, CMCD-Request, CMCD-Session, CMCD-Status",
    ),
    (b"access-control-max-age", b"86400"),
    (b"content-length", b"0"),
]
# RFC 8246. Private: the address is a credential, and no shared cache outlives its expiry.
KEEP = b"private, max-age=31536000, immutable"
_ALLOW = (b"allow", b"GET, HEAD, OPTIONS")


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer that is not a file's bytes."""

    status: int
    headers: Headers
    body: bytes = b""


@lru_cache(maxsize=16384)
def whole_file(path: str, size_bytes: int, cache: bytes) -> Headers:
    """The headers of a 200; callers share the list and leave it as it is. ``cache`` is ``HIT`` or ``MISS``."""
    length = (b"content-length", b"%d" % size_bytes)
    return [*_about(path), (b"accept-ranges", b"bytes"), length, (b"x-cache", cache), *OPEN]


def part_of_file(path: str, size_bytes: int, part: Part, cache: bytes) -> Headers:
    """The headers of a 206."""
    return [
        *_about(path),
        (b"content-length", b"%d" % (part.end - part.start)),
        (b"content-range", b"bytes %d-%d/%d" % (part.start, part.end - 1, size_bytes)),
        (b"x-cache", cache),
        *OPEN,
    ]


def unchanged_file(path: str) -> Answer:
    """304, with the headers that RFC 9110 §15.4.5 asks for."""
    return Answer(HTTPStatus.NOT_MODIFIED, [*_kept(path), *OPEN])


def out_of_range(path: str, size_bytes: int) -> Answer:
    """416, which tells the size (RFC 9110 §15.5.17)."""
    size = (b"content-range", b"bytes */%d" % size_bytes)
    return Answer(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, [(b"etag", entity_tag(path)), size, *_plain(0)])


def sentence(status: HTTPStatus, text: str, retry_seconds: int | None = None) -> Answer:
    """A short text that nobody keeps."""
    body = f"{text}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *_plain(len(body))]
    if retry_seconds is not None:
        headers.append((b"retry-after", b"%d" % retry_seconds))
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers.append(_ALLOW)
    return Answer(status, headers, body)


def preflight(request_headers: Iterable[tuple[bytes, bytes]]) -> Answer:
    """204 to a CORS preflight (Fetch §3.2.2): nothing is opened by it, so it takes no token."""
    headers = [*OPEN, *_PREFLIGHT, _ALLOW]
    if any(name == b"access-control-request-private-network" for name, _ in request_headers):
        # Private Network Access: a public page may play from an edge in the viewer's own network.
        headers.append((b"access-control-allow-private-network", b"true"))
    return Answer(HTTPStatus.NO_CONTENT, headers)


def _about(path: str) -> Headers:
    return [(b"content-type", content_type(path).encode()), *_kept(path)]


def _kept(path: str) -> Headers:
    return [(b"etag", entity_tag(path)), (b"cache-control", KEEP)]


def _plain(length: int) -> Headers:
    return [(b"content-length", b"%d" % length), (b"cache-control", b"no-store"), *OPEN]


REFUSED = sentence(HTTPStatus.FORBIDDEN, "This address opens nothing here.")
METHODS = sentence(HTTPStatus.METHOD_NOT_ALLOWED, "An edge answers GET, HEAD and OPTIONS.")
MISDIRECTED = sentence(HTTPStatus.MISDIRECTED_REQUEST, "This edge does not go by that name.")
BODY = sentence(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "A request for media has no body.")
DOWN = sentence(HTTPStatus.SERVICE_UNAVAILABLE, "This edge is down.")
AWAY = sentence(
    HTTPStatus.SERVICE_UNAVAILABLE, "This edge does not hold the file and cannot fetch it now.", retry_seconds=1
)
