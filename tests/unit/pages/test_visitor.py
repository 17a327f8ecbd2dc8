from datetime import timedelta

import pytest

from matinee.pages.visitor import (
    SESSION_COOKIE,
    bearer_token,
    ended_cookie,
    same_origin,
    session_cookie,
    token_from,
)

LASTS = timedelta(days=30)


@pytest.mark.parametrize(
    ("authorization", "token"),
    [("Bearer abc", "abc"), ("bearer  abc ", "abc"), ("Bearer", None), ("Basic abc", None), ("", None)],
)
def test_only_a_bearer_token_is_one(authorization: str, token: str | None) -> None:
    assert bearer_token({"authorization": authorization}) == token


def test_a_bearer_token_goes_before_a_cookie() -> None:
    assert token_from({"authorization": "Bearer abc"}, {SESSION_COOKIE: "xyz"}) == "abc"
    assert token_from({}, {SESSION_COOKIE: "xyz"}) == "xyz"
    assert token_from({}, {"another": "xyz"}) is None


@pytest.mark.parametrize(
    ("headers", "believed"),
    [
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "cross-site", "origin": "http://films.test", "host": "films.test"}, False),
        ({"origin": "http://films.test:8400", "host": "films.test:8400"}, True),
        ({"origin": "https://FILMS.test", "host": "films.test"}, True),
        ({"origin": "http://films.test", "host": "films.test:8400"}, False),
        ({"origin": "http://films.test.evil.test", "host": "films.test"}, False),
        ({"origin": "http://evil.test/films.test", "host": "films.test"}, False),
        ({"origin": "http://[films.test", "host": "films.test"}, False),
        ({"origin": "null", "host": "films.test"}, False),
        ({"origin": "", "host": ""}, False),
        ({"host": "films.test"}, False),
        ({}, False),
    ],
)
def test_a_cookie_counts_only_where_our_own_page_asked(headers: dict[str, str], believed: bool) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE", "post"):
        assert same_origin(method, headers) is believed
    for method in ("GET", "HEAD", "OPTIONS", "get"):
        assert same_origin(method, headers)


def test_the_cookie_is_out_of_reach_of_scripts_other_sites_and_plain_http() -> None:
    cookie = session_cookie("abc", LASTS, https=True)
    assert (cookie["httponly"], cookie["samesite"], cookie["secure"], cookie["path"]) == (True, "lax", True, "/")
    assert cookie["max_age"] == 30 * 86_400
    assert session_cookie("abc", LASTS, https=False)["secure"] is False
    assert ended_cookie(https=True)["key"] == cookie["key"] == SESSION_COOKIE
