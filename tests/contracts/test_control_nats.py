"""The control channel over NATS: through a site's server, whose line to the hub is cut, and what a site may not do."""

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

import pytest
from deploy.local import nats
from nats.aio.client import Client
from nats.errors import Error

from engines import missing
from event_processes import until
from matinee.adapters.control_nats import NatsControlChannel
from matinee.adapters.control_nats_messages import asked, subject
from matinee.adapters.control_nats_responder import NatsControlResponder
from matinee.adapters.events_jetstream_address import Address
from matinee.model.errors import Conflict, Forbidden, Invalid, LimitReached, MatineeError, NotFound, Unavailable
from matinee.model.plans import (
    Account,
    AccountLine,
    EdgeOrders,
    FillWindow,
    HoldingsUpdate,
    KeyRing,
    PlannedFile,
    PlanPage,
    Purge,
    Revocation,
    Source,
)
from playing import report

T = TypeVar("T")
EDGE, CREDENTIAL = "europe.1", "what only this edge knows"
ORDERS = EdgeOrders(
    draining=True,
    egress_limit_bps=5,
    plan_generation=3,
    down=True,
    keys_version="v2",
    sources=(Source("europe-2", "peer", "http://10.0.0.2:8400"),),
    revocations=(Revocation(4, "a-playback", 1.5),),
    purges=(Purge(2, "title/"),),
    holdings_through=7,
    time=1_800_000_000.25,
)
PAGE = PlanPage(3, 1, 2, (PlannedFile("t/r/v/1.m4s", 10, 0.5, "ab", elected=False),), FillWindow(2, 6, 10**6))
ANSWERS = {
    "enrolment": b"{}",
    "report": json.dumps(asdict(ORDERS) | {"from the future": 1}).encode(),
    "keys": json.dumps({"version": "v2", "keys": {"k1": "one", "k2": "two"}}).encode(),
    "plan": gzip.compress(json.dumps(asdict(PAGE)).encode()),
    "holdings": b'{"through": 4}',
    "accounts": b'{"through": 9}',
}
RING = KeyRing("v2", {"k1": "one", "k2": "two"})


@dataclass
class Desk:
    """Remembers what edges said, and answers as it was told to, or raises it. As ``delivery.desk.Desk`` does."""

    heard: list[tuple[str, str, str, bytes]] = field(default_factory=list)
    raises: Exception | None = None
    answers: dict[str, bytes] = field(default_factory=lambda: dict(ANSWERS))

    def answer(self, edge_id: str, verb: str, credential: str, body: bytes) -> bytes:
        self.heard.append((edge_id, verb, credential, body))
        if self.raises is not None:
            raise self.raises
        return self.answers[verb]


@contextmanager
def responding(hub: nats.Servers, desk: Desk) -> Iterator[NatsControlResponder]:
    responder = NatsControlResponder(Address.read(hub.address), desk.answer)
    responder.start()
    try:
        assert responder.wait(20)
        yield responder
    finally:
        responder.stop()


@pytest.fixture(scope="module")
def site(nats_hub: nats.Servers) -> Iterator[nats.Servers]:
    with nats.leaf(nats_hub, "frankfurt") as there:
        yield there


@pytest.fixture
def desk(nats_hub: nats.Servers) -> Iterator[Desk]:
    made = Desk()
    with responding(nats_hub, made):
        yield made


def ask(
    site: nats.Servers, verb: Callable[[NatsControlChannel], Awaitable[T]], edge_id: str = EDGE, again: float = 0.0
) -> T:
    """What a verb answers over a channel of its own; tried for so many seconds while nobody listens yet."""

    async def run() -> T:
        where = Address.read(site.control_address, "MATINEE_CONTROL")
        channel = NatsControlChannel(where, edge_id, CREDENTIAL, timeout_seconds=2.0)
        loop = asyncio.get_running_loop()
        ends = loop.time() + again
        try:
            while True:
                try:
                    return await verb(channel)
                except Unavailable:
                    if loop.time() > ends:
                        raise
                await asyncio.sleep(0.1)
        finally:
            await channel.close()

    return asyncio.run(run())


def test_every_verb_arrives_whole_with_the_edges_own_credential_and_its_answer_comes_back(
    site: nats.Servers, desk: Desk
) -> None:
    said = report(EDGE, time=1.5, tier="parent")
    update = HoldingsUpdate(EDGE, 1.5, 4, 3, ("t/r/1",), (("t/r/2", 5),), ("t/r/3",), more=True)
    account = Account(EDGE, 1.5, 9, (AccountLine("p", "placed", 10), AccountLine("", "origin", 20)))

    async def everything(channel: NatsControlChannel) -> list[object]:
        await channel.enrol("a join token")
        return [
            await channel.report(said),
            await channel.keys(),
            await channel.plan(3, 1),
            await channel.hold(update),
            await channel.account(account),
        ]

    assert ask(site, everything, again=20) == [ORDERS, RING, PAGE, 4, 9]
    told = {
        "enrolment": {"token": "a join token", "credential": CREDENTIAL},
        "report": asdict(said),
        "keys": {},
        "plan": {"generation": 3, "page": 1},
        "holdings": asdict(update),
        "accounts": asdict(account),
    }
    heard = desk.heard[-6:]
    assert [(edge, shown) for edge, _, shown, _ in heard] == [(EDGE, CREDENTIAL)] * 6
    assert {verb: json.loads(body) for _, verb, _, body in heard} == json.loads(json.dumps(told))


