"""``ports.ControlChannel``, sentence by sentence, on every engine that carries it, before a real control plane."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa
from deploy.local import nats
from deploy.local.certificates import make_certificates

from engines import missing
from matinee.adapters.clock_manual import ManualClock
from matinee.adapters.control_http import HttpControlChannel
from matinee.adapters.control_nats import NatsControlChannel
from matinee.adapters.control_nats_responder import NatsControlResponder
from matinee.adapters.events_jetstream_address import Address
from matinee.delivery.planner import Chosen, Group, Offer
from matinee.model.errors import Forbidden, Invalid, NotFound, Unavailable
from matinee.model.plans import (
    Account,
    AccountLine,
    EdgeOrders,
    FillWindow,
    HoldingsUpdate,
    PlannedFile,
    PlanPage,
    Purge,
    Source,
)
from matinee.ports import ControlChannel
from playing import Service, report, service
from running_edge import ControlPlane, free_port, until
from served import served

EDGE = "europe-1"
ONE, OTHER = "o" * 43, "p" * 43
_T = TypeVar("_T")


@dataclass(frozen=True)
class House:
    """A control plane, and channels to it by the credential they show."""

    ours: Service
    connect: Callable[[str], ControlChannel]

    def ask(self, ask: Callable[[ControlChannel], Awaitable[_T]], credential: str = ONE) -> _T:
        """The answer to one question over a channel of its own."""
        return asked(self.connect(credential), ask)

    def join(self, credential: str = ONE) -> None:
        """Join with a new token."""
        token = self.ours.rooms.network.enrolment.make_token(EDGE).token
        self.ask(lambda channel: channel.enrol(token), credential)


def asked(channel: ControlChannel, ask: Callable[[ControlChannel], Awaitable[_T]]) -> _T:
    async def run() -> _T:
        try:
            return await ask(channel)
        finally:
            await channel.close()

    return asyncio.run(run())


@contextmanager
def over_http(ours: Service) -> Iterator[Callable[[str], ControlChannel]]:
    port = free_port()
    with served(ours.app, port):
        yield lambda shown: HttpControlChannel(f"http://127.0.0.1:{port}", EDGE, shown)


@pytest.fixture(scope="module")
def site(nats_hub: nats.Servers) -> Iterator[nats.Servers]:
    """The server of an edge site, a leaf of the hub."""
    with nats.leaf(nats_hub, "edges") as there:
        yield there


@pytest.fixture(scope="module")
def tls_hub() -> Iterator[nats.Servers]:
    """As ``nats_hub``, with certificates: clients, servers and sites know each other by their authority alone."""
    if nats.find() is None:
        missing("nats-server", nats.INSTALL)
    with nats.cluster(tls=True) as hub:
        yield hub


@pytest.fixture(scope="module")
def tls_site(tls_hub: nats.Servers) -> Iterator[nats.Servers]:
    with nats.leaf(tls_hub, "edges") as there:
        yield there


@contextmanager
def over_nats(hub: nats.Servers, site: nats.Servers, ours: Service) -> Iterator[Callable[[str], ControlChannel]]:
    where = Address.read(site.control_address, "MATINEE_CONTROL")

    def connect(shown: str) -> ControlChannel:
        return NatsControlChannel(where, EDGE, shown, authorities=site.authorities)

    def refused() -> bool:
        try:
            asked(connect("nobody's"), lambda channel: channel.keys())
        except Unavailable:
            return False
        except Forbidden:
            return True
        raise AssertionError("Nobody's credential was taken.")

    responder = NatsControlResponder(Address.read(hub.address), ours.rooms.desk.answer, hub.authorities)
    responder.start()
    try:
        # Word that somebody listens takes a moment to the site.
        until("an answer at the site", refused)
        yield connect
    finally:
        responder.stop()


@pytest.fixture(params=["http", "nats", "nats over TLS"])
def house(
    request: pytest.FixtureRequest,
    database: sa.Engine,
    clock: ManualClock,
    random_bytes: Callable[[int], bytes],
) -> Iterator[House]:
    ours = service(database, clock, random_bytes)
    wired: dict[str, Callable[[], AbstractContextManager[Callable[[str], ControlChannel]]]] = {
        "http": lambda: over_http(ours),
        "nats": lambda: over_nats(request.getfixturevalue("nats_hub"), request.getfixturevalue("site"), ours),
        "nats over TLS": lambda: over_nats(
            request.getfixturevalue("tls_hub"), request.getfixturevalue("tls_site"), ours
        ),
    }
    with wired[request.param]() as connect:
        yield House(ours, connect)


@pytest.fixture
def joined(house: House) -> House:
    house.join()
    return house


def test_an_edge_that_shows_a_join_token_is_known_by_its_own_credential_from_then_on(house: House) -> None:
    with pytest.raises(Forbidden):
        house.ask(lambda channel: channel.report(report()))
    house.join()
    assert house.ask(lambda channel: channel.report(report())) == replace(
        EdgeOrders(),
        time=house.ours.clock.now().timestamp(),
        keys_version=house.ours.rooms.network.keys.ring().version,
    )
    assert [edge.id for edge in house.ours.edges.edges()] == [EDGE]


def test_joining_twice_is_harmless_with_the_same_credential_and_forbidden_with_another(house: House) -> None:
    token = house.ours.rooms.network.enrolment.make_token(EDGE).token
    for _ in range(2):
        house.ask(lambda channel: channel.enrol(token))
    with pytest.raises(Forbidden):
        house.ask(lambda channel: channel.enrol(token), OTHER)
    with pytest.raises(Forbidden):
        house.ask(lambda channel: channel.enrol("no token at all"), OTHER)
    house.ours.clock.advance(3601)
    late = house.ours.rooms.network.enrolment.make_token(EDGE).token
    house.ours.clock.advance(3601)
    with pytest.raises(Forbidden):
        house.ask(lambda channel: channel.enrol(late), OTHER)


@pytest.mark.parametrize(
    "verb",
    [
        lambda channel: channel.report(report()),
        lambda channel: channel.keys(),
        lambda channel: channel.plan(1, 0),
        lambda channel: channel.hold(HoldingsUpdate(EDGE, 1.0, 0, generation=0)),
        lambda channel: channel.account(Account(EDGE, 1.0, 0, ())),
    ],
    ids=["report", "keys", "plan", "hold", "account"],
)
def test_every_verb_is_forbidden_without_the_edges_credential(
    joined: House, verb: Callable[[ControlChannel], Awaitable[Any]]
) -> None:
    with pytest.raises(Forbidden):
        joined.ask(verb, OTHER)
    joined.ours.rooms.network.enrolment.revoke(EDGE)
    with pytest.raises(Forbidden):
        joined.ask(verb)


def test_orders_come_whole(joined: House) -> None:
    ours, network = joined.ours, joined.ours.rooms.network
    joined.ask(lambda channel: channel.report(report()))
    ours.edges.report(report("europe-2", url="http://127.0.1.2:8400"))
    ours.edges.report(report("shield", "america", tier="parent", url="http://127.0.2.1:8400"))
    ours.edges.order(EDGE, draining=True, down=True, egress_limit_bps=5_000_000)
    network.purges.purge("a/")
    network.purges.purge("b/r1/")
    with ours.engine.begin() as connection:
        network.revocations.add(connection, "a-playback", ours.clock.now().replace(year=2027))
    network.plans.put(EDGE, [plan(1)])
    ours.clock.advance(2)
    heard = joined.ask(lambda channel: channel.report(report(purges_through=1)))
    assert (heard.draining, heard.down, heard.egress_limit_bps, heard.plan_generation) == (True, True, 5_000_000, 1)
    assert heard.sources == (
        Source("europe-2", "peer", "http://127.0.1.2:8400"),
        Source("shield", "parent", "http://127.0.2.1:8400"),
    )
    assert heard.purges == (Purge(2, "b/r1/"),)
    assert [(one.sequence, one.subject) for one in heard.revocations] == [(1, "a-playback")]
    assert heard.holdings_through == -1
    again = joined.ask(lambda channel: channel.report(report(purges_through=2, revocations_through=1)))
    assert (again.purges, again.revocations) == ((), ())


def test_the_keys_that_open_media_tokens_are_given(joined: House) -> None:
    ring = joined.ask(lambda channel: channel.keys())
    assert ring == joined.ours.rooms.network.keys.ring().wire
    joined.ours.rooms.network.keys.rotate()
    rotated = joined.ask(lambda channel: channel.keys())
    assert set(rotated.keys) > set(ring.keys)
    assert rotated.version != ring.version


def plan(files: int) -> Chosen:
    group = Group("", tuple((f"{number}.m4s", 5000, "") for number in range(files)))
    return Chosen(Offer("title", "r1", (group,)), group, files, 1.5)


def test_a_plan_comes_page_by_page_and_not_once_there_is_a_newer_one(joined: House) -> None:
    plans = joined.ours.rooms.network.plans
    plans.put(EDGE, [plan(2001)])
    first, second = (joined.ask(lambda channel, page=page: channel.plan(1, page)) for page in (0, 1))  # type: ignore[misc]
    assert (first.pages, len(first.files)) == (2, 2000)
    assert second == PlanPage(1, 1, 2, (PlannedFile("title/r1/2000.m4s", 5000, 1.5),), FillWindow())
    plans.put(EDGE, [plan(5)])
    for generation, page in ((1, 0), (2, 1), (3, 0)):
        with pytest.raises(NotFound):
            joined.ask(lambda channel, g=generation, p=page: channel.plan(g, p))  # type: ignore[misc]


def test_holdings_are_kept_in_order_and_begun_anew_where_one_is_missing(joined: House) -> None:
    def hold(sequence: int, **changes: Any) -> int:
        update = replace(HoldingsUpdate(EDGE, 1.5, sequence), **changes)
        return joined.ask(lambda channel: channel.hold(update))

    assert hold(0) == -1
    assert hold(1, generation=0, begins=True, added=(("title/r1/ä.m4s", 7),)) == 1
    assert hold(1, generation=0, begins=True) == 1
    assert hold(2, removed=("title/r1/ä.m4s",)) == 2
    assert joined.ask(lambda channel: channel.report(report(started=1.5))).holdings_through == 2
    assert joined.ask(lambda channel: channel.report(report(started=2.5))).holdings_through == -1
    assert hold(9) == -1


def test_what_was_sent_is_counted_once(joined: House) -> None:
    told = Account(EDGE, 1.5, 0, (AccountLine("", "placed", 2**40), AccountLine("edge:x", "origin", 3)))
    for _ in range(2):
        assert joined.ask(lambda channel: channel.account(told)) == 0
    assert joined.ask(lambda channel: channel.account(replace(told, sequence=1, lines=()))) == 1
    assert sorted(one.size_bytes for one in joined.ours.rooms.accounting.sums()) == [3, 2**40]


def test_an_edge_speaks_for_itself_alone(joined: House) -> None:
    with pytest.raises(Forbidden):
        joined.ask(lambda channel: channel.hold(HoldingsUpdate("asia-1", 1.0, 0, generation=0)))


@pytest.fixture
def control() -> Iterator[ControlPlane]:
    plane = ControlPlane()
    yield plane
    plane.close()


def channel_to(address: str) -> ControlChannel:
    return HttpControlChannel(address, EDGE, "the-credential", timeout_seconds=30.0)


def test_a_report_arrives_whole_and_names_of_a_newer_control_plane_are_passed_over(control: ControlPlane) -> None:
    control.orders = {"draining": True, "egress_limit_bps": 5_000_000, "plan_generation": 4, "from the future": 1}
    heard = asked(channel_to(control.address), lambda channel: channel.report(report()))
    assert heard == EdgeOrders(draining=True, egress_limit_bps=5_000_000, plan_generation=4)
    assert control.reports == [("/api/v1/edges/europe-1/report", "Bearer the-credential", asdict(report()))]


def test_nobody_at_the_address_is_unavailable() -> None:
    address = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(Unavailable, match=address):
        asked(channel_to(address), lambda channel: channel.report(report()))


@pytest.mark.parametrize("status", [401, 404, 500, 503])
def test_an_answer_that_is_no_success_is_unavailable(control: ControlPlane, status: int) -> None:
    control.status = status
    with pytest.raises(Unavailable, match=str(status)):
        asked(channel_to(control.address), lambda channel: channel.report(report()))


@pytest.mark.parametrize("orders", [[], "drain", {"draining": "yes"}, {"draining": False, "egress_limit_bps": "1"}, {}])
def test_an_answer_without_orders_is_unavailable(control: ControlPlane, orders: object) -> None:
    control.orders = orders
    with pytest.raises(Unavailable, match="something else"):
        asked(channel_to(control.address), lambda channel: channel.report(report()))


@pytest.mark.parametrize("wrong", ["no authority", "another's authority", "password", "user"])
def test_a_site_that_cannot_be_trusted_or_does_not_know_the_edge_hears_no_credential(
    tls_site: nats.Servers, tmp_path: Path, wrong: str
) -> None:
    authorities, address = tls_site.authorities, tls_site.control_address
    if wrong == "no authority":
        authorities = None
    elif wrong == "another's authority":
        authorities = make_certificates(tmp_path).authorities
    elif wrong == "password":
        address = address.replace(tls_site.edge_password, "guessed")
    else:
        address = address.replace("//edge:", "//matinee:")
    channel = NatsControlChannel(Address.read(address, "MATINEE_CONTROL"), EDGE, ONE, authorities=authorities)
    with pytest.raises(Invalid) as raised:
        asked(channel, lambda channel: channel.keys())
    assert "guessed" not in str(raised.value)
    assert tls_site.edge_password not in str(raised.value)


def test_what_the_control_plane_refuses_says_why(joined: House) -> None:
    with pytest.raises(Unavailable, match="not on Earth"):
        joined.ask(lambda channel: channel.report(report(latitude=95.0)))
