"""Where viewers are: regions, the networks that lie in them, and how far apart places stand."""

import ipaddress
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from matinee.model.errors import Invalid, NotFound

_EARTH_RADIUS_KM = 6371.0
# ISO 3166-1 alpha-2, its shape alone.
_TERRITORY = re.compile(r"[A-Z]{2}")
_LATITUDE_LIMIT, _LONGITUDE_LIMIT = 90.0, 180.0


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the world with its viewers' middle, in degrees."""

    name: str
    latitude: float
    longitude: float


ANYWHERE = Region("anywhere", 0.0, 0.0)
"""The one region of a service that was told of none."""

_Networks = Mapping[tuple[int, int], Mapping[int, Region]]
"""(IP version, prefix length) to network number to region."""


def distance_km(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """The great-circle distance between two places given in degrees (haversine, on a sphere)."""
    north, other_north = math.radians(latitude), math.radians(other_latitude)
    half_north = math.sin((other_north - north) / 2)
    half_east = math.sin(math.radians(other_longitude - longitude) / 2)
    chord = half_north**2 + math.cos(north) * math.cos(other_north) * half_east**2
    # Rounding can carry the chord of two antipodes a hair over 1.
    return 2 * _EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, chord)))


@dataclass(frozen=True, slots=True)
class Topology:
    """The regions of a service (the first is the default), which networks lie in which, and where their rights hold.

    ``territories`` gives the country (two letters) that a region's viewers are in for what may be shown to them.
    """

    regions: tuple[Region, ...]
    networks: _Networks = field(default_factory=dict)
    territories: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, regions: str, networks: str, territories: str = "") -> "Topology":
        """Out of settings text: ``NAME=LATITUDE/LONGITUDE, …``, ``CIDR=REGION, …`` and ``REGION=COUNTRY, …``.

        Invalid names a bad entry.
        """
        known = tuple(_region(name, place) for name, place in _entries("regions", regions)) or (ANYWHERE,)
        by_name = {region.name: region for region in known}
        if len(by_name) != len(known):
            raise Invalid(f"The regions {regions!r} name one region twice.")
        table: dict[tuple[int, int], dict[int, Region]] = {}
        for cidr, name in _entries("networks", networks):
            if name not in by_name:
                raise Invalid(f"The network {cidr} is said to lie in {name!r}, which is none of the regions.")
            try:
                network = ipaddress.ip_network(cidr, strict=False)
            except ValueError as error:
                raise Invalid(f"{cidr!r} is not a network like 203.0.113.0/24: {error}.") from error
            of_length = table.setdefault((network.version, network.prefixlen), {})
            of_length[_number(network.network_address, network.prefixlen)] = by_name[name]
        longest_first = dict(sorted(table.items(), key=lambda entry: entry[0], reverse=True))
        return cls(regions=known, networks=longest_first, territories=_countries(territories, by_name))

    def region(self, name: str) -> Region:
        """The region of a name; NotFound if there is none."""
        for region in self.regions:
            if region.name == name:
                return region
        raise NotFound(f"There is no region {name!r}.")

    def territory(self, region: Region) -> str:
        """The country that a region's viewers are in, as two letters; "" if nobody told."""
        return self.territories.get(region.name, "")

    def region_of(self, address: str | None) -> Region:
        """The region of the longest network that holds an IP address; the first region if none does."""
        try:
            parsed = ipaddress.ip_address(address or "")
        except ValueError:
            return self.regions[0]
        if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
            parsed = parsed.ipv4_mapped
        for (version, length), of_length in self.networks.items():
            if version == parsed.version and (found := of_length.get(_number(parsed, length))):
                return found
        return self.regions[0]

    def viewer_region(self, address: str | None, claims: Sequence[object], *, trusted: bool) -> Region:
        """Where a viewer is: the first of their claims that names a region, if they are trusted; else by address."""
        if trusted:
            for claim in claims:
                for region in self.regions:
                    if region.name == claim:
                        return region
        return self.region_of(address)


def _number(address: ipaddress.IPv4Address | ipaddress.IPv6Address, length: int) -> int:
    return int(address) >> (address.max_prefixlen - length)


def _entries(what: str, text: str) -> list[tuple[str, str]]:
    entries = []
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = entry.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise Invalid(f"Among the {what}, {entry!r} is not of the form NAME=VALUE.")
        entries.append((name.strip(), value.strip()))
    return entries


def _countries(text: str, regions: Mapping[str, Region]) -> Mapping[str, str]:
    told = {}
    for name, code in _entries("territories", text):
        if name not in regions:
            raise Invalid(f"A territory is told of {name!r}, which is none of the regions.")
        if not _TERRITORY.fullmatch(code.upper()):
            raise Invalid(f"The territory of {name!r} is a country's two letters like PT (ISO 3166-1), not {code!r}.")
        told[name] = code.upper()
    return told


def _region(name: str, place: str) -> Region:
    latitude, _, longitude = place.partition("/")
    try:
        region = Region(name, float(latitude), float(longitude))
    except ValueError as error:
        raise Invalid(f"The region {name!r} stands at {place!r}, which is not LATITUDE/LONGITUDE.") from error
    # Written so that NaN fails too.
    if not (abs(region.latitude) <= _LATITUDE_LIMIT and abs(region.longitude) <= _LONGITUDE_LIMIT):
        raise Invalid(f"The region {name!r} stands at {place!r}, which is not on Earth.")
    return region
