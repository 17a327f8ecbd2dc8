"""How an edge speaks with the control plane: over HTTP, or through its site's NATS server. The address chooses."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from matinee.adapters.control_http import HttpControlChannel
from matinee.compose.tls import trusted
from matinee.model.errors import Invalid
from matinee.ports import ControlChannel
from matinee.settings import Settings

_NATS = ("nats://", "tls://")
_HTTP = ("http://", "https://")


def is_nats(address: str) -> bool:
    """Whether MATINEE_CONTROL names a NATS server."""
    return address.startswith(_NATS)


def shown_control(address: str) -> str:
    """MATINEE_CONTROL as it may be shown, without a password; Invalid, with a sentence, if it is no address."""
    if is_nats(address):
        from matinee.adapters.events_jetstream_address import Address

        return str(Address.read(address, "MATINEE_CONTROL"))
    if not address.startswith(_HTTP):
        raise Invalid("MATINEE_CONTROL is none of http://…, https://…, nats://… and tls://….")
    return address


def open_control(settings: Settings, credential: str) -> ControlChannel:
    """The channel of the edge that the settings name; Invalid if its address is none."""
    shown_control(settings.control)
    if is_nats(settings.control):
        from matinee.adapters.control_nats import NatsControlChannel
        from matinee.adapters.events_jetstream_address import Address

        address = Address.read(settings.control, "MATINEE_CONTROL")
        return NatsControlChannel(address, settings.edge_id, credential, authorities=_authorities(settings))
    trust = trusted(settings) if settings.control.startswith("https:") else None
    return HttpControlChannel(settings.control, settings.edge_id, credential, trust=trust)


def check_nats_control(settings: Settings, credential: str) -> str:
    """What is found through the site's NATS server; Unavailable if nobody answers, Forbidden if the edge is unknown."""

    async def ask() -> str:
        channel = open_control(settings, credential)
        try:
            ring = await channel.keys()
        finally:
            await channel.close()
        return f"through NATS, takes edge {settings.edge_id}'s word and gives it {len(ring.keys)} keys"

    return asyncio.run(ask())


@contextmanager
def answering(settings: Settings, answer: Callable[[str, str, str, bytes], bytes]) -> Iterator[None]:
    """Answer edges that speak over NATS, for as long as the body runs, if the event log is there; else do nothing.

    ``answer`` is ``delivery.desk.Desk.answer``.
    """
    if not is_nats(settings.events):
        yield
        return
    from matinee.adapters.control_nats_responder import NatsControlResponder
    from matinee.adapters.events_jetstream_address import Address

    responder = NatsControlResponder(Address.read(settings.events), answer, _authorities(settings))
    responder.start()
    try:
        yield
    finally:
        responder.stop()


def _authorities(settings: Settings) -> Path | None:
    return Path(settings.tls_authorities) if settings.tls_authorities else None
