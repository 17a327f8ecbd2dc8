"""The edge's ASGI application: opens media addresses with their tokens, and sends what is held or fills what is not.

Small bodies that are there at once leave in one piece, others in slices: path-send has no offset and no pace, is no
faster, and never says how much of a file went out before its reader left. A body that cannot be finished is left
unfinished: the data plane then cuts the connection, and no reader takes the rest for the whole.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable
from http import HTTPStatus

import structlog
from prometheus_client import CONTENT_TYPE_LATEST

from matinee.cache.bodies import Bodies
from matinee.cache.cache import Cache, Held
from matinee.edge import answers
from matinee.edge.answers import Answer, Headers
from matinee.edge.bills import HEADER, Bill, Bills
from matinee.edge.fill import Fills
from matinee.edge.gate import Gate, Opened
from matinee.edge.health import Counters, Health, Orders
from matinee.edge.pacing import TokenBucket
from matinee.edge.ranges import Conditions, Part, Selection, Unsatisfiable, Whole, bounds, conditions, select, unchanged
from matinee.edge.readiness import Readiness
from matinee.edge.reading import HeldFile
from matinee.edge.transfers import Source, Transfer, Transfers
from matinee.model.addresses import entity_tag
from matinee.model.errors import NotFound, Unavailable
from matinee.model.tokens import TokenFault
from matinee.ports import Receive, Scope, Send
from matinee.upstream.hops import Hop, hop

_log = structlog.get_logger()

_SLICE_BYTES = 256 * 1024

_HEALTHY = answers.sentence(HTTPStatus.OK, "This edge is alive.")
_READY = answers.sentence(HTTPStatus.OK, "This edge is ready.")
_DRAINING = answers.sentence(HTTPStatus.SERVICE_UNAVAILABLE, "This edge is draining.")
_LOOP = answers.sentence(HTTPStatus.LOOP_DETECTED, "This request has been here before.")
# RFC 9111 §5.2.1.7.
_NOT_HELD = answers.sentence(HTTPStatus.GATEWAY_TIMEOUT, "This edge does not hold the file.")


class EdgeApplication:
    """See the module. ``orders`` are obeyed from one slice to the next."""

    def __init__(
        self,
        *,
        edge_id: str,
        cache: Cache,
        fills: Fills,
        gate: Gate,
        bills: Bills,
        counters: Counters,
        orders: Orders,
        health: Health,
        bodies: Bodies,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._edge_id, self._cache, self._fills = edge_id, cache, fills
        self._gate, self._bills = gate, bills
        self._counters, self._orders, self._health = counters, orders, health
        self._steady = steady
        self._readiness = Readiness(cache, bodies)
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
            await _answer(send, answers.METHODS)
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
            return answers.DOWN if self._gate.down else _READY if self._health.ready else _DRAINING
        body = self._health.exposition()
        length = b"%d" % len(body)
        return Answer(
            HTTPStatus.OK, [(b"content-type", CONTENT_TYPE_LATEST.encode()), (b"content-length", length)], body
        )

    async def _media(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._counters.requests += 1
        if self._counters.connections is None:
            self._counters.peers[scope["client"]] = self._steady()
        misfit = self._misfit(scope["headers"])
        if misfit is not None:
            await _answer(send, misfit)
            return
        opened = self._opened(scope["raw_path"])
        if opened is None:
            await _answer(send, answers.REFUSED)
            return
        asked, way = conditions(scope["headers"]), hop(scope["headers"])
        if way.loops(self._edge_id):
            await _answer(send, _LOOP)
        elif unchanged(asked, entity_tag(opened.path)):
            await _answer(send, answers.unchanged_file(opened.path))
        else:
            await self._send_file(opened, way, asked, receive, send, head=scope["method"] == "HEAD")

    async def _send_file(
        self, opened: Opened, way: Hop, asked: Conditions, receive: Receive, send: Send, *, head: bool
    ) -> None:
        path = opened.path
        try:
            held = self._cache.find(path)
            if held is not None:
                await self._send_held(held, opened, asked, receive, send, head=head)
            elif way.only_if_cached:
                await _answer(send, _NOT_HELD)
            elif head:
                size_bytes = await self._fills.size_of(path)
                await _answer(send, Answer(HTTPStatus.OK, answers.whole_file(path, size_bytes, b"MISS")))
            else:
                await self._send_missing(opened, way, asked, receive, send)
        except NotFound:
            await _answer(send, answers.sentence(HTTPStatus.NOT_FOUND, "There is no such file."))
        except Unavailable as error:
            self._counters.unavailable += 1
            self._last_reason = str(error)
            await _answer(send, answers.AWAY)

    def _misfit(self, headers: Iterable[tuple[bytes, bytes]]) -> Answer | None:
        """The answer to a request that is not even looked at: the edge is down, or is not meant, or is sent a body."""
        if self._gate.down:
            return answers.DOWN
        host: bytes | None = None
        for name, value in headers:
            if name == b"host":
                host = value
            elif name == b"transfer-encoding" or (name == b"content-length" and value.strip() != b"0"):
                # RFC 9112 §11.2: a body where none belongs is how one request is smuggled inside another.
                self._counters.refused["body"] += 1
                return answers.BODY
        if self._gate.is_ours(host):
            return None
        self._counters.refused["host"] += 1
        return answers.MISDIRECTED

    def _opened(self, raw_path: bytes) -> Opened | None:
        """What the address opens, if anything; a refusal is counted by its fault, and never its token."""
        opened = self._gate.open(raw_path)
        if isinstance(opened, TokenFault):
            self._counters.refused[opened.value] += 1
            return None
        return opened

    async def _send_held(
        self, held: Held, opened: Opened, asked: Conditions, receive: Receive, send: Send, *, head: bool
    ) -> None:
        if head:
            await _answer(send, Answer(HTTPStatus.OK, answers.whole_file(held.path, held.size_bytes, b"HIT")))
            return
        selection = select(asked, held.size_bytes, entity_tag(held.path))
        # Under a cap nothing leaves at once.
        if self._pace() is None and not isinstance(selection, Unsatisfiable):
            piece = self._readiness.piece(held, bounds(selection, held.size_bytes))
            if piece is not None:
                await self._send_piece(piece, held, opened, selection, send)
                return
        with HeldFile(held.file, held.kind) as file:
            async with self._transfers.begin(receive) as transfer:
                await self._send_selected(transfer, file, opened, held.size_bytes, selection, send, b"HIT")

    async def _send_missing(self, opened: Opened, way: Hop, asked: Conditions, receive: Receive, send: Send) -> None:
        async with self._transfers.begin(receive) as transfer:
            with self._fills.join(opened.path, way.via) as fill:
                await fill.begun()
                selection = select(asked, fill.size_bytes, entity_tag(opened.path))
                await self._send_selected(transfer, fill, opened, fill.size_bytes, selection, send, b"MISS")

    async def _send_piece(self, piece: bytes, held: Held, opened: Opened, selection: Whole | Part, send: Send) -> None:
        """A body in one piece: the data plane takes it whole, so nobody is waited for."""
        bill = self._bills.begin(opened.playback_id)
        await _start(send, *self._head(held.path, held.size_bytes, selection, b"HIT", bill))
        await send({"type": "http.response.body", "body": piece})
        self._bills.handed(bill, held.kind, len(piece))
        self._bills.end(bill, whole=True)

    async def _send_selected(
        self,
        transfer: Transfer,
        source: Source,
        opened: Opened,
        size_bytes: int,
        selection: Selection,
        send: Send,
        cache: bytes,
    ) -> None:
        path = opened.path
        if isinstance(selection, Unsatisfiable):
            await _answer(send, answers.out_of_range(path, size_bytes))
            return
        bill = self._bills.begin(opened.playback_id)
        whole = False
        try:
            await _start(send, *self._head(path, size_bytes, selection, cache, bill))
            await self._send_slices(transfer, source, bill, bounds(selection, size_bytes), send)
            whole = True
        except Unavailable as error:
            # The status is out; the one honest thing left is to let the connection break.
            self._counters.cut += 1
            _log.warning("media.cut", path=path, reason=str(error))
        finally:
            self._bills.end(bill, whole=whole)

    def _head(
        self, path: str, size_bytes: int, selection: Whole | Part, cache: bytes, bill: Bill
    ) -> tuple[HTTPStatus, Headers]:
        if isinstance(selection, Part):
            status, headers = HTTPStatus.PARTIAL_CONTENT, answers.part_of_file(path, size_bytes, selection, cache)
        else:
            status, headers = HTTPStatus.OK, answers.whole_file(path, size_bytes, cache)
        return status, [*headers, (HEADER, bill.name.encode())] if self._bills.settled_by_plane else headers

    async def _send_slices(self, transfer: Transfer, source: Source, bill: Bill, part: Part, send: Send) -> None:
        if part.start == part.end:
            await send({"type": "http.response.body", "body": b""})
            return
        offset = part.start
        while offset < part.end:
            bucket = self._pace()
            limit = min(bucket.slice_bytes if bucket else _SLICE_BYTES, part.end - offset)
            piece = source.ready(offset, limit) or await source.wait(offset, limit)
            origin = source.origin_at(offset)
            if bucket and (pause := bucket.take(len(piece), self._steady())):
                await asyncio.sleep(pause)
            offset += len(piece)
            transfer.handed_over = offset == part.end
            transfer.sending_since = self._steady()
            await send({"type": "http.response.body", "body": piece, "more_body": offset < part.end})
            transfer.sending_since = None
            self._bills.handed(bill, origin, len(piece))

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
