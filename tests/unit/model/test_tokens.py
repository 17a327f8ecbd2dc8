import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.model.errors import Invalid
from matinee.model.tokens import Token, TokenFault, check, edge_credential, parse_keys, sign

KEY = b"a key of thirty-two bytes or more"
KEYS = {"k1": KEY, "k2": KEY[::-1]}
NOW = 1_800_000_000
TOKEN = Token("k1", NOW + 60, "a-playback", "title/revision/")
FILE = "title/revision/v720/00001.m4s"


def test_a_token_opens_its_folder_until_it_expires() -> None:
    text = sign(TOKEN, KEY)
    assert check(text, FILE, NOW, KEYS) == TOKEN
    assert check(text, FILE, NOW + 59.9, KEYS) == TOKEN
    assert check(text, FILE, NOW + 60, KEYS) is TokenFault.EXPIRED


def test_each_fault_has_its_name() -> None:
    text = sign(TOKEN, KEY)
    assert check("", FILE, NOW, KEYS) is TokenFault.MISSING
    assert check(text, "title/other/a.m4s", NOW, KEYS) is TokenFault.FOREIGN
    assert check(text, FILE, NOW, {"k2": KEY}) is TokenFault.UNKNOWN_KEY
    assert check(sign(TOKEN, KEYS["k2"]), FILE, NOW, KEYS) is TokenFault.FORGED
    assert check(text[:-1], FILE, NOW, KEYS) in {TokenFault.MALFORMED, TokenFault.FORGED}
    assert check(text + "=", FILE, NOW, KEYS) is TokenFault.MALFORMED


def test_a_key_that_is_rotated_out_closes_its_tokens_alone() -> None:
    old, new = sign(TOKEN, KEY), sign(Token("k2", NOW + 60, "p", TOKEN.prefix), KEYS["k2"])
    assert isinstance(check(old, FILE, NOW, KEYS), Token)
    assert isinstance(check(new, FILE, NOW, KEYS), Token)
    assert check(old, FILE, NOW, {"k2": KEYS["k2"]}) is TokenFault.UNKNOWN_KEY
    assert isinstance(check(new, FILE, NOW, {"k2": KEYS["k2"]}), Token)


@given(st.data())
def test_no_other_spelling_of_a_token_opens_anything(data: st.DataObject) -> None:
    text = sign(TOKEN, KEY)
    place = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.characters(codec="utf-8").filter(lambda letter: letter != text[place]))
    assert isinstance(check(text[:place] + letter + text[place + 1 :], FILE, NOW, KEYS), TokenFault)


@given(st.text(max_size=600))
def test_no_text_breaks_the_check(text: str) -> None:
    assert isinstance(check(text, FILE, NOW, KEYS), TokenFault)


def test_keys_are_read_in_order() -> None:
    assert parse_keys("k2:a:b, k1:c,") == {"k2": b"a:b", "k1": b"c"}
    assert next(iter(parse_keys("k2:a,k1:b"))) == "k2"
    assert parse_keys("") == {}


@pytest.mark.parametrize("text", ["secretofmine", ":secretofmine", "k1:", "k1:secretofmine,k1:b", "k\n1:secretofmine"])
def test_a_bad_key_is_named_by_its_place_and_not_shown(text: str) -> None:
    with pytest.raises(Invalid) as raised:
        parse_keys(text)
    assert "secretofmine" not in str(raised.value)


def test_every_edge_has_a_credential_of_its_own() -> None:
    assert edge_credential(b"s", "europe-1") == edge_credential(b"s", "europe-1")
    assert len({edge_credential(b"s", "a"), edge_credential(b"s", "b"), edge_credential(b"t", "a")}) == 3
