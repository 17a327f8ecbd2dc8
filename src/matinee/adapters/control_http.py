"""The control channel of an edge as HTTP: one POST a report, the orders in its answer."""

import ssl
from dataclasses import asdict
from typing import Any

import httpx

from matinee.model.errors import Unavailable
from matinee.model.plans import EdgeOrders, EdgeReport, Source

_TIMEOUT_SECONDS = 3.0


class HttpControlChannel:
    """``ports.ControlChannel`` to the control plane at ``address`` (``http(s)://HOST[:PORT]``), shown ``credential``.

    ``trust`` is whom to trust over https; None: the system's authorities.
    """

    def __init__(
        self,
        address: str,
        credential: str,
        *,
        trust: ssl.SSLContext | None = None,
        timeout_seconds: float = _TIMEOUT_SECONDS,
    ) -> None:
        self._address = address.rstrip("/")
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {credential}"},
            timeout=timeout_seconds,
            # Proxies are for pages, and loading certificates takes 100 ms that plain HTTP need not wait for.
            trust_env=False,
            verify=(trust or True) if self._address.startswith("https:") else False,
        )

    async def report(self, report: EdgeReport) -> EdgeOrders:
        """Say how the edge is; Unavailable if nobody answers, or not with orders."""
        try:
            answer = await self._client.post(
                f"{self._address}/api/v1/edges/{report.edge_id}/report", json=asdict(report)
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = str(error) or type(error).__name__
            raise Unavailable(f"The control plane at {self._address} does not answer: {reason}.") from error
        if answer.status_code != httpx.codes.OK:
            raise Unavailable(f"The control plane at {self._address} answers a report with {answer.status_code}.")
        try:
            return _orders(answer.json())
        except (ValueError, TypeError, KeyError) as error:
            raise Unavailable(f"The control plane at {self._address} answers a report with no orders.") from error

    async def close(self) -> None:
        """Let the connection go."""
        await self._client.aclose()


def _orders(values: Any) -> EdgeOrders:
    """Orders out of JSON; names that this version does not know are passed over."""
    if not isinstance(values, dict):
        raise TypeError(values)
    draining, limit = values["draining"], values.get("egress_limit_bps")
    if not isinstance(draining, bool) or not (limit is None or type(limit) is int):
        raise TypeError(values)
    sources = tuple(
        Source(str(source["edge_id"]), str(source["kind"]), str(source["url"])) for source in values.get("sources", ())
    )
    return EdgeOrders(draining, limit, int(values.get("plan_generation", 0)), sources=sources)
