import json
import stat
from pathlib import Path

import m3u8
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matinee.model.errors import Invalid
from matinee.packaging.protection import (
    ContentKey,
    Protection,
    Scheme,
    key_set,
    name_keys,
    protecting_words,
    read_key_set,
)

# EME §9.1.4's own example of a licence, with the kid of its request.
_LICENCE = (
    '{"keys": [{"kty": "oct", "k": "tQ0bJVWb6b0KPL6KtZIy_A", "kid": "LwVHf8JLtPrv2GUXFW2v_A"}], "type": "temporary"}'
)
_KEY = ContentKey("abba271e8bcf552bbd2e86a434a9a5d9", "69eaa802a6763af979e8d1940fb88392")


def test_a_licence_of_the_specification_is_a_key_file() -> None:
    read = read_key_set(_LICENCE, "key.json")
    assert (read.key_id, read.key) == ("2f05477fc24bb4faefd86517156daffc", "b50d1b25559be9bd0a3cbe8ab59232fc")
    assert json.loads(key_set(read)) == json.loads(_LICENCE)


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16))
def test_a_key_file_gives_the_key_that_was_put_in(key_id: bytes, key: bytes) -> None:
    content_key = ContentKey(key_id.hex(), key.hex())
    assert read_key_set(key_set(content_key), "key.json") == content_key


@given(st.text() | st.recursive(st.none() | st.text(), st.lists).map(json.dumps))
def test_what_is_no_key_file_is_refused_without_saying_what_it_holds(text: str) -> None:
    with pytest.raises(Invalid, match="k is not a key file: it needs one key of 16 bytes") as caught:
        read_key_set(text, "k")
    assert str(caught.value).startswith("k is not a key file")


@pytest.mark.parametrize("change", [("tQ0bJVWb6b0KPL6KtZIy_A", "tQ0b"), ('"k"', '"x"'), ("]", ', {"k": ""}]')])
def test_a_key_of_another_length_or_two_of_them_are_refused(change: tuple[str, str]) -> None:
    with pytest.raises(Invalid):
        read_key_set(_LICENCE.replace(*change), "key.json")


def test_the_key_stands_in_a_file_of_the_owners_and_not_in_the_command(tmp_path: Path) -> None:
    words = protecting_words(tmp_path, Protection(Scheme.CENC, _KEY))
    assert _KEY.key not in " ".join(words)
    assert words[words.index("--protection_scheme") + 1] == "cenc"
    flags = tmp_path / words[words.index("--flagfile") + 1]
    assert _KEY.key in flags.read_text()
    assert stat.S_IMODE(flags.stat().st_mode) == 0o600
    assert _KEY.key not in repr(Protection(Scheme.CENC, _KEY))


def test_playlists_name_the_key_once(tmp_path: Path) -> None:
    media = '#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MAP:URI="init.mp4"\n#EXTINF:2,\n1.m4s\n#EXTINF:2,\n2.m4s\n'
    text = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n1.vtt\n"
    for name, written in (("media.m3u8", media), ("text.m3u8", text)):
        (tmp_path / name).write_text(written)
    for _ in range(2):
        name_keys(tmp_path, Protection(Scheme.CENC, _KEY))
        keys = {str(key.method) for key in m3u8.load(str(tmp_path / "media.m3u8")).keys if key}
        assert keys == {"SAMPLE-AES-CTR"}
        assert (tmp_path / "media.m3u8").read_text().count("EXT-X-KEY") == 1
        assert (tmp_path / "text.m3u8").read_text() == text
