import random
import secrets

from hypothesis import given
from hypothesis import strategies as st

from matinee.model.ids import is_id, new_id


@given(seed=st.integers())
def test_an_identifier_is_sixteen_letters_that_are_safe_anywhere(seed: int) -> None:
    made = new_id(random.Random(seed).randbytes)
    assert is_id(made)
    assert len(made) == 16
    assert set(made) <= set("0123456789abcdefghjkmnpqrstvwxyz")


@given(raw=st.binary(min_size=10, max_size=10), other=st.binary(min_size=10, max_size=10))
def test_other_random_bytes_give_another_identifier(raw: bytes, other: bytes) -> None:
    assert (new_id(lambda _: raw) == new_id(lambda _: other)) == (raw == other)


def test_ten_thousand_identifiers_are_different() -> None:
    assert len({new_id(secrets.token_bytes) for _ in range(10_000)}) == 10_000


@given(text=st.text(max_size=20))
def test_only_sixteen_letters_of_the_alphabet_are_an_identifier(text: str) -> None:
    assert is_id(text) == (len(text) == 16 and set(text) <= set("0123456789abcdefghjkmnpqrstvwxyz"))
    assert not is_id(text + "/")
    assert not is_id("O" * 16)
