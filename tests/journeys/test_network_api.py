"""What operators order of edges, and members of their playbacks, over HTTP."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from matinee.accounts.members import Role
from matinee.adapters.clock_manual import ManualClock
from matinee.compose.database import open_database
from matinee.model.errors import Forbidden
from matinee.model.plans import Account, AccountLine
from playing import PASSWORD, Service, service
from theatre import ask

CREDENTIAL = "o" * 43


class Caller:
    """Somebody who is signed in, or (without a token) is not."""

    def __init__(self, app: FastAPI, token: str = "") -> None:
        self._app, self.token = app, token
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def ask(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return ask(self._app, method, path, body, self._headers)


@pytest.fixture
def ours(
    sqlite_template: bytes, tmp_path: Path, clock: ManualClock, random_bytes: Callable[[int], bytes]
) -> Iterator[Service]:
    path = tmp_path / "matinee.db"
    path.write_bytes(sqlite_template)
    engine = open_database(f"sqlite:///{path}")
    wired = service(engine, clock, random_bytes)
    wired.three_edges()
    yield wired
    engine.dispose()


def signed_in(ours: Service, email: str) -> Caller:
    return Caller(ours.app, ours.accounts.sign_in(email, PASSWORD, "a test").token)


@pytest.fixture
def operator(ours: Service) -> Caller:
    ours.accounts.sign_up("operator@example.com", PASSWORD, role=Role.OPERATOR)
    return signed_in(ours, "operator@example.com")


def acts(operator: Caller) -> list[tuple[str, str]]:
    return [(act["act"], act["subject"]) for act in operator.ask("GET", "/studio/audit").json()["acts"]]


def test_an_operator_has_an_edge_join_and_takes_its_word_back(ours: Service, operator: Caller) -> None:
    made = operator.ask("POST", "/studio/edges/join-tokens", {"edge_id": "europe-1"})
    assert made.status_code == 201
    body = {"token": made.json()["token"], "credential": CREDENTIAL}
    assert Caller(ours.app).ask("POST", "/edges/europe-1/enrolment", body).status_code == 200
    ours.rooms.network.enrolment.check("europe-1", CREDENTIAL)
    before = ours.rooms.network.keys.ring()
    assert operator.ask("DELETE", "/studio/edges/europe-1/credential").status_code == 204
    with pytest.raises(Forbidden):
        ours.rooms.network.enrolment.check("europe-1", CREDENTIAL)
    # The keys that it knows are replaced.
    assert len(ours.rooms.network.keys.ring().keys) == len(before.keys) + 1
    assert operator.ask("DELETE", "/studio/edges/europe-1/credential").status_code == 404
    assert acts(operator)[-3:] == [("revoke-edge", "europe-1"), ("enrolled", "europe-1"), ("join-token", "europe-1")]


def test_keys_purges_and_orders_are_an_operators_and_noted(ours: Service, operator: Caller) -> None:
    key_id = operator.ask("POST", "/studio/keys/rotation").json()["key_id"]
    assert key_id in ours.rooms.network.keys.ring().keys
    assert operator.ask("POST", "/studio/purges", {"prefix": "a/"}).json() == {"sequence": 1, "prefix": "a/"}
    assert operator.ask("POST", "/studio/purges", {"prefix": "../"}).status_code == 400
    ordered = operator.ask("PATCH", "/studio/edges/europe-1", {"down": True})
    assert (ordered.json()["state"], ordered.json()["down"]) == ("down", True)
    other = operator.ask("POST", "/studio/keys/rotation", {"at_once": True}).json()["key_id"]
    assert other in ours.rooms.network.keys.ring().keys
    assert operator.ask("POST", "/studio/keys/rotation", {"at_once": "perhaps"}).status_code in {400, 422}
    assert acts(operator) == [
        ("replace-keys", other),
        ("order", "europe-1"),
        ("purge", "a/"),
        ("rotate-keys", key_id),
    ]


def test_pins_and_plans_and_bytes_are_read_and_written(ours: Service, operator: Caller) -> None:
    title_id = ours.title()
    assert operator.ask("POST", "/studio/pins", {"title_id": title_id, "region": "asia"}).status_code == 201
    assert operator.ask("POST", "/studio/pins", {"title_id": title_id, "region": "moon"}).status_code == 404
    assert operator.ask("POST", "/studio/pins", {"title_id": "0" * 16}).status_code == 404
    assert operator.ask("GET", "/studio/pins").json() == {"pins": [{"title_id": title_id, "region": "asia"}]}
    assert operator.ask("DELETE", f"/studio/pins/{title_id}?region=europe").status_code == 404
    assert operator.ask("DELETE", f"/studio/pins/{title_id}").status_code == 204
    ours.rooms.network.plans.put("europe-1", [])
    (plan,) = operator.ask("GET", "/studio/plans").json()["plans"]
    assert (plan["edge_id"], plan["generation"], plan["files"]) == ("europe-1", 1, 0)
    ours.rooms.accounting.count(Account("europe-1", 1.0, 0, (AccountLine("edge:x", "placed", 7),)))
    (told,) = operator.ask("GET", "/studio/delivery").json()["sums"]
    assert (told["edge_id"], told["origin"], told["miss"], told["size_bytes"]) == ("europe-1", "placed", "between", 7)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/studio/edges/join-tokens", {"edge_id": "europe-1"}),
        ("DELETE", "/studio/edges/europe-1/credential", None),
        ("POST", "/studio/keys/rotation", None),
        ("POST", "/studio/purges", {"prefix": "a/"}),
        ("GET", "/studio/pins", None),
        ("POST", "/studio/pins", {"title_id": "a"}),
        ("DELETE", "/studio/pins/a", None),
        ("GET", "/studio/plans", None),
        ("GET", "/studio/delivery", None),
        ("GET", "/studio/audit", None),
    ],
)
def test_none_of_it_is_for_members_or_strangers(ours: Service, method: str, path: str, body: Any) -> None:
    ours.member()
    assert signed_in(ours, "ada@example.com").ask(method, path, body).status_code == 403
    assert Caller(ours.app).ask(method, path, body).status_code == 401
    assert ours.rooms.network.audit.acts() == ()


def test_a_member_ends_a_playback_of_their_own_and_an_operator_anybodys(ours: Service, operator: Caller) -> None:
    member, profile = ours.member()
    ours.member("bo@example.com")
    title_id = ours.title()
    one, other = (ours.play(title_id, member, profile).playback_id for _ in range(2))
    ada, bo = signed_in(ours, "ada@example.com"), signed_in(ours, "bo@example.com")
    assert bo.ask("DELETE", f"/playbacks/{one}").status_code == 404
    assert Caller(ours.app).ask("DELETE", f"/playbacks/{one}").status_code == 401
    for _ in range(2):
        assert ada.ask("DELETE", f"/playbacks/{one}").status_code == 204
    assert operator.ask("DELETE", f"/playbacks/{other}").status_code == 204
    assert ada.ask("POST", f"/playbacks/{one}/renewal").status_code == 403
    # Whoever did it is noted, once.
    boss = ours.accounts.presence(operator.token).member.id
    noted = [(act.member_id, act.act, act.subject, act.details) for act in ours.rooms.network.audit.acts()]
    assert noted == [
        (who, "revoke-playback", which, {"title_id": title_id}) for who, which in ((boss, other), (member.id, one))
    ]
    told = ours.rooms.network.revocations.after(0)
    assert [(revocation.sequence, revocation.subject) for revocation in told] == [(1, one), (2, other)]
    # Until the tokens would have ended by themselves, and no longer.
    assert {revocation.expires for revocation in told} == {ours.clock.now().timestamp() + 3600}
    ours.clock.advance(3601)
    assert ours.rooms.network.revocations.after(0) == ()


def test_signing_out_everywhere_ends_every_session_and_what_plays_on_them(ours: Service, operator: Caller) -> None:
    member, profile = ours.member()
    bo, theirs = ours.member("bo@example.com")
    title_id = ours.title()
    here, there = signed_in(ours, "ada@example.com"), signed_in(ours, "ada@example.com")
    long_ago = ours.play(title_id, member, profile).playback_id
    ours.clock.advance(3601)
    ours.three_edges()
    one, two = (ours.play(title_id, member, profile).playback_id for _ in range(2))
    other = ours.play(title_id, bo, theirs).playback_id
    assert Caller(ours.app).ask("DELETE", "/sessions").status_code == 401
    assert here.ask("DELETE", "/sessions").status_code == 204
    for caller in (here, there):
        assert caller.ask("GET", "/sessions").status_code == 401
    # Tokens that have ended by themselves need no revocation, and nobody else is signed out or stopped.
    assert {revocation.subject for revocation in ours.rooms.network.revocations.after(0)} == {one, two}
    assert operator.ask("GET", "/sessions").status_code == 200
    again = signed_in(ours, "ada@example.com")
    assert again.ask("POST", f"/playbacks/{one}/renewal").status_code == 403
    assert again.ask("POST", f"/playbacks/{long_ago}/renewal").status_code == 200
    assert signed_in(ours, "bo@example.com").ask("POST", f"/playbacks/{other}/renewal").status_code == 200
    noted = [(act.member_id, act.act, act.subject, act.details) for act in ours.rooms.network.audit.acts()]
    assert noted == [(member.id, "revoke-playbacks", member.id, {"playbacks": 2})]


def test_a_device_that_is_signed_out_plays_no_longer_and_the_others_do(ours: Service, clock: ManualClock) -> None:
    title_id = ours.title()
    member, profile = ours.member()
    here, television = (signed_in(ours, member.email) for _ in range(2))

    def press(who: Caller) -> str:
        body = {"title_id": title_id, "profile_id": profile.id, "device": "a test"}
        playback_id: str = who.ask("POST", "/playbacks", body).json()["playback_id"]
        return playback_id

    on_television, mine = press(television), press(here)
    listed = here.ask("GET", "/sessions").json()["sessions"]
    (other,) = (session["id"] for session in listed if not session["current"])
    assert here.ask("DELETE", f"/sessions/{other}").status_code == 204
    told = {word.subject for word in ours.rooms.network.revocations.after(0)}
    assert told == {on_television}
    assert here.ask("POST", f"/playbacks/{mine}/renewal").status_code == 200
    assert here.ask("POST", f"/playbacks/{on_television}/renewal").status_code == 403
    assert here.ask("DELETE", "/sessions/current").status_code == 204
    clock.advance(3)
    assert {word.subject for word in ours.rooms.network.revocations.after(0)} == {on_television, mine}
