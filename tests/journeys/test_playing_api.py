"""Playing over HTTP: what players, pages, edges and strangers get for an answer."""

import asyncio
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from matinee.accounts.members import Profile
from matinee.adapters.clock_manual import ManualClock
from matinee.adapters.events_database import DatabaseEventLog
from matinee.api import events, problems
from matinee.compose.database import open_database
from matinee.model.errors import Unavailable
from matinee.model.events import Event
from playing import PASSWORD, Service, report, service


class Client:
    """Somebody in 192.0.2.0/24 with headers and cookies of their own, who speaks ASGI with the application."""

    def __init__(self, app: FastAPI, headers: dict[str, str] | None = None) -> None:
        transport = httpx.ASGITransport(app=app, client=("192.0.2.7", 1))
        self._client = httpx.AsyncClient(transport=transport, base_url="http://matinee.test", headers=headers)
        self.cookies = self._client.cookies

    def get(self, path: str, **options: Any) -> httpx.Response:
        return asyncio.run(self._client.get(path, **options))

    def options(self, path: str, **options: Any) -> httpx.Response:
        return asyncio.run(self._client.options(path, **options))

    def post(self, path: str, **options: Any) -> httpx.Response:
        return asyncio.run(self._client.post(path, **options))


@pytest.fixture
def ours(
    sqlite_template: bytes, tmp_path: Path, clock: ManualClock, random_bytes: Callable[[int], bytes]
) -> Iterator[Service]:
    path = tmp_path / "matinee.db"
    path.write_bytes(sqlite_template)
    engine = open_database(f"sqlite:///{path}")
    wired = service(engine, clock, random_bytes, networks="192.0.2.0/24=america")
    wired.three_edges()
    yield wired
    engine.dispose()


@pytest.fixture
def anybody(ours: Service) -> Client:
    return Client(ours.app)


@pytest.fixture
def profile(ours: Service) -> Profile:
    return ours.member()[1]


@pytest.fixture
def ada(ours: Service, anybody: Client, profile: Profile) -> Client:
    token = ours.accounts.sign_in("ada@example.com", PASSWORD, "a test").token
    return Client(ours.app, {"Authorization": f"Bearer {token}"})


def press(ada: Client, profile: Profile, title_id: str, device: Any = "a test") -> dict[str, Any]:
    body = {"profile_id": profile.id, "title_id": title_id, "device": device}
    answer = ada.post("/api/v1/playbacks", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_pressing_play_answers_with_what_is_promised(ours: Service, ada: Client, profile: Profile) -> None:
    answer = press(ada, profile, ours.title())
    assert set(answer) == {
        "playback_id",
        "hls_url",
        "dash_url",
        "steering_url",
        "edges",
        "resume_seconds",
        "expires_at",
        "spans",
    }
    assert [set(edge) for edge in answer["edges"]] == [{"id", "region", "url", "reason"}] * 3
    assert all(edge["url"].endswith("/") for edge in answer["edges"])
    assert answer["expires_at"] == "2026-01-01T01:00:00Z"
    assert answer["resume_seconds"] == 0


@pytest.mark.parametrize(
    ("device", "cookie", "region"),
    [
        ("a television", None, "america"),  # by the viewer's address
        ({"kind": "browser", "region": "asia"}, None, "asia"),
        ({"kind": "browser"}, "europe", "europe"),
        ({"region": "mars"}, "asia", "asia"),
        ({"region": ["asia"]}, None, "america"),
    ],
)
def test_a_viewer_is_served_from_their_region(
    ours: Service, ada: Client, profile: Profile, device: Any, cookie: str | None, region: str
) -> None:
    if cookie:
        ada.cookies.set("matinee_region", cookie)
    assert press(ada, profile, ours.title(), device)["edges"][0]["region"] == region


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"profile_id": 7, "title_id": "t"}, 400),
        ({"profile_id": "0123456789abcdef", "title_id": "0123456789abcdef"}, 404),
        ({"title_id": "0123456789abcdef"}, 404),
        ({"title_id": "\0"}, 404),
        ({"device": "x" * 300}, 400),
    ],
)
def test_a_press_of_play_that_is_not_right_is_a_problem_with_a_sentence(
    ada: Client, profile: Profile, body: dict[str, Any], status: int
) -> None:
    sent = {"profile_id": profile.id, **body} if body else {}
    answer = ada.post("/api/v1/playbacks", json=sent)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"].endswith(".")


