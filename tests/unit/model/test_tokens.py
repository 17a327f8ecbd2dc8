import string
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.model.errors import Invalid
from matinee.model.tokens import Token, TokenFault, check, parse_keys, sign

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
NOW = 1_800_000_000.0
TOKEN = Token(key_id="one", expires=int(NOW) + 3600, playback_id="0123456789abcdef", prefix="tides/r1/")
PATH = "tides/r1/v720/3.m4s"
KEYS = {"one": KEY, "two": OTHER_KEY}
BASE64URL = string.ascii_letters + string.digits + "-_"

fields = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), min_size=1, max_size=40)
tokens = st.builds(
    Token,
    key_id=fields,
    expires=st.integers(min_value=int(NOW) + 1, max_value=2**40),
    playback_id=fields,
    prefix=fields.map(lambda text: text + "/"),
)


def decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


@given(token=tokens, key=st.binary(min_size=32, max_size=64), file=fields)
def test_a_token_opens_every_path_under_its_prefix_and_says_what_was_signed(
    token: Token, key: bytes, file: str
) -> None:
    text = sign(token, key)
    if len(text) <= 512:
        assert check(text, token.prefix + file, NOW, {token.key_id: key}) == token


@given(token=tokens)
def test_a_token_is_one_segment_of_the_base64url_alphabet(token: Token) -> None:
    text = sign(token, KEY)
    assert set(text) <= set(BASE64URL)


def test_a_longer_token_than_any_of_ours_is_not_even_decoded() -> None:
    text = sign(replace(TOKEN, prefix="t" * 600 + "/"), KEY)
    assert check(text, "t" * 600 + "/file", NOW, KEYS) is TokenFault.MALFORMED


def test_no_bit_of_a_token_can_be_flipped() -> None:
    raw = decoded(sign(TOKEN, KEY))
    for place, bit in product(range(len(raw)), range(8)):
        flipped = bytearray(raw)
        flipped[place] ^= 1 << bit
        assert isinstance(check(encoded(bytes(flipped)), PATH, NOW, KEYS), TokenFault), (place, bit)


def test_no_letter_of_a_token_can_be_replaced_left_out_or_added() -> None:
    text = sign(TOKEN, KEY)
    for place, letter in product(range(len(text)), BASE64URL + "=.~%/ +\0é"):
        for changed in (text[:place] + letter + text[place + 1 :], text[:place] + letter + text[place:]):
            if changed != text:
                assert isinstance(check(changed, PATH, NOW, KEYS), TokenFault), (place, letter)
    for place in range(len(text)):
        assert isinstance(check(text[:place], PATH, NOW, KEYS), TokenFault)
        assert isinstance(check(text[:place] + text[place + 1 :], PATH, NOW, KEYS), TokenFault)


def test_only_the_canonical_spelling_is_accepted() -> None:
    # Of the last letter's six bits the decoder ignores those past the last byte: others decode to the same bytes.
    for length in range(12):
        text = sign(replace(TOKEN, playback_id="p" * length), KEY)
        spellings = {text[:-1] + letter for letter in BASE64URL if decoded(text[:-1] + letter) == decoded(text)}
        assert text in spellings
        accepted = {spelling for spelling in spellings if not isinstance(check(spelling, PATH, NOW, KEYS), TokenFault)}
        assert accepted == {text}
    padded = sign(TOKEN, KEY)
    assert check(padded + "=" * (-len(padded) % 4 or 4), PATH, NOW, KEYS) is TokenFault.MALFORMED


@pytest.mark.parametrize("change", [{"prefix": "other/r1/"}, {"expires": 2**40}, {"playback_id": "someone else"}])
def test_a_body_that_was_changed_is_forged(change: dict[str, str | int]) -> None:
    mac = decoded(sign(TOKEN, KEY))[-32:]
    body = decoded(sign(replace(TOKEN, **change), KEY))[:-32]  # type: ignore[arg-type]
    assert check(encoded(body + mac), PATH, NOW, KEYS) is TokenFault.FORGED


def test_another_keys_signature_is_forged() -> None:
    assert check(sign(TOKEN, OTHER_KEY), PATH, NOW, KEYS) is TokenFault.FORGED
    assert isinstance(check(sign(replace(TOKEN, key_id="two"), OTHER_KEY), PATH, NOW, KEYS), Token)


def test_a_key_that_was_retired_is_unknown() -> None:
    assert check(sign(TOKEN, KEY), PATH, NOW, {"two": OTHER_KEY}) is TokenFault.UNKNOWN_KEY
    assert check(sign(TOKEN, KEY), PATH, NOW, {}) is TokenFault.UNKNOWN_KEY


def test_a_token_opens_until_its_expiry_and_no_longer() -> None:
    text = sign(TOKEN, KEY)
    assert isinstance(check(text, PATH, TOKEN.expires - 0.001, KEYS), Token)
    assert check(text, PATH, TOKEN.expires, KEYS) is TokenFault.EXPIRED
    assert check(text, PATH, TOKEN.expires + 1e9, KEYS) is TokenFault.EXPIRED


@pytest.mark.parametrize(
    "path",
    ["", "tides", "tides/r1", "tides/r10/v.m4s", "tides/r2/v.m4s", "Tides/r1/v.m4s", "/tides/r1/v.m4s", "x/tides/r1/"],
)
def test_a_path_outside_the_prefix_is_foreign(path: str) -> None:
    assert check(sign(TOKEN, KEY), path, NOW, KEYS) is TokenFault.FOREIGN


def test_no_token_is_missing() -> None:
    assert check("", PATH, NOW, KEYS) is TokenFault.MISSING


@given(text=st.one_of(st.text(max_size=600), st.text(BASE64URL, max_size=600), st.binary(max_size=300).map(encoded)))
def test_what_nobody_signed_is_refused_and_breaks_nothing(text: str) -> None:
    assert isinstance(check(text, PATH, NOW, KEYS), TokenFault)


@given(lines=st.lists(st.binary(max_size=12), max_size=8))
def test_a_body_of_another_shape_is_refused_even_if_it_is_signed_by_nobody(lines: list[bytes]) -> None:
    raw = b"\n".join([b"1", b"one", *lines]) + b"\n" + b"\0" * 32
    assert isinstance(check(encoded(raw), PATH, NOW, KEYS), TokenFault)


@pytest.mark.parametrize(
    "token", [replace(TOKEN, playback_id="a\nb"), replace(TOKEN, key_id="a\nb"), replace(TOKEN, prefix="tides/r1")]
)
def test_what_could_be_read_in_two_ways_is_not_signed(token: Token) -> None:
    with pytest.raises(ValueError, match="no line feed"):
        sign(token, KEY)


def test_keys_are_read_in_order_and_the_first_one_signs() -> None:
    assert list(parse_keys(" two:b:c , one:a,, ").items()) == [("two", b"b:c"), ("one", b"a")]
    assert parse_keys("") == {}


@pytest.mark.parametrize("text", ["one", "one:", ":secret", "one:secret,one:secret", "o\ne:secret", "é:secret"])
def test_a_key_that_cannot_be_read_is_invalid_and_its_secret_is_not_told(text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_keys(text)
    assert "secret" not in str(refusal.value).lower().replace("kid:secret", "")
