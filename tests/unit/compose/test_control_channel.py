"""MATINEE_CONTROL chooses how an edge speaks with the control plane, and is shown without its password."""

import asyncio
from dataclasses import replace

import pytest

from matinee.adapters.control_http import HttpControlChannel
from matinee.adapters.control_nats import NatsControlChannel
from matinee.compose.control_channel import answering, open_control, shown_control
from matinee.model.errors import Invalid
from matinee.settings import Settings

SETTINGS = Settings(edge_id="europe-1")


@pytest.mark.parametrize(
    ("address", "kind"),
    [("http://127.0.0.1:9", HttpControlChannel), ("nats://edge:hidden@127.0.0.1:9", NatsControlChannel)],
)
def test_the_address_chooses_the_channel(address: str, kind: type) -> None:
    channel = open_control(replace(SETTINGS, control=address), "a credential")
    assert type(channel) is kind
    asyncio.run(channel.close())


def test_an_address_is_shown_without_its_password() -> None:
    assert shown_control("https://control.example") == "https://control.example"
    assert shown_control("tls://edge:hidden@site.example") == "tls://site.example:4222"


@pytest.mark.parametrize("address", ["ftp://control.example", "nats://edge:hidden@", "hidden"])
def test_what_is_no_address_is_refused_by_its_variables_name_alone(address: str) -> None:
    with pytest.raises(Invalid, match="MATINEE_CONTROL") as raised:
        open_control(replace(SETTINGS, control=address), "a credential")
    assert "hidden" not in str(raised.value)


def test_nobody_listens_for_edges_on_nats_where_the_event_log_is_a_table() -> None:
    with answering(replace(SETTINGS, events="database:"), lambda *_: b""):
        pass
