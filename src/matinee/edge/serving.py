"""The edge's ASGI application: opens media addresses with their tokens, and sends what is held or fills what is not.

A whole held file leaves by path-send. Path-send has no offset and no pace, so a range, a capped edge and a running
fill are read and sent in slices here. A body that cannot be finished is left unfinished: the data plane then cuts the
connection, and no reader takes the rest for the whole.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from http import HTTPStatus

import structlog
from prometheus_client import CONTENT_TYPE_LATEST

from matinee.edge import answers
from matinee.edge.addresses import parse
from matinee.edge.answers import Answer, Headers
from matinee.edge.cache import Cache, Held
from matinee.edge.fill import Fills
from matinee.edge.health import Counters, Health, Orders
from matinee.edge.hops import Hop, hop
from matinee.edge.pacing import TokenBucket
from matinee.edge.ranges import WHOLE, Conditions, Part, Unsatisfiable, conditions, select, unchanged
from matinee.edge.reading import HeldFile
from matinee.edge.transfers import Source, Transfer, Transfers
from matinee.model.errors import NotFound, Unavailable
from matinee.model.tokens import TokenFault, check
from matinee.ports import Clock, Receive, Scope, Send

_log = structlog.get_logger()

_SLICE_BYTES = 256 * 1024

_REFUSED = answers.sentence(HTTPStatus.FORBIDDEN, "This address opens nothing here.")
_METHODS = answers.sentence(HTTPStatus.METHOD_NOT_ALLOWED, "An edge answers GET, HEAD and OPTIONS.")
_HEALTHY = answers.sentence(HTTPStatus.OK, "This edge is alive.")
_READY = answers.sentence(HTTPStatus.OK, "This edge is ready.")
_DRAINING = answers.sentence(HTTPStatus.SERVICE_UNAVAILABLE, "This edge is draining.")
_LOOP = answers.sentence(HTTPStatus.LOOP_DETECTED, "This request has been here before.")
# RFC 9111 §5.2.1.7.
_NOT_HELD = answers.sentence(HTTPStatus.GATEWAY_TIMEOUT, "This edge does not hold the file.")


class EdgeApplication:
    """See the module. ``keys`` maps key ids to secrets; ``orders`` are obeyed from one slice to the next."""

    def __init__(
        self,
        *,
        edge_id: str,
        cache: Cache,
        fills: Fills,
        keys: Mapping[str, bytes],
        counters: Counters,
        orders: Orders,
        health: Health,
        clock: Clock,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._edge_id, self._cache, self._fills, self._keys = edge_id, cache, fills, keys
        self._counters, self._orders, self._health = counters, orders, health
        self._clock, self._steady = clock, steady
        self._transfers = Transfers(counters)
        self._bucket: TokenBucket | None = None
        self._bucket_bps: int | None = None
        self._refusals_told: Counter[str] = Counter()
        self._unavailable_told = 0
        self._last_reason = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        raw_path, method = scope["raw_path"], scope["method"]
        if method == "OPTIONS":
            await _answer(send, answers.preflight(scope["headers"]))
        elif method not in {"GET", "HEAD"}:
            await _answer(send, _METHODS)
        elif raw_path in {b"/healthz", b"/readyz", b"/metrics"}:
            await _answer(send, self._page(raw_path))
        else:
            try:
                await self._media(scope, receive, send)
            except Exception:
                _log.exception("media.failed")
                raise

    def tick(self) -> None:
        """What wants doing about once a second: drop readers that stand still, and tell what was not given.

        One line each, however many asked: neither a stranger nor a dead origin is to fill the log.
        """
        self._transfers.drop_stalled(self._steady())
        fresh = self._counters.refused - self._refusals_told
        if fresh:
            self._refusals_told = self._counters.refused.copy()
            _log.info("media.refused", **fresh)
        if self._counters.unavailable > self._unavailable_told:
            count = self._counters.unavailable - self._unavailable_told
            self._unavailable_told = self._counters.unavailable
            _log.warning("media.unavailable", count=count, last_reason=self._last_reason)

    def close(self) -> None:
        """Cut every body that is still being sent in slices."""
        self._transfers.close()

    def _page(self, raw_path: bytes) -> Answer:
        if raw_path == b"/healthz":
            return _HEALTHY
        if raw_path == b"/readyz":
            return _READY if self._health.ready else _DRAINING
        body = self._health.exposition()
        length = b"%d" % len(body)
        return Answer(
            HTTPStatus.OK, [(b"content-type", CONTENT_TYPE_LATEST.encode()), (b"content-length", length)], body
        )

    async def _media(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._counters.requests += 1
        self._counters.peers[scope["client"]] = self._steady()
        path = self._opened(scope["raw_path"])
        if path is None:
            await _answer(send, _REFUSED)
            return
        asked, head, way = conditions(scope["headers"]), scope["method"] == "HEAD", hop(scope["headers"])
        if way.loops(self._edge_id):
            await _answer(send, _LOOP)
            return
        if unchanged(asked, answers.entity_tag(path)):
            await _answer(send, answers.unchanged_file(path))
            return
        try:
            held = self._cache.find(path)
            if held is not None:
                await self._send_held(held, asked, receive, send, head=head)
            elif way.only_if_cached:
                await _answer(send, _NOT_HELD)
            elif head:
                size_bytes = await self._fills.size_of(path)
                await _answer(send, Answer(HTTPStatus.OK, answers.whole_file(path, size_bytes, b"MISS")))
            else:
                await self._send_missing(path, way, asked, receive, send)
        except NotFound:
            await _answer(send, answers.sentence(HTTPStatus.NOT_FOUND, "There is no such file."))
        except Unavailable as error:
            self._counters.unavailable += 1
            self._last_reason = str(error)
            away = "This edge does not hold the file and cannot fetch it now."
            await _answer(send, answers.sentence(HTTPStatus.SERVICE_UNAVAILABLE, away, retry_seconds=1))

    def _opened(self, raw_path: bytes) -> str | None:
        """The media path that the address opens, if it does; a refusal is counted by its fault, and never its token."""
        address = parse(raw_path)
        if address is None:
            self._counters.refused["address"] += 1
            return None
        token = check(address.token, address.path, self._clock.now().timestamp(), self._keys)
        if isinstance(token, TokenFault):
            self._counters.refused[token.value] += 1
            return None
        return address.path

    async def _send_held(self, held: Held, asked: Conditions, receive: Receive, send: Send, *, head: bool) -> None:
        path, size_bytes = held.path, held.size_bytes
        if head:
            await _answer(send, Answer(HTTPStatus.OK, answers.whole_file(path, size_bytes, b"HIT")))
            return
        selection = select(asked, size_bytes, answers.entity_tag(path))
        if selection is WHOLE and self._orders.egress_limit_bps is None and size_bytes:
            await _start(send, HTTPStatus.OK, answers.whole_file(path, size_bytes, b"HIT"))
            await send({"type": "http.response.pathsend", "path": self._cache.hand_out(held)})
            self._counters.held_bytes += size_bytes
            return
        with HeldFile(held.file) as file:
            async with self._transfers.begin(receive) as transfer:
                await self._send_selected(transfer, file, path, size_bytes, asked, send, b"HIT")

    async def _send_missing(self, path: str, way: Hop, asked: Conditions, receive: Receive, send: Send) -> None:
        async with self._transfers.begin(receive) as transfer:
            with self._fills.join(path, way.via) as fill:
                await fill.begun()
                await self._send_selected(transfer, fill, path, fill.size_bytes, asked, send, b"MISS")

    async def _send_selected(
        self,
        transfer: Transfer,
        source: Source,
        path: str,
        size_bytes: int,
        asked: Conditions,
        send: Send,
        cache: bytes,
    ) -> None:
        selection = select(asked, size_bytes, answers.entity_tag(path))
        if isinstance(selection, Unsatisfiable):
            await _answer(send, answers.out_of_range(path, size_bytes))
            return
        if isinstance(selection, Part):
            start, end = selection.start, selection.end
            await _start(send, HTTPStatus.PARTIAL_CONTENT, answers.part_of_file(path, size_bytes, selection, cache))
        else:
            start, end = 0, size_bytes
            await _start(send, HTTPStatus.OK, answers.whole_file(path, size_bytes, cache))
        try:
            await self._send_slices(transfer, source, start, end, send, hit=cache == b"HIT")
        except Unavailable as error:
            # The status is out; the one honest thing left is to let the connection break.
            self._counters.cut += 1
            _log.warning("media.cut", path=path, reason=str(error))

    async def _send_slices(
        self, transfer: Transfer, source: Source, start: int, end: int, send: Send, *, hit: bool
    ) -> None:
        if start == end:
            await send({"type": "http.response.body", "body": b""})
            return
        offset = start
        while offset < end:
            bucket = self._pace()
            limit = min(bucket.slice_bytes if bucket else _SLICE_BYTES, end - offset)
            piece = source.ready(offset, limit) or await source.wait(offset, limit)
            if bucket and (pause := bucket.take(len(piece), self._steady())):
                await asyncio.sleep(pause)
            offset += len(piece)
            transfer.handed_over = offset == end
            transfer.sending_since = self._steady()
            await send({"type": "http.response.body", "body": piece, "more_body": offset < end})
            transfer.sending_since = None
            if hit:
                self._counters.held_bytes += len(piece)
            else:
                self._counters.filled_bytes += len(piece)

    def _pace(self) -> TokenBucket | None:
        limit_bps = self._orders.egress_limit_bps
        if limit_bps != self._bucket_bps:
            self._bucket = None if limit_bps is None else TokenBucket(limit_bps)
            self._bucket_bps = limit_bps
        return self._bucket


async def _start(send: Send, status: int, headers: Headers) -> None:
    await send({"type": "http.response.start", "status": int(status), "headers": headers})


async def _answer(send: Send, answer: Answer) -> None:
    await _start(send, answer.status, answer.headers)
    await send({"type": "http.response.body", "body": answer.body})