def test_without_an_edge_play_is_to_be_tried_again(
    sqlite_template: bytes, tmp_path: Path, clock: ManualClock, random_bytes: Callable[[int], bytes]
) -> None:
    path = tmp_path / "matinee.db"
    path.write_bytes(sqlite_template)
    engine = open_database(f"sqlite:///{path}")
    alone = service(engine, clock, random_bytes)
    member, profile = alone.member()
    token = alone.accounts.sign_in(member.email, PASSWORD, "a test").token
    client = Client(alone.app, {"Authorization": f"Bearer {token}"})
    answer = client.post("/api/v1/playbacks", json={"profile_id": profile.id, "title_id": alone.title()})
    engine.dispose()
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json()["detail"].startswith("No edge has reported yet")


def test_a_locked_profile_presses_no_play(ours: Service, ada: Client, profile: Profile) -> None:
    locked = ours.accounts.create_profile(profile.member_id, "Locked", pin="4711")
    answer = ada.post("/api/v1/playbacks", json={"profile_id": locked.id, "title_id": ours.title()})
    assert answer.status_code == 403


def test_strangers_press_no_play_and_send_no_events(anybody: Client) -> None:
    assert anybody.post("/api/v1/playbacks", json={}).status_code == 401
    assert anybody.post("/api/v1/playbacks/0123456789abcdef/renewal").status_code == 401
    assert anybody.post("/api/v1/events", json={"events": []}).status_code == 401


def test_a_renewal_is_of_the_members_own_playback(ours: Service, ada: Client, profile: Profile) -> None:
    answer = press(ada, profile, ours.title())
    renewed = ada.post(f"/api/v1/playbacks/{answer['playback_id']}/renewal")
    assert renewed.status_code == 200
    assert renewed.json()["playback_id"] == answer["playback_id"]
    assert ada.post("/api/v1/playbacks/0123456789abcdef/renewal").status_code == 404
    ours.playbacks.revoke(answer["playback_id"])
    assert ada.post(f"/api/v1/playbacks/{answer['playback_id']}/renewal").status_code == 403


def test_manifests_are_for_any_player_on_any_page(
    ours: Service, ada: Client, anybody: Client, profile: Profile
) -> None:
    answer = press(ada, profile, ours.title())
    hls, dash = anybody.get(answer["hls_url"]), anybody.get(answer["dash_url"])
    assert hls.headers["content-type"] == "application/vnd.apple.mpegurl"
    assert dash.headers["content-type"] == "application/dash+xml"
    for manifest in (hls, dash):
        assert manifest.status_code == 200
        assert manifest.headers["access-control-allow-origin"] == "*"
        assert manifest.headers["cache-control"] == "no-store"
        assert answer["steering_url"] in manifest.text
    forged = answer["hls_url"].replace(answer["playback_id"], "0123456789abcdef")
    assert anybody.get(forged).status_code == 403
    preflight = anybody.options(answer["hls_url"], headers={"Origin": "http://elsewhere.example"})
    assert preflight.status_code == 204
    assert "CMCD-Session" in preflight.headers["access-control-allow-headers"]


