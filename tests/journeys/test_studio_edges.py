"""The studio's pages of edges over HTTP: orders, joining, purges, keys, who did what; and edges that mean harm."""

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from matinee.catalogue.titles import TitleDraft
from matinee.delivery.planner import Chosen, Group, Offer
from matinee.model.errors import Forbidden
from matinee.model.plans import EdgeReport, HoldingsUpdate
from playing import presentation
from running_demo import until
from studio_pages import MEMBER, OPERATOR, PASSWORD, Studio, database_of_two, opened, words

REPORT = EdgeReport(
    edge_id="berlin-1",
    site="berlin",
    region="europe",
    url="https://berlin-1.example.net",
    latitude=52.5,
    longitude=13.4,
    capacity_bps=1_000_000_000,
    started=1_000_000.0,
    egress_bps=250_000_000.0,
    connections=12,
    cached_bytes=50,
    cache_limit_bytes=100,
    files=5,
    demand_hit_bytes=200,
    origin_bytes=100,
    requests=40,
    refused=1,
    placed_hit_bytes=500,
    peer_bytes=150,
    parent_bytes=50,
)
HOSTILE = "</script></code>'\"><img src=x onerror=alert(1)>{{7*7}}\u202e"
PAGES = (
    "",
    "/edges",
    "/edges?part=1",
    "/edges/berlin-1",
    "/edges/berlin-1?part=1",
    "/join",
    "/pins",
    "/purges",
    "/keys",
    "/audit",
)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return database_of_two(tmp_path_factory.mktemp("studio"))


@pytest.fixture
def studio(two: bytes, tmp_path: Path) -> Iterator[Studio]:
    with opened(two, tmp_path) as found:
        yield found


def test_without_an_edge_the_pages_say_what_to_do_first(studio: Studio) -> None:
    assert "No edge has reported yet, so nobody can play. First: have a join token made" in words(studio.page("/edges"))
    assert "Nothing was purged yet." in words(studio.page("/purges"))
    assert "Nothing was done yet." in words(studio.page("/audit"))


def test_an_edge_shows_what_it_sends_and_from_where(studio: Studio) -> None:
    studio.rooms.edges.report(REPORT)
    listed = words(studio.page("/edges"))
    assert "berlin-1 edge · berlin · europe · embedded serving 12 open 250 Mbit/s of 1.0 Gbit/s" in listed
    assert "1.0 kB 70.0 %" in listed
    shown = studio.page("/edges/berlin-1")
    assert (
        'aria-label="Bytes since start: placed 50.0 %, demand 20.0 %, peer 15.0 %, parent 5.0 %, origin 10.0 %"'
        in shown
    )
    assert "It has no plan yet" in words(shown)


def test_no_word_of_an_edge_becomes_part_of_a_page(studio: Studio) -> None:
    studio.rooms.edges.report(
        replace(
            REPORT, site=HOSTILE, region=HOSTILE, tier=HOSTILE, dataplane=HOSTILE, disk=HOSTILE, keys_version=HOSTILE
        )
    )
    for path in PAGES:
        page = studio.page(path)
        assert "<img src=x" not in page, path
        assert "\u202e" not in page, path
        # Nothing closes an attribute: within the page's own tags its quotes are none.
        for tag in re.findall(r"<[a-z][^>]*>", page):
            assert "onerror" not in tag or "&#34;" in tag, tag
    assert "{{7*7}}" in words(studio.page("/edges"))


def test_a_members_browser_and_another_sites_page_are_refused(studio: Studio) -> None:
    studio.rooms.edges.report(REPORT)
    form = {"draining": "1"}
    studio.ask("POST", "/studio/edges/berlin-1/orders", 403, data=form, headers={"Sec-Fetch-Site": "cross-site"})
    studio.enter(MEMBER)
    for path in PAGES:
        studio.ask("GET", f"/studio{path}", 403)
    for path in ("/edges/berlin-1/orders", "/edges/berlin-1/revocation", "/join", "/purges", "/revocations", "/keys"):
        studio.do(path, 403, draining="1", edge_id="x", prefix="x/", playback_id="x")
    assert not studio.rooms.edges.edge("berlin-1").draining


