"""The control channel of an edge as HTTP: one request a verb, JSON both ways."""

import ssl
from typing import Any, TypeVar

import httpx
import msgspec

from matinee.model.errors import Forbidden, NotFound, Unavailable
from matinee.model.plans import Account, EdgeOrders, EdgeReport, HoldingsUpdate, KeyRing, PlanPage

_TIMEOUT_SECONDS = 3.0
_Word = TypeVar("_Word")
_encode = msgspec.json.Encoder().encode


class _Through(msgspec.Struct):
    through: int


class HttpControlChannel:
    """``ports.ControlChannel`` to the control plane at ``address`` (``http(s)://HOST[:PORT]``), shown ``credential``.

    ``trust`` is whom to trust over https; None: the system's authorities.
    """

    def __init__(
        self,
        address: str,
        edge_id: str,
        credential: str,
        *,
        trust: ssl.SSLContext | None = None,
        timeout_seconds: float = _TIMEOUT_SECONDS,
    ) -> None:
        self._address = address.rstrip("/")
        self._edge = f"{self._address}/api/v1/edges/{edge_id}"
        self._edge_id = edge_id
        self._credential = credential
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {credential}"},
            timeout=timeout_seconds,
            # Proxies are for pages, and loading certificates takes 100 ms that plain HTTP need not wait for.
            trust_env=False,
            verify=(trust or True) if self._address.startswith("https:") else False,
        )

    async def enrol(self, join_token: str) -> None:
        """Show a join token with the channel's credential."""
        await self._ask("POST", "enrolment", {"token": join_token, "credential": self._credential})

    async def report(self, report: EdgeReport) -> EdgeOrders:
        """Say how the edge is; hear what it is to do."""
        orders = self._read(EdgeOrders, "report", answer := await self._ask("POST", "report", report))
        if not _SAID.issubset(answer.json()):
            raise self._no_answer("report")
        return orders

    async def keys(self) -> KeyRing:
        """The keys that open media tokens now."""
        return self._read(KeyRing, "keys", await self._ask("GET", "keys"))

    async def plan(self, generation: int, page: int) -> PlanPage:
        """One page of the edge's plan of that generation."""
        found = self._read(PlanPage, "plan", await self._ask("GET", f"plan/{generation}?page={page}"))
        if (found.generation, found.page) != (generation, page):
            raise self._no_answer("plan")
        return found

    async def hold(self, update: HoldingsUpdate) -> int:
        """Tell what the edge holds."""
        return self._read(_Through, "holdings", await self._ask("POST", "holdings", update)).through

    async def account(self, account: Account) -> int:
        """Tell what was sent."""
        return self._read(_Through, "accounts", await self._ask("POST", "accounts", account)).through

    async def close(self) -> None:
        """Let the connection go."""
        await self._client.aclose()

    async def _ask(self, method: str, verb: str, word: Any = None) -> httpx.Response:
        body = None if word is None else _encode(word)
        headers = {} if body is None else {"Content-Type": "application/json"}
        try:
            answer = await self._client.request(method, f"{self._edge}/{verb}", content=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = str(error) or type(error).__name__
            raise Unavailable(f"The control plane at {self._address} does not answer: {reason}.") from error
        if answer.is_success:
            return answer
        what = verb.partition("/")[0]
        says = f"The control plane at {self._address} answers edge {self._edge_id}'s {what} with {answer.status_code}"
        if answer.status_code == httpx.codes.FORBIDDEN:
            raise Forbidden(f"{says}: {_detail(answer)}")
        if answer.status_code == httpx.codes.NOT_FOUND and what == "plan":
            raise NotFound(f"{says}: {_detail(answer)}")
        raise Unavailable(f"{says}: {_detail(answer)}")

    def _read(self, kind: type[_Word], verb: str, answer: httpx.Response) -> _Word:
        """A word out of an answer; names that this version does not know are passed over."""
        try:
            return msgspec.json.decode(answer.content, type=kind)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise self._no_answer(verb) from error

    def _no_answer(self, verb: str) -> Unavailable:
        return Unavailable(f"The control plane at {self._address} answers a {verb} with something else.")


# Everything in orders has a default; an answer that says none of it is no answer of ours.
_SAID = frozenset({"draining", "egress_limit_bps"})


def _detail(answer: httpx.Response) -> str:
    """Why, in the control plane's own words (RFC 9457), if it said so."""
    try:
        words = answer.json()
    except ValueError:
        return "it says no reason."
    detail = words.get("detail") if isinstance(words, dict) else None
    return str(detail or "it says no reason.")[:500]
