"""What proves who somebody is: e-mail addresses, passwords, PINs and session tokens.

Pure but for the time a hash takes. Passwords and PINs are kept as Argon2id (RFC 9106), tokens as SHA-256: a token is
random already, so that a slow hash would protect nothing.
"""

import hashlib
import re
import unicodedata
from base64 import urlsafe_b64encode

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from matinee.model.errors import Invalid
from matinee.model.ids import RandomBytes

SHORTEST_PASSWORD = 8
_LONGEST_PASSWORD = 1000
_LONGEST_EMAIL = 254  # RFC 5321 §4.5.3.1.3: a path has 256 octets, two of them the angle brackets
_LONGEST_LOCAL = 64  # RFC 5321 §4.5.3.1.1
_TOKEN_BYTES = 32
_SALT_BYTES = 16

_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)*")
_PIN = re.compile(r"[0-9]{4,8}")

# OWASP's smallest choice for Argon2id: a sign-in takes about 40 ms of one core and 19 MiB, so that a burst of them does
# not push a small machine out of memory.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def normal_email(text: str) -> str:
    """The address in one spelling: trimmed, NFC, lower case. Invalid if it cannot be one.

    Upper and lower case are told apart by the letter of RFC 5321 and by no mail host.
    """
    email = unicodedata.normalize("NFC", text).strip().lower()
    unprintable = any(unicodedata.category(letter)[0] == "C" for letter in email)
    if unprintable or len(email) > _LONGEST_EMAIL or not _EMAIL.fullmatch(email):
        raise Invalid("This is not an e-mail address.")
    if len(email.split("@")[0]) > _LONGEST_LOCAL:
        raise Invalid("This is not an e-mail address: the part before the @ is too long.")
    return email


def check_new_password(password: str) -> None:
    """Invalid if the password is too short or too long to take. No rule says what it is made of (NIST SP 800-63B)."""
    if len(password) < SHORTEST_PASSWORD:
        raise Invalid(f"The password is shorter than {SHORTEST_PASSWORD} characters.")
    if len(password) > _LONGEST_PASSWORD:
        raise Invalid(f"The password is longer than {_LONGEST_PASSWORD} characters.")


def check_new_pin(pin: str) -> None:
    """Invalid if the PIN is not four to eight digits."""
    if not _PIN.fullmatch(pin):
        raise Invalid("A PIN is four to eight digits.")


def hashed(secret: str, random_bytes: RandomBytes) -> str:
    """The password or PIN as it is kept: Argon2id with its parameters and salt, in the PHC string format."""
    return _HASHER.hash(_octets(secret), salt=random_bytes(_SALT_BYTES))


def matches(secret: str, kept: str) -> bool:
    """Whether the secret is the one that was kept. Takes as long for a wrong one."""
    try:
        return _HASHER.verify(kept, _octets(secret[: _LONGEST_PASSWORD + 1]))
    except (VerificationError, InvalidHashError):
        return False


def outdated(kept: str) -> bool:
    """Whether it was hashed with other parameters than today's."""
    return _HASHER.check_needs_rehash(kept)


def new_token(random_bytes: RandomBytes) -> str:
    """A session token: 256 random bits in unpadded base64url (RFC 4648 §5)."""
    return urlsafe_b64encode(random_bytes(_TOKEN_BYTES)).rstrip(b"=").decode()


def digest(token: str) -> str:
    """What is kept of a session token: its SHA-256, in hexadecimal."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def _octets(secret: str) -> bytes:
    # NFC, because keyboards of different systems send the same letters differently (RFC 8265 §4.2.2).
    return unicodedata.normalize("NFC", secret).encode(errors="surrogatepass")
