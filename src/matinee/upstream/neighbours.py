"""Another edge as a source of files: a peer of the same site, asked only for what it holds, or a parent."""

import re
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

import httpx

from matinee.model.addresses import entity_tag
from matinee.model.errors import NotFound, Unavailable
from matinee.model.plans import Origin, Source
from matinee.upstream.deliveries import Delivery, NotHeld, Patience
from matinee.upstream.hops import HopTokens, loop_header

_CONNECT_SECONDS = 2.0
_KEPT_CONNECTIONS = 64
# Below the time after which an edge closes an idle connection.
_KEPT_SECONDS = 10.0
# A parent may have to wait for the origin first.
_PATIENCE = {
    Origin.PEER: Patience(answer_seconds=2.0, stall_seconds=5.0),
    Origin.PARENT: Patience(answer_seconds=8.0, stall_seconds=5.0),
}
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")


class Neighbourhood:
    """The connections of an edge to others. ``trust``, asked at the first https address, is whom to trust there."""

    def __init__(self, edge_id: str, tokens: HopTokens, trust: Callable[[], ssl.SSLContext]) -> None:
        self._edge_id, self._tokens, self._trust = edge_id, tokens, trust
        self._clients: dict[bool, httpx.AsyncClient] = {}

    def neighbour(self, source: Source) -> "Neighbour":
        """The edge that a source names."""
        return Neighbour(source, edge_id=self._edge_id, client=self._client(source.url), tokens=self._tokens)

    async def close(self) -> None:
        """Let every connection go."""
        for client in self._clients.values():
            await client.aclose()

    def _client(self, url: str) -> httpx.AsyncClient:
        secure = url.startswith("https:")
        if secure not in self._clients:
            self._clients[secure] = httpx.AsyncClient(
                # Silence is measured by whoever fills; bodies may take as long as they move.
                timeout=httpx.Timeout(None, connect=_CONNECT_SECONDS),
                limits=httpx.Limits(
                    max_connections=None, max_keepalive_connections=_KEPT_CONNECTIONS, keepalive_expiry=_KEPT_SECONDS
                ),
                headers={"accept-encoding": "identity", "user-agent": "matinee-edge"},
                trust_env=False,
                # Loading certificates takes 100 ms that plain HTTP need not wait for.
                verify=self._trust() if secure else False,
            )
        return self._clients[secure]


class Neighbour:
    """``Upstream`` to the edge that ``source`` names. ``edge_id`` is who asks."""

    def __init__(
        self,
        source: Source,
        *,
        edge_id: str,
        client: httpx.AsyncClient,
        tokens: HopTokens,
        patience: Patience | None = None,
    ) -> None:
        self.source, self.origin = source, Origin(source.kind)
        self.name = f"{source.kind} {source.edge_id}"
        self.patience = patience or _PATIENCE[self.origin]
        self._edge_id, self._client, self._tokens = edge_id, client, tokens

    @asynccontextmanager
    async def deliver(self, path: str, start: int, via: tuple[str, ...], tag: str | None) -> AsyncIterator[Delivery]:
        """See ``Upstream``; the tag of a path is the same on every edge."""
        del tag
        headers = {"range": f"bytes={start}-", "if-range": entity_tag(path).decode()} if start else {}
        response = await self._send("GET", path, via, headers)
        try:
            yield Delivery(self._size(response, path, start), self._chunks(response))
        finally:
            await response.aclose()

    async def size_of(self, path: str) -> int:
        """See ``Upstream``."""
        response = await self._send("HEAD", path, (), {})
        await response.aclose()
        return self._size(response, path, 0)

    async def _send(self, method: str, path: str, via: tuple[str, ...], headers: dict[str, str]) -> httpx.Response:
        headers["cdn-loop"] = loop_header(via, self._edge_id)
        if self.origin is Origin.PEER:
            # RFC 9111 §5.2.1.7: a peer that fetched it for us would only be one more hop to the parent.
            headers["cache-control"] = "only-if-cached"
        url = f"{self.source.url}/{self._tokens.opening(path)}/{path}"
        try:
            return await self._client.send(self._client.build_request(method, url, headers=headers), stream=True)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # Without the address, whose token is a credential.
            reason = str(error) or type(error).__name__
            raise Unavailable(f"The {self.name} does not answer over {path}: {reason}.") from error

    def _size(self, response: httpx.Response, path: str, start: int) -> int:
        """The whole file's size, out of an answer that is the one asked for."""
        status = response.status_code
        if status == HTTPStatus.GATEWAY_TIMEOUT and self.origin is Origin.PEER:
            raise NotHeld(f"The {self.name} does not hold {path}.")
        if status == HTTPStatus.NOT_FOUND:
            raise NotFound(f"There is no {path}.")
        if status == HTTPStatus.OK and not start:
            length = response.headers.get("content-length", "")
            if length.isdecimal():
                return int(length)
        if status == HTTPStatus.PARTIAL_CONTENT and start:
            match = _RANGE.fullmatch(response.headers.get("content-range", ""))
            if match and int(match[1]) == start and int(match[2]) + 1 == int(match[3]):
                return int(match[3])
        asked = f"the rest of {path} from byte {start} on" if start else path
        raise Unavailable(f"The {self.name}, asked for {asked}, answers {status}.")

    async def _chunks(self, response: httpx.Response) -> AsyncIterator[bytes]:
        try:
            async for chunk in response.aiter_raw():
                yield chunk
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise Unavailable(f"The {self.name} broke off: {reason}.") from error