def test_steering_answers_hls_and_dash_players_on_any_page(
    ours: Service, ada: Client, anybody: Client, profile: Profile
) -> None:
    answer = press(ada, profile, ours.title())
    for said in (
        {},
        {"_HLS_pathway": "asia-1", "_HLS_throughput": "5140000"},
        {"_DASH_pathway": '"america-1,asia-1"', "_DASH_throughput": "1000,"},
        {"_HLS_pathway": "x" * 1000, "_HLS_throughput": "fast"},
    ):
        steered = anybody.get(answer["steering_url"], params=said)
        assert steered.status_code == 200
        assert steered.headers["access-control-allow-origin"] == "*"
        assert steered.headers["cache-control"] == "no-store"
        manifest = steered.json()
        assert manifest["VERSION"] == 1
        assert manifest["TTL"] == 5
        assert manifest["RELOAD-URI"] == answer["steering_url"]
        first = "asia-1" if "asia-1" in str(said) else "america-1"
        assert manifest["PATHWAY-PRIORITY"][0] == first


def test_steering_of_no_playback_is_a_404_that_pages_can_read(anybody: Client) -> None:
    answer = anybody.get("/steering/0123456789abcdef")
    assert answer.status_code == 404
    assert answer.headers["access-control-allow-origin"] == "*"


def heartbeat(answer: dict[str, Any], event_id: str, **told: Any) -> dict[str, Any]:
    facts = {"playback_id": answer["playback_id"], "position_seconds": 42, "watched_seconds": 5, **told}
    return {"id": event_id, "type": "playback.heartbeat", "time": "2026-01-01T00:00:00Z", "facts": facts}


def test_accepted_events_move_the_place_where_play_goes_on(ours: Service, ada: Client, profile: Profile) -> None:
    title_id = ours.title()
    answer = press(ada, profile, title_id)
    batch = {"events": [heartbeat(answer, "a"), heartbeat(answer, "b")]}
    accepted = ada.post("/api/v1/events", json=batch)
    assert (accepted.status_code, accepted.json()) == (202, {"accepted": 2, "repeated": 0})
    assert ada.post("/api/v1/events", json=batch).json() == {"accepted": 0, "repeated": 2}
    assert press(ada, profile, title_id)["resume_seconds"] == 42
    assert [event.id for event in ours.told() if event.type == "playback.heartbeat"] == ["a", "b"]


def stop(answer: dict[str, Any], event_id: str, position_seconds: float) -> dict[str, Any]:
    facts = {"playback_id": answer["playback_id"], "position_seconds": position_seconds, "watched_seconds": 5}
    return {"id": event_id, "type": "playback.stopped", "time": "2026-01-01T00:00:00Z", "facts": facts}


def test_who_stops_and_presses_play_again_goes_on_there_before_any_worker_ran(
    ours: Service, ada: Client, profile: Profile
) -> None:
    title_id = ours.title()
    first = press(ada, profile, title_id)
    for event_id, seconds, resumed in (("a", 42.0, 42), ("b", 96.0, 0), ("c", 0.0, 0), ("d", 50.5, 50.5)):
        ada.post("/api/v1/events", json={"events": [stop(first, event_id, seconds)]})
        again = press(ada, profile, title_id)
        renewed = ada.post(f"/api/v1/playbacks/{again['playback_id']}/renewal").json()
        assert (again["resume_seconds"], renewed["resume_seconds"]) == (resumed, resumed)
    assert ours.playbacks.position(profile.id, title_id) is None


def test_what_the_log_has_dropped_is_still_known_by_its_position(ours: Service, ada: Client, profile: Profile) -> None:
    title_id = ours.title()
    ada.post("/api/v1/events", json={"events": [stop(press(ada, profile, title_id), "a", 42.0)]})
    ours.told()
    ours.apply()
    log = DatabaseEventLog(ours.engine)
    log.drop(log.end())
    # A process that begins now.
    began = service(ours.engine, ours.clock, random.Random(7).randbytes)
    client = Client(
        began.app, {"Authorization": f"Bearer {began.accounts.sign_in('ada@example.com', PASSWORD, 'a test').token}"}
    )
    assert press(client, profile, title_id)["resume_seconds"] == 42


