"""The token in a media path: what it opens, for which playback, until when.

``https://<edge>/<token>/<title>/<revision>/<file>``: the token is one path segment of the base64url alphabet
(RFC 4648 §5, unpadded), so relative URIs keep it and a steering HOST replacement cannot lose it. It is

    base64url( "1" LF key-id LF expiry LF playback LF prefix LF  +  HMAC-SHA256(key, everything before) )

with the expiry in seconds since 1970 and the prefix as ``<title>/<revision>/``. A token that is not to open anything
before some time begins with ``"2" LF`` and has that time before its expiry. Fixed order and line feeds make it readable
for a dozen lines of Lua.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from matinee.model.errors import Invalid

_AT_ONCE, _LATER = "1", "2"
_FIELDS = {b"1": 5, b"2": 6}
_MAC_BYTES = 32
_LONGEST = 512


class TokenFault(StrEnum):
    """Why a token does not open a path. Told to logs and metrics; a caller only hears 403."""

    ADDRESS = "address"
    MISSING = "missing"
    MALFORMED = "malformed"
    UNKNOWN_KEY = "unknown_key"
    FORGED = "forged"
    EARLY = "early"
    EXPIRED = "expired"
    FOREIGN = "foreign"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Token:
    """What a token says. ``prefix`` ends in ``/``; ``starts`` (0: at once) and ``expires`` in seconds since 1970."""

    key_id: str
    expires: int
    playback_id: str
    prefix: str
    starts: int = 0


def sign(token: Token, key: bytes) -> str:
    """The token as a path segment, signed with ``key`` (32 bytes or more)."""
    begins = (_LATER, token.key_id, str(token.starts)) if token.starts else (_AT_ONCE, token.key_id)
    fields = (*begins, str(token.expires), token.playback_id, token.prefix)
    if any("\n" in field for field in fields) or not token.prefix.endswith("/"):
        raise ValueError("A token's fields hold no line feed, and its prefix ends in a slash.")
    body = "".join(f"{field}\n" for field in fields).encode()
    return urlsafe_b64encode(body + hmac.digest(key, body, hashlib.sha256)).rstrip(b"=").decode()


def check(text: str, path: str, now: float, keys: Mapping[str, bytes]) -> Token | TokenFault:
    """The token, if it opens ``path`` (``<title>/<revision>/<file>``) at ``now`` (seconds since 1970), else the fault.

    ``keys`` maps key ids to secrets; several live at once while they rotate.
    """
    token = verify(text, keys)
    return token if isinstance(token, TokenFault) else opening(token, path, now)


def verify(text: str, keys: Mapping[str, bytes]) -> Token | TokenFault:
    """What a token says that one of these keys signed. The MAC is compared in constant time, before all else."""
    raw = _decoded(text)
    if isinstance(raw, TokenFault):
        return raw
    body, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    fields = body.split(b"\n")
    if len(fields) - 1 != _FIELDS.get(fields[0]):
        return TokenFault.MALFORMED
    key = keys.get(fields[1].decode(errors="replace"))
    if key is None:
        return TokenFault.UNKNOWN_KEY
    if not hmac.compare_digest(hmac.digest(key, body, hashlib.sha256), mac):
        return TokenFault.FORGED
    # Signed by us from here on, so the fields are as ``sign`` wrote them.
    _, key_id, *starts, expires, playback_id, prefix, _ = body.decode().split("\n")
    return Token(key_id, int(expires), playback_id, prefix, starts=int(starts[0]) if starts else 0)


def opening(token: Token, path: str, now: float) -> Token | TokenFault:
    """A verified token, if it opens ``path`` at ``now``, else the fault."""
    if token.starts > now:
        return TokenFault.EARLY
    if token.expires <= now:
        return TokenFault.EXPIRED
    return token if path.startswith(token.prefix) else TokenFault.FOREIGN


def parse_keys(text: str) -> dict[str, bytes]:
    """Keys by id out of ``KID:SECRET,KID:SECRET``, in that order; the first one signs. Invalid names a bad entry."""
    keys: dict[str, bytes] = {}
    for place, entry in enumerate((part.strip() for part in text.split(",")), start=1):
        if not entry:
            continue
        key_id, colon, secret = entry.partition(":")
        # The sentence counts entries and quotes none: they are secrets.
        if not (key_id and colon and secret) or key_id in keys or not (key_id.isascii() and key_id.isprintable()):
            raise Invalid(f"Token key {place} is not KID:SECRET with an id of its own.")
        keys[key_id] = secret.encode()
    return keys


def _decoded(text: str) -> bytes | TokenFault:
    if not text:
        return TokenFault.MISSING
    if len(text) > _LONGEST or not text.isascii():
        return TokenFault.MALFORMED
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return TokenFault.MALFORMED
    # The decoder skips letters outside its alphabet; only the one canonical spelling is accepted.
    return raw if urlsafe_b64encode(raw).rstrip(b"=").decode() == text else TokenFault.MALFORMED
