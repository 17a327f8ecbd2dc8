"""``ports.ControlChannel``, sentence by sentence, on every engine that carries reports."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import asdict

import pytest

from matinee.adapters.control_http import HttpControlChannel
from matinee.model.errors import Unavailable
from matinee.model.plans import EdgeOrders, EdgeReport
from matinee.ports import ControlChannel
from running_edge import ControlPlane, free_port

REPORT = EdgeReport(
    edge_id="europe-1",
    site="frankfurt",
    region="europe",
    url="http://127.0.1.1:8400",
    latitude=50.1,
    longitude=8.7,
    capacity_bps=10**9,
    started=1_800_000_000.5,
    egress_bps=1234.5,
    connections=3,
    cached_bytes=10,
    cache_limit_bytes=100,
    files=2,
    demand_hit_bytes=7,
    origin_bytes=8,
    requests=9,
    refused=1,
)


@pytest.fixture
def control() -> Iterator[ControlPlane]:
    plane = ControlPlane()
    yield plane
    plane.close()


@pytest.fixture(params=["http"])
def make(request: pytest.FixtureRequest) -> Callable[[str], ControlChannel]:
    return lambda address: HttpControlChannel(address, "the-credential", timeout_seconds=1.0)


def _report(channel: ControlChannel, times: int = 1) -> EdgeOrders:
    async def run() -> EdgeOrders:
        orders = EdgeOrders()
        try:
            for _ in range(times):
                orders = await channel.report(REPORT)
        finally:
            await channel.close()
        return orders

    return asyncio.run(run())


def test_a_report_arrives_whole_and_orders_come_back(
    make: Callable[[str], ControlChannel], control: ControlPlane
) -> None:
    control.orders = {"draining": True, "egress_limit_bps": 5_000_000, "plan_generation": 4, "from the future": 1}
    assert _report(make(control.address), times=2) == EdgeOrders(
        draining=True, egress_limit_bps=5_000_000, plan_generation=4
    )
    assert control.reports == [("/api/v1/edges/europe-1/report", "Bearer the-credential", asdict(REPORT))] * 2


def test_nobody_at_the_address_is_unavailable(make: Callable[[str], ControlChannel]) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(Unavailable, match=address):
        _report(make(address))


@pytest.mark.parametrize("status", [401, 404, 500, 503])
def test_an_answer_that_is_no_success_is_unavailable(
    make: Callable[[str], ControlChannel], control: ControlPlane, status: int
) -> None:
    control.status = status
    with pytest.raises(Unavailable, match=str(status)):
        _report(make(control.address))


@pytest.mark.parametrize("orders", [[], "drain", {"draining": "yes"}, {"draining": False, "egress_limit_bps": "1"}, {}])
def test_an_answer_without_orders_is_unavailable(
    make: Callable[[str], ControlChannel], control: ControlPlane, orders: object
) -> None:
    control.orders = orders
    with pytest.raises(Unavailable, match="no orders"):
        _report(make(control.address))
