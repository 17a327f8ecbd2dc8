"""Common Encryption (ISO/IEC 23001-7): the key of a film, the file it is kept in, and what the packager is told.

The key file is a JSON Web Key Set as ClearKey licences are (W3C Encrypted Media Extensions §9.1.4), so that a licence
server may answer with it as it is. Manifests name the key by its id; the key itself stands in that file alone.
"""

import base64
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import m3u8

from matinee.model.errors import Invalid

_BYTES = 16  # ISO/IEC 23001-7 §5: AES-128, and key ids of 128 bits
_OWNER_ONLY = 0o600


class Scheme(StrEnum):
    """How samples are encrypted: ``cbcs`` every device of today reads, ``cenc`` the older ones but Apple's."""

    CBCS = "cbcs"
    CENC = "cenc"


@dataclass(frozen=True, slots=True)
class ContentKey:
    """A film's key and its id, 32 hexadecimal digits each. The key is not shown with the value."""

    key_id: str
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Protection:
    """How a film is encrypted, and by what."""

    scheme: Scheme
    content_key: ContentKey


def new_content_key(random_bytes: Callable[[int], bytes]) -> ContentKey:
    """A key that nobody has yet."""
    return ContentKey(random_bytes(_BYTES).hex(), random_bytes(_BYTES).hex())


def key_set(content_key: ContentKey) -> str:
    """The key file's text."""
    one = {"kty": "oct", "kid": _encoded(content_key.key_id), "k": _encoded(content_key.key)}
    return json.dumps({"keys": [one], "type": "temporary"}) + "\n"


def read_key_set(text: str, name: str) -> ContentKey:
    """The one key of a key file; Invalid with a sentence that names the file, and never says what it holds."""
    try:
        (one,) = json.loads(text)["keys"]
        key_id, key = _decoded(one["kid"]), _decoded(one["k"])
    except (ValueError, KeyError, TypeError):
        key_id = key = b""
    if len(key_id) != _BYTES or len(key) != _BYTES:
        raise Invalid(f"{name} is not a key file: it needs one key of 16 bytes with its id, as a JSON Web Key Set.")
    return ContentKey(key_id.hex(), key.hex())


def key_file(output: Path) -> Path:
    """Where an encrypted film's key is kept: beside the folder that is given to others, never in it."""
    return output.with_name(f"{output.name}.key.json")


def film_key(output: Path, key: Path | None, random_bytes: Callable[[int], bytes]) -> ContentKey:
    """The key in a file, else the one beside the film's folder, which is made where there is none.

    Invalid with a sentence if the file cannot be used.
    """
    path = key or key_file(output)
    try:
        if key is None and not path.exists():
            write_secret(path, key_set(new_content_key(random_bytes)))
        return read_key_set(path.read_text(), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"The key file {path} cannot be used: {getattr(error, 'strerror', None) or error}.") from error


def write_secret(path: Path, text: str) -> None:
    """Write a new file that its owner alone may read; FileExistsError if there is one."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY), "w") as file:
        file.write(text)


def protecting_words(folder: Path, protection: Protection) -> list[str]:
    """The packager's words for encrypting everything, after the key was put into a file in its working directory.

    Command lines are logged, and seen by everybody on a machine.
    """
    one = protection.content_key
    write_secret(folder / "keys.flags", f"--keys=label=:key_id={one.key_id}:key={one.key}\n")
    return [
        "--enable_raw_key_encryption",
        *("--flagfile", "keys.flags"),
        *("--protection_scheme", protection.scheme.value),
        # From the first picture on.
        *("--clear_lead", "0"),
    ]


def name_keys(folder: Path, protection: Protection) -> None:
    """Give the media playlists of a package the line that names the key, where the packager wrote none.

    It writes none for ``cenc``, which RFC 8216bis §4.4.4.4 calls SAMPLE-AES-CTR.
    """
    for path in folder.rglob("*.m3u8"):
        text = path.read_text()
        if "#EXTINF" not in text or "#EXT-X-MAP" not in text or m3u8.loads(text).keys not in ([], [None]):
            continue
        told = base64.b64encode(bytes.fromhex(protection.content_key.key_id)).decode()
        line = f'#EXT-X-KEY:METHOD=SAMPLE-AES-CTR,URI="data:text/plain;base64,{told}",KEYFORMAT="identity"'
        # Before the first segment; the initialisation section itself is not encrypted.
        before, segment, after = text.partition("#EXTINF")
        path.write_text(f"{before}{line}\n{segment}{after}")


def _encoded(hexadecimal: str) -> str:
    """Base64url without padding (EME §9.1.3)."""
    return base64.urlsafe_b64encode(bytes.fromhex(hexadecimal)).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    return base64.b64decode(f"{text}{'=' * (-len(text) % 4)}", altchars=b"-_", validate=True)