def test_a_page_that_goes_away_sends_its_events_as_plain_text_with_its_cookie(
    ours: Service, ada: Client, anybody: Client, profile: Profile
) -> None:
    answer = press(ada, profile, ours.title())
    anybody.cookies.set("matinee_session", ours.accounts.sign_in("ada@example.com", PASSWORD, "a page").token)
    body = json.dumps({"events": [heartbeat(answer, "a")]})
    headers = {"Content-Type": "text/plain;charset=UTF-8", "Sec-Fetch-Site": "same-origin"}
    assert anybody.post("/api/v1/events", content=body, headers=headers).status_code == 202
    headers["Sec-Fetch-Site"] = "cross-site"
    assert anybody.post("/api/v1/events", content=body, headers=headers).status_code == 403


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[" * 100_000, 400),
        (b"\xff", 400),
        (b"[]", 400),
        (b'{"events": {}}', 400),
        (b'{"events": [7]}', 400),
        (b'{"events": [' + b" " * 1_000_001 + b"]}", 413),
    ],
)
def test_a_batch_that_is_none_is_a_problem(ours: Service, ada: Client, body: bytes, status: int) -> None:
    for client in (ada, routed(ours)):
        answer = client.post("/api/v1/events", content=body)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["detail"].endswith(".")


def routed(ours: Service) -> Client:
    """Ada at an application whose requests with events go through routing, as they are described."""
    app = FastAPI()
    problems.install(app)
    app.include_router(events.routes(ours.rooms), prefix="/api/v1")
    return Client(
        app, {"Authorization": f"Bearer {ours.accounts.sign_in('ada@example.com', PASSWORD, 'a test').token}"}
    )


def test_the_route_that_is_described_takes_events_as_the_one_ahead_of_it_does(
    ours: Service, ada: Client, profile: Profile
) -> None:
    played = press(ada, profile, ours.title())
    batch = {"events": [heartbeat(played, "a"), heartbeat(played, "b")]}
    first, again = routed(ours).post("/api/v1/events", json=batch), ada.post("/api/v1/events", json=batch)
    assert (first.status_code, first.json()) == (202, {"accepted": 2, "repeated": 0})
    assert (again.status_code, again.json()) == (202, {"accepted": 0, "repeated": 2})
    described = ours.app.openapi()["paths"]["/api/v1/events"]["post"]["responses"]
    assert set(described) >= {"202", "4XX"}


