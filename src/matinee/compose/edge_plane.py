"""Which data plane moves an edge's bytes: the one of its own process, or nginx in front of it."""

from urllib.parse import urlsplit

from matinee.adapters.dataplane_embedded import EmbeddedDataPlane
from matinee.adapters.dataplane_nginx import NginxDataPlane
from matinee.adapters.dataplane_nginx_configuration import Sentence, Words
from matinee.compose.tls import Identity
from matinee.edge import answers
from matinee.edge.answers import Answer, Headers
from matinee.edge.bills import Bills
from matinee.edge.gate import Gate
from matinee.edge.health import Orders
from matinee.model.addresses import CONTENT_TYPES
from matinee.model.errors import Invalid
from matinee.settings import Settings

EMBEDDED = "embedded:"


def is_nginx(settings: Settings) -> bool:
    """Whether nginx stands in front, and counts; Invalid if the setting names no data plane."""
    address = urlsplit(settings.dataplane)
    if settings.dataplane == EMBEDDED:
        return False
    if address.scheme != "nginx" or address.netloc or address.query:
        raise Invalid(
            f"MATINEE_DATAPLANE={settings.dataplane!r} is neither 'embedded:' nor 'nginx:' or 'nginx:///PATH'."
        )
    return True


def own_names(settings: Settings) -> frozenset[str]:
    """The host names an edge answers to: that of its address, where it was told one; none: any."""
    name = urlsplit(settings.edge_url).hostname if settings.edge_url else None
    return frozenset({f"[{name}]" if ":" in name else name} if name else ())


def open_plane(
    settings: Settings, shown: Identity, *, gate: Gate, orders: Orders, bills: Bills
) -> EmbeddedDataPlane | NginxDataPlane:
    """The data plane that the settings name, not yet serving."""
    if not is_nginx(settings):
        return EmbeddedDataPlane(settings.host, settings.port, certificate=shown.certificate, key=shown.key)
    return NginxDataPlane(
        settings.host,
        settings.port,
        program=urlsplit(settings.dataplane).path,
        folder=settings.data / "nginx",
        cache=settings.data / "cache",
        words=words(),
        doorkeeper=gate,
        # A cap on all connections together is kept by one bucket, and that is in the edge process.
        paced=lambda: orders.egress_limit_bps is not None,
        tally=bills,
        certificate=shown.certificate,
        key=shown.key,
    )


def words() -> Words:
    """What nginx says exactly as the embedded data plane does."""
    return Words(
        held_headers=_told([*answers.OPEN, (b"cache-control", answers.KEEP)]),
        content_types=CONTENT_TYPES,
        sentences={
            "refused": _sentence(answers.REFUSED),
            "methods": _sentence(answers.METHODS),
            "misdirected": _sentence(answers.MISDIRECTED),
            "body": _sentence(answers.BODY),
            "down": _sentence(answers.DOWN),
            "away": _sentence(answers.AWAY),
        },
    )


def _sentence(answer: Answer) -> Sentence:
    return Sentence(answer.status, _told(answer.headers), answer.body.decode())


def _told(headers: Headers) -> list[tuple[str, str]]:
    return [(name.decode(), value.decode()) for name, value in headers]
