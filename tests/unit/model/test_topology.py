import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.model.errors import Invalid, NotFound
from matinee.model.topology import ANYWHERE, Topology, distance_km

REGIONS = "europe=50.1/8.7, america=39/-77.5,asia=1.35/103.8"


def test_regions_are_read_in_order_and_the_first_is_the_default() -> None:
    topology = Topology.read(REGIONS, "")
    assert [region.name for region in topology.regions] == ["europe", "america", "asia"]
    assert topology.region_of("203.0.113.9").name == "europe"
    assert topology.region("asia").longitude == 103.8


def test_a_service_that_was_told_of_no_regions_has_one() -> None:
    assert Topology.read("", "").region_of("203.0.113.9") is ANYWHERE


def test_an_unknown_region_is_not_found() -> None:
    with pytest.raises(NotFound, match="'mars'"):
        Topology.read(REGIONS, "").region("mars")


@pytest.mark.parametrize(
    ("regions", "networks", "sentence"),
    [
        ("europe", "", "NAME=VALUE"),
        ("europe=", "", "NAME=VALUE"),
        ("europe=north/east", "", "LATITUDE/LONGITUDE"),
        ("europe=91/0", "", "not on Earth"),
        ("europe=nan/0", "", "not on Earth"),
        ("europe=1/2,europe=3/4", "", "twice"),
        ("europe=1/2", "10.0.0.0/8=asia", "none of the regions"),
        ("europe=1/2", "10.0.0/99=europe", "not a network"),
    ],
)
def test_what_cannot_be_read_is_named(regions: str, networks: str, sentence: str) -> None:
    with pytest.raises(Invalid, match=sentence):
        Topology.read(regions, networks)


def test_the_longest_network_decides() -> None:
    topology = Topology.read(REGIONS, "10.0.0.0/8=america, 10.1.0.0/16=asia, 10.1.2.3/32=europe, 2001:db8::/32=asia")
    assert topology.region_of("10.9.9.9").name == "america"
    assert topology.region_of("10.1.9.9").name == "asia"
    assert topology.region_of("10.1.2.3").name == "europe"
    assert topology.region_of("2001:db8::1").name == "asia"
    assert topology.region_of("::ffff:10.1.9.9").name == "asia"


@pytest.mark.parametrize("address", [None, "", "testclient", "/run/socket"])
def test_what_is_no_address_is_in_the_default_region(address: str | None) -> None:
    assert Topology.read(REGIONS, "0.0.0.0/0=asia").region_of(address).name == "europe"


@given(
    networks=st.lists(st.tuples(st.ip_addresses(v=4), st.integers(0, 32), st.integers(0, 2)), max_size=12),
    address=st.ip_addresses(v=4),
)
def test_the_table_finds_what_a_search_through_all_networks_finds(
    networks: list[tuple[ipaddress.IPv4Address, int, int]], address: ipaddress.IPv4Address
) -> None:
    names = ["europe", "america", "asia"]
    told = {ipaddress.ip_network((at, length), strict=False): names[region] for at, length, region in networks}
    topology = Topology.read(REGIONS, ",".join(f"{network}={name}" for network, name in told.items()))
    holding = [network for network in told if address in network]
    expected = told[max(holding, key=lambda network: network.prefixlen)] if holding else "europe"
    assert topology.region_of(str(address)).name == expected


def test_a_viewer_names_a_region_only_where_that_is_trusted() -> None:
    topology = Topology.read(REGIONS, "10.0.0.0/8=america")
    assert topology.viewer_region("10.0.0.1", ["mars", "asia"], trusted=True).name == "asia"
    assert topology.viewer_region("10.0.0.1", ["asia"], trusted=False).name == "america"
    assert topology.viewer_region("10.0.0.1", [None, {}], trusted=True).name == "america"


def test_distances_are_the_ones_on_a_globe() -> None:
    assert distance_km(50.1, 8.7, 50.1, 8.7) == 0
    assert distance_km(50.1, 8.7, 39.0, -77.5) == pytest.approx(6540, abs=60)  # Frankfurt to Ashburn
    assert distance_km(0, 0, 0, 180) == pytest.approx(20015, abs=1)


@given(*[st.floats(-90, 90), st.floats(-180, 180)] * 2)
def test_a_distance_is_the_same_both_ways_and_at_most_half_the_globe(a: float, b: float, c: float, d: float) -> None:
    there, back = distance_km(a, b, c, d), distance_km(c, d, a, b)
    assert 0 <= there <= 20016
    assert there == pytest.approx(back, abs=1e-6)