def test_orders_are_obeyed_and_it_is_written_down_who_gave_them(studio: Studio) -> None:
    studio.rooms.edges.report(REPORT)
    assert studio.do("/edges/berlin-1/orders", draining="1").headers["location"] == "/studio/edges/berlin-1"
    assert studio.do("/edges/berlin-1/orders", down="1", back="/studio/edges").headers["location"] == "/studio/edges"
    studio.do("/edges/berlin-1/orders", egress_limit_mbps="40")
    orders = studio.rooms.edges.report(REPORT)
    assert (orders.draining, orders.down, orders.egress_limit_bps) == (True, True, 40_000_000)
    page = words(studio.page("/edges/berlin-1"))
    assert "It answers nobody." in page
    assert "It sends at most 40.0 Mbit/s." in page
    assert f"{OPERATOR} order berlin-1 down yes" in page
    studio.do("/edges/berlin-1/orders", down="0")
    studio.do("/edges/berlin-1/orders", draining="0")
    studio.do("/edges/berlin-1/orders", egress_limit_bps="0")
    orders = studio.rooms.edges.report(REPORT)
    assert (orders.draining, orders.down, orders.egress_limit_bps) == (False, False, None)


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example/studio", "/\\evil.example", "/signout"])
def test_an_order_leads_back_into_the_studio_alone(studio: Studio, back: str) -> None:
    studio.rooms.edges.report(REPORT)
    answer = studio.do("/edges/berlin-1/orders", draining="1", back=back)
    assert answer.headers["location"] == "/studio/edges/berlin-1"


def test_a_join_token_is_shown_once_and_lets_that_edge_in(studio: Studio) -> None:
    form = {"edge_id": "berlin-1", "site": "berlin", "region": "europe", "host": "berlin-1.example.net"}
    answer = studio.do("/join", 200, **form)
    assert answer.headers["cache-control"] == "no-store"
    page = unescape(answer.text)
    (token,) = re.findall(r"echo '([A-Za-z0-9_-]+=*)'", page)
    for line in (
        'MATINEE_EDGE_ID="berlin-1"',
        'MATINEE_EDGE_SITE="berlin"',
        'MATINEE_EDGE_REGION="europe"',
        'MATINEE_EDGE_URL="https://berlin-1.example.net"',
        'MATINEE_CONTROL="https://films.test"',
    ):
        assert line in page
    for path in (*PAGES[:3], "/join", "/audit"):
        assert token not in studio.page(path)
    enrolment = studio.rooms.network.enrolment
    enrolment.enrol("berlin-1", token, "c" * 40)
    enrolment.check("berlin-1", "c" * 40)
    assert "berlin-1: journalctl" in words(studio.page("/join"))
    assert "edge:berlin-1 enrolled berlin-1" in words(studio.page("/audit"))


@pytest.mark.parametrize(
    "form",
    [
        {"edge_id": "two words"},
        {"edge_id": "a/b"},
        {"edge_id": "berlin-1", "host": "x\nEND\nrm -rf /"},
        {"edge_id": "berlin-1", "site": '";reboot;"'},
    ],
)
def test_no_command_is_made_of_what_is_no_name(studio: Studio, form: dict[str, str]) -> None:
    answer = studio.do("/join", 400, **form)
    assert "is not" in words(answer.text)


def test_a_revoked_edge_is_refused_and_new_keys_come(studio: Studio) -> None:
    network = studio.rooms.network
    studio.rooms.edges.report(REPORT)
    network.enrolment.enrol("berlin-1", network.enrolment.make_token("berlin-1").token, "c" * 40)
    before = network.keys.ring()
    assert "Enrolled" in words(studio.page("/edges/berlin-1"))
    studio.do("/edges/berlin-1/revocation")
    with pytest.raises(Forbidden):
        network.enrolment.check("berlin-1", "c" * 40)
    assert len(network.keys.ring().keys) == len(before.keys) + 1
    assert "Revoked: its word is not taken any more" in words(studio.page("/edges/berlin-1"))


def test_keys_are_rotated_and_shown_without_their_secrets(studio: Studio) -> None:
    network = studio.rooms.network
    (secret,) = network.keys.ring().keys.values()
    studio.do("/keys")
    page = studio.page("/keys")
    assert re.findall(r'class="state state-(\w+)"', page) == ["published", "signing"]
    for shown in (secret, *network.keys.ring().keys.values()):
        assert shown.decode() not in page


