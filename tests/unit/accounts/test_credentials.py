import random
import re

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from matinee.accounts.credentials import (
    check_new_password,
    check_new_pin,
    digest,
    hashed,
    matches,
    new_token,
    normal_email,
    outdated,
)
from matinee.model.errors import Invalid

RANDOM = random.Random(7).randbytes


def test_one_address_has_one_spelling() -> None:
    assert normal_email(" Maya.Lind@Example.COM\n") == "maya.lind@example.com"
    assert normal_email("ame\u0301lie@example.com") == normal_email("AM\u00c9LIE@example.com")


@pytest.mark.parametrize(
    "text", ["a@b", "maya+films@example.co.uk", "o'brien@example.com", "маша@пример.рф", "a@[::1]"]
)
def test_what_can_be_an_address_is_one(text: str) -> None:
    assert normal_email(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "maya",
            "@example.com",
            "maya@",
            "a@b@c",
            "a b@c.de",
            "a@b..c",
            "a@.b",
            "a@b.",
            "a\x00@b.c",
            "a\ud800@b.c",
        ),
        "a" * 65 + "@b.c",
        "a@" + "b" * 255,
    ],
)
def test_what_cannot_be_an_address_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="not an e-mail address"):
        normal_email(text)


@given(st.emails())
def test_normal_addresses_stay_as_they_are(text: str) -> None:
    assert normal_email(normal_email(text)) == normal_email(text)


def test_passwords_are_neither_short_nor_endless() -> None:
    check_new_password("a" * 8)
    check_new_password("ä" * 1000)
    for password in ("", "a" * 7, "a" * 1001):
        with pytest.raises(Invalid, match=r"8 characters|1000 characters"):
            check_new_password(password)


def test_a_pin_is_four_to_eight_plain_digits() -> None:
    for pin in ("0000", "12345678"):
        check_new_pin(pin)
    for pin in ("", "123", "123456789", "12a4", "\N{FULLWIDTH DIGIT ONE}234", "1234\n"):
        with pytest.raises(Invalid, match="four to eight digits"):
            check_new_pin(pin)


def test_only_the_secret_itself_matches_what_is_kept() -> None:
    kept = hashed("caf\u00e9 noir", RANDOM)
    assert "caf" not in kept
    assert matches("caf\u00e9 noir", kept)
    assert matches("cafe\u0301 noir", kept)  # another keyboard's spelling
    for wrong in ("", "cafe noir", "caf\u00e9 noir ", "\ud800", "x" * 100_000):
        assert not matches(wrong, kept)


def test_the_same_secret_is_kept_differently_each_time() -> None:
    assert hashed("1234", RANDOM) != hashed("1234", RANDOM)


def test_a_hash_of_weaker_parameters_still_matches_and_is_known_for_one() -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash("password")
    assert matches("password", weak)
    assert outdated(weak)
    assert not outdated(hashed("password", RANDOM))


def test_what_is_no_hash_matches_nothing() -> None:
    assert not matches("", "")
    assert not matches("password", "password")


def test_tokens_are_32_random_bytes_in_letters_safe_for_a_header_and_a_cookie() -> None:
    tokens = {new_token(RANDOM) for _ in range(100)}
    assert len(tokens) == 100
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", token) for token in tokens)


def test_any_text_has_a_digest() -> None:
    assert digest("x") != digest("y")
    assert re.fullmatch(r"[0-9a-f]{64}", digest("\ud800\x00"))
