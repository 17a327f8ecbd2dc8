"""Behind proxies: from which address and by which scheme a visitor really came, as far as proxies are believed.

Anyone may write X-Forwarded-For. So the last hop that is no proxy of ours counts as the visitor, read from the right,
where our own proxies added what they saw (https://www.rfc-editor.org/rfc/rfc7239#section-8.1 on why).
"""

import ipaddress
from collections.abc import Iterable, Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

from matinee.model.errors import Invalid

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def read_proxies(text: str) -> tuple[Network, ...]:
    """Addresses and CIDRs, comma separated; Invalid names one that is neither."""
    found = []
    for entry in filter(None, (part.strip() for part in text.split(","))):
        try:
            found.append(ipaddress.ip_network(entry))
        except ValueError as error:
            raise Invalid(
                f"Among the proxies, {entry!r} is no address and no network like 10.0.0.0/8: {error}."
            ) from error
    return tuple(found)


def visitor(
    peer: str, scheme: str, hops: Sequence[str], schemes: Sequence[str], proxies: Iterable[Network]
) -> tuple[str, str]:
    """The visitor's address and scheme.

    ``peer`` and ``scheme`` are the connection's own; ``hops`` and ``schemes`` what X-Forwarded-For and -Proto list, the
    visitor's side first. A hop that cannot be read ends the search at the proxy that told of it.
    """
    known = tuple(proxies)
    if not _believed(_parsed(peer), known):
        return peer, scheme
    address, place = peer, len(hops)
    for number in range(len(hops) - 1, -1, -1):
        hop = _parsed(hops[number])
        if hop is None:
            break
        address, place = str(hop), number
        if not _believed(hop, known):
            break
    told = [one.strip().lower() for one in schemes]
    # Each proxy added its own word, or the outermost one's was passed on.
    said = (told[place] if len(told) == len(hops) and place < len(told) else told[-1]) if told else scheme
    return address, said if said in {"http", "https"} else scheme


class BehindProxies:
    """ASGI middleware: requests arrive as if their visitors had sent them here themselves."""

    def __init__(self, app: ASGIApp, proxies: Sequence[Network]) -> None:
        self._app = app
        self._proxies = tuple(proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its visitor's address and scheme."""
        client = scope.get("client")
        if scope["type"] == "http" and client is not None and self._proxies:
            peer, scheme = str(client[0]), str(scope.get("scheme", "http"))
            hops, schemes = _listed(scope, b"x-forwarded-for"), _listed(scope, b"x-forwarded-proto")
            address, scheme = visitor(peer, scheme, hops, schemes, self._proxies)
            port = client[1] if address == peer else 0
            scope = {**scope, "client": (address, port), "scheme": scheme}
        await self._app(scope, receive, send)


def _listed(scope: Scope, name: bytes) -> list[str]:
    """The entries of a header that lists, however many lines it came in."""
    lines = [value.decode("latin-1") for header, value in scope["headers"] if header == name]
    return [entry.strip() for entry in ",".join(lines).split(",") if entry.strip()]


def _parsed(text: str) -> _Address | None:
    """An address, with or without a port."""
    host = text.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _believed(address: _Address | None, proxies: Sequence[Network]) -> bool:
    return address is not None and any(address in network for network in proxies)