def test_keys_are_replaced_at_once_and_that_is_noted(studio: Studio) -> None:
    before = studio.rooms.network.keys.ring()
    studio.do("/keys", at_once="1")
    (retiring,) = re.findall(rf'id="{before.signing_key_id}".*', studio.page("/keys"))
    assert "it is replaced" not in retiring
    (act,) = studio.rooms.network.audit.acts()
    assert (act.act, act.subject in studio.rooms.network.keys.ring().keys) == ("replace-keys", True)
    assert f"{OPERATOR} replace keys" in words(studio.page("/audit"))


def test_a_title_a_revision_or_a_prefix_is_purged_and_the_page_says_who_has_obeyed(studio: Studio) -> None:
    title = studio.rooms.catalogue.create(TitleDraft(name="Tide <&>", synopsis="", genres=(), maturity=0))
    studio.rooms.edges.report(REPORT)
    assert f'<option value="{title.id}">Tide &lt;&amp;&gt;</option>' in studio.page("/purges")
    studio.do("/purges", title_id=title.id)
    studio.do("/purges", prefix="other/r2/")
    heard = studio.rooms.network.purges.after(0)
    assert [purge.prefix for purge in heard] == [f"{title.id}/", "other/r2/"]
    studio.rooms.edges.report(replace(REPORT, purges_through=1))
    obeyed = rf"1 {title.id}/ [-\d]+ [:\d]+ 1 of 1"
    page = until(
        "an edge that has obeyed", lambda: found if re.search(obeyed, found := words(studio.page("/purges"))) else ""
    )
    assert re.search(r"2 other/r2/ [-\d]+ [:\d]+ 0 of 1 berlin-1", page)
    answer = studio.do("/purges", 400, prefix="../")
    assert "is not <title>/" in words(answer.text)


def test_a_title_is_pinned_and_unpinned_and_who_did_so_is_noted(studio: Studio) -> None:
    title = studio.rooms.catalogue.create(TitleDraft(name="Tide <&>", synopsis="", genres=(), maturity=0))
    studio.rooms.edges.report(REPORT)
    studio.rooms.edges.report(replace(REPORT, edge_id="tokyo-1", region="asia", url="https://tokyo-1.example.net"))
    assert "Nothing is pinned" in words(studio.page("/pins"))
    assert f'<option value="{title.id}" selected>Tide &lt;&amp;&gt;</option>' in studio.page(f"/pins?title={title.id}")
    studio.do("/pins", title_id=title.id)
    studio.do("/pins", title_id=title.id, region="asia")
    assert studio.rooms.network.plans.pins() == ((title.id, ""), (title.id, "asia"))
    assert "Tide <&> everywhere 2 Unpin Tide <&> asia 1 Unpin" in words(studio.page("/pins"))
    assert "asia, everywhere" in words(studio.page("/titles"))
    studio.do("/pins/removal", title_id=title.id)
    assert studio.rooms.network.plans.pins() == ((title.id, "asia"),)
    noted = [(act.act, act.subject, act.details["region"]) for act in studio.rooms.network.audit.acts()]
    assert noted == [("unpin", title.id, ""), ("pin", title.id, "asia"), ("pin", title.id, "")]
    assert f"{OPERATOR} unpin {title.id}" in words(studio.page("/audit"))


def test_what_cannot_be_pinned_or_unpinned_is_told_and_nothing_is_noted(studio: Studio) -> None:
    title = studio.rooms.catalogue.create(TitleDraft(name="Tide", synopsis="", genres=(), maturity=0))
    studio.do("/pins", 404, title_id="0" * 16)
    studio.do("/pins", 404, title_id=title.id, region="moon")
    studio.do("/pins/removal", 404, title_id=title.id, region="asia")
    assert studio.rooms.network.audit.acts() == ()


