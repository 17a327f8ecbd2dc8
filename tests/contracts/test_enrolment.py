import json
from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa

from matinee.adapters.clock_manual import ManualClock
from matinee.delivery.network import Network
from matinee.model.errors import Forbidden, Invalid, NotFound
from matinee.model.plans import Revocation

ONE, OTHER = "c" * 43, "d" * 43


@pytest.fixture
def make(database: sa.Engine, clock: ManualClock, random_bytes: Callable[[int], bytes]) -> Callable[[], Network]:
    """Copies of the control plane on one database."""
    return lambda: Network.open(engine=database, clock=clock, random_bytes=random_bytes, token_seconds=3600)


@pytest.fixture
def network(make: Callable[[], Network]) -> Network:
    return make()


def test_an_edge_joins_once_with_its_token_and_is_known_by_its_credential(
    network: Network, make: Callable[[], Network]
) -> None:
    other_copy = make()
    made = network.enrolment.make_token("europe-1")
    with pytest.raises(Forbidden):
        other_copy.enrolment.check("europe-1", ONE)
    network.enrolment.enrol("europe-1", made.token, ONE)
    network.enrolment.check("europe-1", ONE)
    other_copy.enrolment.check("europe-1", ONE)
    for edge_id, credential in (("europe-1", OTHER), ("asia-1", ONE), ("europe-1", ""), ("", "")):
        with pytest.raises(Forbidden):
            network.enrolment.check(edge_id, credential)


def test_an_answer_that_was_lost_is_no_harm_but_another_credential_is_refused(network: Network) -> None:
    made = network.enrolment.make_token("europe-1")
    network.enrolment.enrol("europe-1", made.token, ONE)
    network.enrolment.enrol("europe-1", made.token, ONE)
    with pytest.raises(Forbidden, match="used already"):
        network.enrolment.enrol("europe-1", made.token, OTHER)
    network.enrolment.check("europe-1", ONE)


def test_a_token_is_one_edges_for_one_hour(network: Network, clock: ManualClock) -> None:
    made = network.enrolment.make_token("europe-1")
    for edge_id, token in (("asia-1", made.token), ("europe-1", "another")):
        with pytest.raises(Forbidden, match="no join token"):
            network.enrolment.enrol(edge_id, token, ONE)
    clock.advance(3601)
    assert made.expires_at < clock.now()
    with pytest.raises(Forbidden, match="its hour is over"):
        network.enrolment.enrol("europe-1", made.token, ONE)


def test_a_fresh_token_replaces_the_credential(network: Network) -> None:
    for credential in (ONE, OTHER):
        network.enrolment.enrol("europe-1", network.enrolment.make_token("europe-1").token, credential)
    network.enrolment.check("europe-1", OTHER)
    with pytest.raises(Forbidden):
        network.enrolment.check("europe-1", ONE)


def test_what_could_be_guessed_or_is_no_edges_name_is_refused(network: Network) -> None:
    made = network.enrolment.make_token("europe-1")
    for credential in ("short", "c" * 300):
        with pytest.raises(Invalid):
            network.enrolment.enrol("europe-1", made.token, credential)
    for edge_id in ("", "europe 1", "e" * 65):
        with pytest.raises(Invalid):
            network.enrolment.make_token(edge_id)


def test_a_revoked_edge_is_refused_at_once_here_and_within_seconds_elsewhere_and_told_of(
    network: Network, make: Callable[[], Network], clock: ManualClock
) -> None:
    other_copy = make()
    network.enrolment.enrol("europe-1", network.enrolment.make_token("europe-1").token, ONE)
    pending = network.enrolment.make_token("europe-1").token
    other_copy.enrolment.check("europe-1", ONE)
    network.enrolment.revoke("europe-1", "an operator")
    with pytest.raises(Forbidden):
        network.enrolment.check("europe-1", ONE)
    with pytest.raises(Forbidden):
        network.enrolment.enrol("europe-1", pending, OTHER)
    clock.advance(2)
    with pytest.raises(Forbidden):
        other_copy.enrolment.check("europe-1", ONE)
    (told,) = other_copy.revocations.after(0)
    assert told.subject == "edge:europe-1"
    assert told.expires > (clock.now() + timedelta(seconds=3600)).timestamp()
    with pytest.raises(NotFound):
        network.enrolment.revoke("europe-1")


def test_an_edge_that_joins_anew_is_revoked_no_longer_and_others_hear_so(network: Network, clock: ManualClock) -> None:
    network.enrolment.enrol("europe-1", network.enrolment.make_token("europe-1").token, ONE)
    network.enrolment.revoke("europe-1")
    network.enrolment.enrol("europe-1", network.enrolment.make_token("europe-1").token, OTHER)
    clock.advance(1)
    assert network.revocations.after(0) == (Revocation(2, "edge:europe-1", 0.0),)
    assert network.revocations.after(2) == ()


def test_only_hashes_are_kept_and_every_act_is_noted(network: Network, database: sa.Engine) -> None:
    made = network.enrolment.make_token("europe-1", "an operator")
    network.enrolment.enrol("europe-1", made.token, ONE)
    network.enrolment.revoke("europe-1", "an operator")
    assert made.token not in repr(made)
    with database.connect() as connection:
        for table in ("delivery_join_tokens", "delivery_credentials", "delivery_audit"):
            kept = json.dumps([list(map(str, row)) for row in connection.execute(sa.text(f"SELECT * FROM {table}"))])
            assert made.token not in kept
            assert ONE not in kept
    acts = [(act.member_id, act.act, act.subject) for act in network.audit.acts()]
    assert acts == [
        ("an operator", "revoke-edge", "europe-1"),
        ("edge:europe-1", "enrolled", "europe-1"),
        ("an operator", "join-token", "europe-1"),
    ]
    assert [act.act for act in network.audit.acts(before=network.audit.acts()[0].sequence, limit=1)] == ["enrolled"]
