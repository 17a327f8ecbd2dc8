"""Identifiers: opaque, unguessable, safe in a URL, a file name and a manifest.

Sixteen characters of lower-case Crockford base 32 carry 80 random bits. The random bytes are an argument, so that a
caller under test decides them.
"""

from collections.abc import Callable

RandomBytes = Callable[[int], bytes]
"""``secrets.token_bytes`` in a process; a seeded stand-in in a test."""

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_LENGTH = 16


def new_id(random_bytes: RandomBytes) -> str:
    """A new identifier of 16 characters out of ten random bytes."""
    value = int.from_bytes(random_bytes(10), "big")
    return "".join(_ALPHABET[(value >> (5 * place)) & 31] for place in range(_LENGTH))


def is_id(text: str) -> bool:
    """Whether the text could have come from ``new_id``."""
    return len(text) == _LENGTH and all(letter in _ALPHABET for letter in text)