def test_while_the_log_is_away_events_are_to_be_sent_again(
    ours: Service, ada: Client, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = press(ada, profile, ours.title())

    def away(_events: Sequence[Event]) -> int:
        raise Unavailable("The database of the events does not answer: it is away.")

    with monkeypatch.context() as gone:
        gone.setattr(ours.telemetry._log, "append", away)
        answer = ada.post("/api/v1/events", json={"events": [heartbeat(played, "a")]})
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json()["detail"].startswith("The database of the events does not answer")
    assert ada.post("/api/v1/events", json={"events": [heartbeat(played, "a")]}).json()["accepted"] == 1


def test_cmcd_is_taken_from_any_page_in_both_content_types(
    ours: Service, ada: Client, anybody: Client, profile: Profile
) -> None:
    answer = press(ada, profile, ours.title())
    line = f'e=t,sid="{answer["playback_id"]}",sta=p,ts=1767225600000,v=2,msd=500'
    elsewhere = {"Origin": "http://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
    assert anybody.options("/api/v1/cmcd", headers=elsewhere).status_code == 204
    for kind in ("application/cmcd", "text/plain;charset=UTF-8"):
        taken = anybody.post("/api/v1/cmcd", content=line, headers={**elsewhere, "Content-Type": kind})
        assert (taken.status_code, taken.content) == (204, b"")
        assert taken.headers["access-control-allow-origin"] == "*"
    assert ours.telemetry.qoe_summary(1).overall.startup_p50_seconds == 0.5
    assert anybody.post("/api/v1/cmcd", content=b"sid\n" * 1001).status_code == 400
    assert anybody.post("/api/v1/cmcd", content=b"x" * 300_000).status_code == 413


CREDENTIAL = "a credential that one edge made for itself"


def joined(ours: Service, client: Client, edge_id: str = "europe-1", credential: str = CREDENTIAL) -> httpx.Response:
    token = ours.rooms.network.enrolment.make_token(edge_id).token
    return client.post(f"/api/v1/edges/{edge_id}/enrolment", json={"token": token, "credential": credential})


def said(client: Client, verb: str, body: Any, edge_id: str = "europe-1", shown: str = CREDENTIAL) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body)
    headers = {b"Authorization": f"Bearer {shown}".encode()}
    return client.post(f"/api/v1/edges/{edge_id}/{verb}", content=content, headers=headers)


def test_an_edge_that_joined_reports_and_hears_its_orders(ours: Service, anybody: Client) -> None:
    assert joined(ours, anybody).json() == {}
    answer = said(anybody, "report", asdict(report(egress_bps=7.0)))
    assert answer.status_code == 200
    orders = answer.json()
    assert (orders["draining"], orders["down"], orders["egress_limit_bps"]) == (False, False, None)
    assert (
        orders["keys_version"]
        == anybody.get("/api/v1/edges/europe-1/keys", headers={"Authorization": f"Bearer {CREDENTIAL}"}).json()[
            "version"
        ]
    )
    ours.edges.order("europe-1", draining=True, egress_limit_bps=5_000_000)
    orders = said(anybody, "report", asdict(report())).json()
    assert (orders["draining"], orders["egress_limit_bps"]) == (True, 5_000_000)


@pytest.mark.parametrize("shown", ["", "forged", "é", "another credential that an edge made for itself"])
@pytest.mark.parametrize("verb", ["report", "holdings", "accounts", "keys", "plan/1"])
def test_nobody_speaks_for_an_edge_without_its_credential(
    ours: Service, anybody: Client, shown: str, verb: str
) -> None:
    joined(ours, anybody)
    joined(ours, anybody, "asia-1", "another credential that an edge made for itself")
    address, headers = f"/api/v1/edges/europe-1/{verb}", {b"Authorization": f"Bearer {shown}".encode()}
    if verb in {"keys", "plan/1"}:
        assert anybody.get(address, headers=headers).status_code == 403
        assert anybody.get(address).status_code == 403
    else:
        assert anybody.post(address, json=asdict(report()), headers=headers).status_code == 403
        assert anybody.post(address, json=asdict(report())).status_code == 403


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"connections": "3"}, 400),
        ({"connections": 1.5}, 400),
        ({"capacity_bps": None}, 400),
        ({"latitude": 95}, 400),
        ({"edge_id": "asia-1"}, 403),
        ({"url": "javascript:alert(1)"}, 400),
        ({"url": "http://127.0.3.1"}, 409),
        ({"egress_bps": 5, "a_name_of_tomorrow": 1}, 200),
    ],
)
def test_a_report_is_checked_field_by_field(
    ours: Service, anybody: Client, changes: dict[str, Any], status: int
) -> None:
    joined(ours, anybody)
    assert said(anybody, "report", {**asdict(report()), **changes}).status_code == status


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b'{"edge_id": NaN}', b"[" * 100_000])
@pytest.mark.parametrize("verb", ["report", "holdings", "accounts", "enrolment"])
def test_what_is_no_word_is_a_problem_that_names_the_edge(
    ours: Service, anybody: Client, verb: str, body: bytes
) -> None:
    joined(ours, anybody)
    answer = said(anybody, verb, body)
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("What edge 'europe-1' sent is no ")


def test_an_edge_that_sends_too_much_at_once_is_not_read(ours: Service, anybody: Client) -> None:
    joined(ours, anybody)
    assert said(anybody, "holdings", b"x" * 2_000_000).status_code == 413
