"""Where a JetStream event log is: ``nats://USER:PASSWORD@HOST:PORT,HOST:PORT`` and what may follow."""

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from matinee.model.errors import Invalid

STREAM = "MATINEE_EVENTS"
_FORM = "nats://USER:PASSWORD@HOST:PORT,HOST:PORT (tls:// for TLS), and ?site=NAME at an edge site"
_NAME = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


@dataclass(frozen=True, slots=True)
class Address:
    """Servers of one cluster (``HOST:PORT`` each), who we are there, and which stream is meant.

    ``site`` is the domain of an edge site's leaf node; empty at the hub. ``stream`` is the hub's name for its stream.
    """

    hosts: tuple[str, ...]
    user: str
    password: str = field(repr=False)
    tls: bool
    site: str
    stream: str

    @classmethod
    def read(cls, text: str, variable: str = "MATINEE_EVENTS") -> "Address":
        """The address that stands in a variable; Invalid, without its password, if it is not one."""
        parts = urlsplit(text)
        who, found, where = parts.netloc.rpartition("@")
        user, _, password = who.partition(":")
        wishes = dict(parse_qsl(parts.query))
        hosts = tuple(host for host in where.split(",") if host)
        known = parts.scheme in {"nats", "tls"} and parts.path in {"", "/"} and set(wishes) <= {"site", "stream"}
        if not known or not found or not user or not password or not hosts:
            raise Invalid(f"{variable} is not of the form {_FORM}.")
        names = (wishes.get("site", ""), wishes.get("stream", STREAM))
        if any(set(name) - _NAME for name in names):
            raise Invalid(f"In {variable}, site and stream are letters, digits, _ and -.")
        return cls(
            hosts=tuple(host if ":" in host.rpartition("]")[2] else f"{host}:4222" for host in hosts),
            user=unquote(user),
            password=unquote(password),
            tls=parts.scheme == "tls",
            site=names[0],
            stream=names[1],
        )

    @property
    def servers(self) -> list[str]:
        """One address a server, without user and password."""
        scheme = "tls" if self.tls else "nats"
        return [f"{scheme}://{host}" for host in self.hosts]

    @property
    def own_stream(self) -> str:
        """The stream that is read and written at this address: the hub's, or the site's own."""
        return site_stream(self.stream, self.site) if self.site else self.stream

    def __str__(self) -> str:
        """The address as it may be shown."""
        return f"{'tls' if self.tls else 'nats'}://{','.join(self.hosts)}"


def site_stream(stream: str, site: str) -> str:
    """The name of the stream that an edge site keeps for the hub's stream."""
    return f"{stream}_{site}"