@pytest.mark.parametrize("raised", [Invalid, Forbidden, NotFound, Conflict, LimitReached, Unavailable])
def test_what_the_control_plane_refuses_says_why_and_is_what_the_port_names(
    site: nats.Servers, desk: Desk, raised: type[MatineeError]
) -> None:
    ask(site, lambda channel: channel.keys(), again=20)
    desk.raises = raised("A sentence that names the thing.")
    asking: dict[str, Callable[[NatsControlChannel], Awaitable[object]]] = {
        "keys": lambda channel: channel.keys(),
        "plan": lambda channel: channel.plan(3, 0),
    }
    for verb, one in asking.items():
        named = raised is Forbidden or (raised is NotFound and verb == "plan")
        with pytest.raises(raised if named else Unavailable, match="A sentence that names the thing"):
            ask(site, one)


def test_an_error_of_the_control_planes_own_is_unavailable_and_says_nothing_of_its_insides(
    site: nats.Servers, desk: Desk
) -> None:
    ask(site, lambda channel: channel.keys(), again=20)
    desk.raises = KeyError("a secret")
    with pytest.raises(Unavailable) as raised:
        ask(site, lambda channel: channel.keys())
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("verb", "answer"),
    [
        ("report", b"[]"),
        ("report", b"{}"),
        ("report", b'{"draining": "yes", "egress_limit_bps": null}'),
        ("keys", b'{"version": "v2", "keys": {"k1": 1}}'),
        ("keys", b""),
        ("plan", b'{"generation": 3, "page": 0, "pages": 1, "files": []}'),
        ("plan", gzip.compress(b'{"generation": "three"}', mtime=0)),
        ("plan", gzip.compress(b'{"generation": 3, "page": 1, "pages": 2, "files": []}', mtime=0)),
        ("plan", gzip.compress(b"[" * 20_000_000, mtime=0)),
        ("holdings", b'{"through": "far"}'),
        ("accounts", b"nonsense"),
    ],
)
def test_an_answer_that_is_none_is_unavailable(site: nats.Servers, desk: Desk, verb: str, answer: bytes) -> None:
    ask(site, lambda channel: channel.keys(), again=20)
    desk.answers[verb] = answer
    asking: dict[str, Callable[[NatsControlChannel], Awaitable[object]]] = {
        "report": lambda channel: channel.report(report(EDGE)),
        "keys": lambda channel: channel.keys(),
        "plan": lambda channel: channel.plan(3, 0),
        "holdings": lambda channel: channel.hold(HoldingsUpdate(EDGE, 1.0, 1)),
        "accounts": lambda channel: channel.account(Account(EDGE, 1.0, 1, ())),
    }
    with pytest.raises(Unavailable, match="answers with"):
        ask(site, asking[verb])


def test_what_is_larger_than_a_message_is_refused_with_a_sentence_both_ways(site: nats.Servers, desk: Desk) -> None:
    path = "t/r/" + "x" * 900
    ask(site, lambda channel: channel.keys(), again=20)
    with pytest.raises(Unavailable, match="'holdings' is larger"):
        ask(site, lambda channel: channel.hold(HoldingsUpdate(EDGE, 1.0, 1, missing=(path,) * 10_000)))
    desk.answers["keys"] = b" " * 9_000_000
    with pytest.raises(Unavailable, match="more than the 8388608"):
        ask(site, lambda channel: channel.keys())


def test_each_request_is_answered_by_one_copy_of_the_control_plane(
    site: nats.Servers, desk: Desk, nats_hub: nats.Servers
) -> None:
    other = Desk()

    async def often(channel: NatsControlChannel) -> None:
        for _ in range(60):
            await channel.keys()

    with responding(nats_hub, other):
        ask(site, often, again=20)
        assert len(desk.heard) + len(other.heard) >= 60
        assert desk.heard
        assert other.heard
    before = len(other.heard)
    ask(site, often, again=20)
    assert len(other.heard) == before


def test_while_the_line_to_the_hub_is_cut_every_verb_is_unavailable_and_works_again_after(
    site: nats.Servers, desk: Desk, nats_hub: nats.Servers
) -> None:
    async def cut_and_mended(channel: NatsControlChannel) -> None:
        await _patiently(channel.keys)
        for server in nats_hub.servers:
            server.kill()
        try:
            for verb in (
                channel.keys,
                lambda: channel.report(report(EDGE)),
                lambda: channel.plan(3, 1),
                lambda: channel.hold(HoldingsUpdate(EDGE, 1.0, 1)),
                lambda: channel.account(Account(EDGE, 1.0, 1, ())),
                lambda: channel.enrol("a join token"),
            ):
                with pytest.raises(Unavailable):
                    await verb()
        finally:
            for server in nats_hub.servers:
                server.start()
            await asyncio.to_thread(nats_hub.wait)
        assert await _patiently(channel.keys) == RING

    ask(site, cut_and_mended)


