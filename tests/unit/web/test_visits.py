"""Where forms may lead, and what a page may fetch."""

from urllib.parse import urljoin, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from matinee.web.visits import leading, local, policy

HERE = "https://films.example/titles/t1"


@given(st.text())
def test_an_address_to_come_back_to_never_leads_to_another_site(text: str) -> None:
    assert urlsplit(urljoin(HERE, local(text))).netloc == "films.example"


def test_tricks_to_leave_the_site_end_at_home() -> None:
    for trick in (
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "/a\r\nSet-Cookie: x=y",
        "",
        None,
    ):
        assert local(trick) == "/"


def test_an_address_of_this_site_is_kept_with_its_query() -> None:
    assert local("/watch/t1?start=0&buffer=8") == "/watch/t1?start=0&buffer=8"


def test_the_way_back_survives_being_carried_in_a_query() -> None:
    assert leading("/signin", "/search?q=a&b") == "/signin?next=%2Fsearch%3Fq%3Da%26b"
    assert leading("/signin", "/") == "/signin"


def test_only_the_watch_page_may_fetch_from_edges() -> None:
    directives = dict(part.split(" ", 1) for part in policy(["http://127.0.1.1:8400"]).split("; "))
    assert directives["connect-src"] == directives["img-src"].replace(" data:", "") == "'self' http://127.0.1.1:8400"
    assert directives["default-src"] == "'none'"
    assert "http" not in policy()


def test_no_page_runs_scripts_that_stand_in_its_html() -> None:
    directives = dict(part.split(" ", 1) for part in policy().split("; "))
    assert directives["script-src"] == "'self'"
