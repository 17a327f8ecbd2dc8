import asyncio
from typing import Any

import pytest

from matinee.api.proxies import BehindProxies, read_proxies, visitor
from matinee.model.errors import Invalid

OURS = read_proxies("10.0.0.0/8, 2001:db8:1::/48")


@pytest.mark.parametrize(
    ("peer", "hops", "address"),
    [
        # Whoever comes straight is who they are, whatever they write.
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        ("203.0.113.9", [], "203.0.113.9"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        # The visitor wrote the first, a proxy of ours the second.
        ("10.0.0.1", ["192.0.2.66", "198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1", "10.2.3.4"], "198.51.100.1"),
        ("10.0.0.1", ["10.9.9.9", "10.2.3.4"], "10.9.9.9"),
        ("2001:db8:1::7", ["2001:db8:2::1"], "2001:db8:2::1"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1:4711"], "198.51.100.1"),
        ("10.0.0.1", ["[2001:db8:2::1]:4711"], "2001:db8:2::1"),
        ("10.0.0.1", ["unknown"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1", "' OR 1=1", "10.2.3.4"], "10.2.3.4"),
    ],
)
def test_the_last_hop_that_is_no_proxy_of_ours_is_the_visitor(peer: str, hops: list[str], address: str) -> None:
    assert visitor(peer, "http", hops, [], OURS)[0] == address


@pytest.mark.parametrize(
    ("peer", "hops", "schemes", "scheme"),
    [
        ("10.0.0.1", ["198.51.100.1"], ["https"], "https"),
        ("10.0.0.1", ["198.51.100.1"], [], "http"),
        ("203.0.113.9", ["198.51.100.1"], ["https"], "http"),
        ("10.0.0.1", ["198.51.100.1", "10.2.3.4"], ["https", "http"], "https"),
        ("10.0.0.1", ["192.0.2.66", "198.51.100.1"], ["https", "http"], "http"),
        ("10.0.0.1", ["198.51.100.1", "10.2.3.4"], ["HTTPS"], "https"),
        ("10.0.0.1", ["198.51.100.1"], ["gopher"], "http"),
    ],
)
def test_the_scheme_is_the_one_by_which_the_visitor_came_to_our_proxies(
    peer: str, hops: list[str], schemes: list[str], scheme: str
) -> None:
    assert visitor(peer, "http", hops, schemes, OURS)[1] == scheme


def test_without_proxies_nobody_is_believed() -> None:
    assert visitor("127.0.0.1", "http", ["198.51.100.1"], ["https"], ()) == ("127.0.0.1", "http")


@pytest.mark.parametrize("text", ["10.0.0.0/33", "proxy.example", "10.0.0.1/8"])
def test_a_proxy_that_is_no_network_is_named(text: str) -> None:
    with pytest.raises(Invalid, match="is no address and no network"):
        read_proxies(text)


def test_a_request_arrives_as_its_visitor_sent_it() -> None:
    seen: list[dict[str, Any]] = []

    async def application(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(scope)

    headers = [
        (b"x-forwarded-for", b"192.0.2.66"),
        (b"x-forwarded-for", b"198.51.100.1, 10.2.3.4"),
        (b"x-forwarded-proto", b"https"),
    ]
    scope = {"type": "http", "client": ("10.0.0.1", 80), "scheme": "http", "headers": headers}

    async def nothing(*_: object) -> Any:
        return None

    asyncio.run(BehindProxies(application, OURS)(scope, nothing, nothing))
    asyncio.run(BehindProxies(application, ())(scope, nothing, nothing))
    assert [(one["client"], one["scheme"]) for one in seen] == [
        (("198.51.100.1", 0), "https"),
        (("10.0.0.1", 80), "http"),
    ]