async def _patiently(verb: Callable[[], Awaitable[T]]) -> T:
    """Ask until it is answered, for a minute at most."""
    async with asyncio.timeout(60):
        while True:
            with suppress(Unavailable):
                return await verb()
            await asyncio.sleep(0.1)


def test_while_the_sites_server_stands_still_or_is_away_every_verb_is_unavailable_and_works_again_after(
    site: nats.Servers, desk: Desk
) -> None:
    [server] = site.servers

    async def away(channel: NatsControlChannel) -> None:
        await _patiently(channel.keys)
        server.freeze()
        with pytest.raises(Unavailable, match="does not answer"):
            await channel.keys()
        server.thaw()
        assert await _patiently(channel.keys) == RING
        server.kill()
        with pytest.raises(Unavailable):
            await channel.keys()
        server.start()
        assert await _patiently(channel.keys) == RING

    try:
        ask(site, away)
    finally:
        server.thaw()
        server.start()
        site.wait()


def test_an_edge_that_starts_while_its_sites_server_is_away_finds_it_later(site: nats.Servers, desk: Desk) -> None:
    [server] = site.servers
    server.kill()

    async def early(channel: NatsControlChannel) -> None:
        with pytest.raises(Unavailable):
            await channel.keys()
        server.start()
        assert await _patiently(channel.keys) == RING

    ask(site, early)


async def _errors(client: Client, do: Callable[[Client], Awaitable[Any]]) -> None:
    with suppress(Error):
        await do(client)
    with suppress(Error):
        await client.flush()


def test_an_edges_user_may_ask_the_control_plane_and_do_nothing_else_at_its_sites_server(site: nats.Servers) -> None:
    said: list[str] = []
    enough = asyncio.Event()

    async def note(error: Exception) -> None:
        said.append(str(error).lower())
        if len(said) == 8:
            enough.set()

    async def try_everything() -> None:
        address = Address.read(site.control_address)
        client = Client()
        await client.connect(address.servers, user=address.user, password=address.password, error_cb=note)
        try:
            for wanted in ("$JS.API.STREAM.LIST", "MATINEE_EVENTS.x", "matinee.reply.europe-1.x", "_INBOX.x"):
                await _errors(client, lambda c, where=wanted: c.publish(where, b"{}"))  # type: ignore[misc]
            for wanted in ("matinee.control.>", ">", "_INBOX.>", "$JS.API.>"):
                await _errors(client, lambda c, where=wanted: c.subscribe(where))  # type: ignore[misc]
            async with asyncio.timeout(10):
                await enough.wait()
        finally:
            await client.close()

    asyncio.run(try_everything())
    assert len([sentence for sentence in said if "permissions violation" in sentence]) == 8


def test_a_site_hears_nothing_of_what_another_sites_edges_say(
    site: nats.Servers, desk: Desk, nats_hub: nats.Servers
) -> None:
    with nats.leaf(nats_hub, "curious") as curious:
        heard: list[str] = []

        async def listen_and_ask() -> None:
            address = Address.read(curious.address)
            client = Client()
            await client.connect(address.servers, user=address.user, password=address.password)

            async def note(message: Any) -> None:
                heard.append(message.subject)

            try:
                await client.subscribe("matinee.control.>", cb=note)
                await client.flush()
                await asyncio.to_thread(ask, site, lambda channel: channel.keys(), EDGE, 20)
                # The ear is open: what is said at its own site it hears.
                await asyncio.to_thread(ask, curious, lambda channel: channel.keys(), "asia-1", 20)
                await client.flush()
            finally:
                await client.close()

        asyncio.run(listen_and_ask())
        assert set(heard) == {"matinee.control.asia-1.keys"}


def test_an_address_that_is_none_is_named_by_its_variable_and_without_its_password() -> None:
    with pytest.raises(Invalid, match="MATINEE_CONTROL") as raised:
        Address.read("nats://edge:hidden@", "MATINEE_CONTROL")
    assert "hidden" not in str(raised.value)


def test_a_subject_is_read_back_whatever_dots_an_edges_id_has() -> None:
    for edge_id in ("europe-1", "a.b", "a..b_", "."):
        assert asked(subject(edge_id, "report")) == (edge_id, "report")
    for wrong in ("matinee.control.report", "matinee.control..report", "matinee.controls.a.report", ""):
        with pytest.raises(Invalid):
            asked(wrong)


def test_a_responder_starts_before_its_servers_do_and_listens_when_they_come(site: nats.Servers) -> None:
    if nats.find() is None:
        missing("nats-server", nats.INSTALL)
    [server] = site.servers
    server.kill()
    responder = NatsControlResponder(Address.read(site.address), Desk().answer)
    responder.start()
    try:
        assert not responder.wait(0.5)
        server.start()
        until(lambda: responder.wait(0.1), "a responder that listens")
    finally:
        responder.stop()
        server.start()
        site.wait()