def test_a_playback_that_an_operator_revokes_is_noted_with_who_did_so(studio: Studio) -> None:
    rooms = studio.rooms
    rooms.edges.report(REPORT)
    title = rooms.catalogue.create(TitleDraft(name="Tide", synopsis="", genres=(), maturity=0))
    rooms.catalogue.publish(title.id, "r1", presentation())
    member = rooms.accounts.sign_in(MEMBER, PASSWORD, "a test").member
    profile = rooms.accounts.create_profile(member.id, "Maya")
    played = rooms.playbacks.start(member.id, profile, title.id, {}, rooms.topology.regions[0]).playback_id
    studio.do("/revocations", 404, playback_id="0" * 16)
    for _ in range(2):
        studio.do("/revocations", playback_id=played)
    (act,) = rooms.network.audit.acts()
    assert (act.act, act.subject) == ("revoke-playback", played)
    assert f"{OPERATOR} revoke playback {played} title id {title.id}" in words(studio.page("/audit"))


def test_the_list_is_narrowed_and_stays_so_when_it_is_renewed(studio: Studio) -> None:
    studio.rooms.edges.report(REPORT)
    studio.rooms.edges.report(replace(REPORT, edge_id="tokyo-1", region="asia", url="https://tokyo-1.example.net"))
    page = studio.page("/edges?region=asia")
    assert 'id="tokyo-1"' in page
    assert 'id="berlin-1"' not in page
    assert 'hx-get="/studio/edges?region=asia&amp;part=1"' in page


def test_the_audit_goes_back_page_by_page(studio: Studio) -> None:
    studio.rooms.edges.report(REPORT)
    for _ in range(105):
        studio.rooms.edges.order("berlin-1", draining=True)
    page = studio.page("/audit?subject=berlin-1")
    older = unescape(re.findall(r'href="([^"]+)">Older', page)[0])
    first = {int(found) for found in re.findall(r'id="act-(\d+)"', page)}
    rest = {int(found) for found in re.findall(r'id="act-(\d+)"', studio.ask("GET", older).text)}
    assert len(first) == 100
    assert len(rest) == 5
    assert max(rest) < min(first)


def test_a_plan_shows_its_most_worthy_titles_first_and_what_is_missing_of_each(studio: Studio) -> None:
    network = studio.rooms.network
    titles = [
        studio.rooms.catalogue.create(TitleDraft(name=name, synopsis="", genres=(), maturity=0))
        for name in ("Ebb", "Flood")
    ]
    ebb, flood = (f"{title.id}/r1/" for title in titles)

    def plan(*counts: int) -> int:
        chosen = []
        for title, count, worth in zip(titles, counts, (2.0, 5.0), strict=True):
            files = tuple((f"{number}.m4s", 100, "") for number in range(4))
            group = Group("v", files)
            chosen.append(Chosen(Offer(title.id, "r1", (group,)), group, count, worth))
        return network.plans.put("berlin-1", sorted(chosen, key=lambda one: -one.worth))

    def shown() -> list[list[str]]:
        page = studio.page("/edges/berlin-1?part=1")
        table = page[page.index("most worthy first") :]
        rows = re.findall(r"<tr><th scope=\"row\">(.*?)</tr>", table[: table.index("</table>")], re.DOTALL)
        return [words(row).split() for row in rows]

    studio.rooms.edges.report(REPORT)
    first = plan(2, 4)
    assert shown() == [
        ["Flood", "r1", "5", "4", "400", "B", "not", "told", "yet"],
        ["Ebb", "r1", "2", "2", "200", "B", "not", "told", "yet"],
    ]
    network.holdings.hold(
        HoldingsUpdate("berlin-1", REPORT.started, 0, first, (f"{ebb}0.m4s",), (("x/r1/a.m4s", 5),), begins=True)
    )
    assert [row[-1] for row in shown()] == ["0", "1"]
    # A newer plan, of which the edge has told nothing yet: what it held under the older one still counts.
    plan(4, 4)
    assert [(row[0], row[-1]) for row in shown()] == [("Flood", "0"), ("Ebb", "3")]
    network.holdings.hold(
        HoldingsUpdate("berlin-1", REPORT.started, 1, added=((f"{ebb}0.m4s", 100),), removed=(f"{flood}1.m4s",))
    )
    assert [(row[0], row[-1]) for row in shown()] == [("Flood", "1"), ("Ebb", "2")]
