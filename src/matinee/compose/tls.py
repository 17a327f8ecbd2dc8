"""TLS as the settings have it: what this process shows, and whom it trusts."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from matinee.model.errors import Invalid
from matinee.settings import Settings

_PKCS8 = b"-----BEGIN PRIVATE KEY-----"


@dataclass(frozen=True, slots=True)
class Identity:
    """PEM files: the certificate that this process shows, with what signed it, and its key; None: plain HTTP."""

    certificate: Path | None = None
    key: Path | None = None


def own_identity(settings: Settings) -> Identity:
    """The certificate and its key; Invalid, with a sentence, if they cannot be read or do not belong together."""
    if not settings.tls_certificate and not settings.tls_key:
        return Identity()
    if not settings.tls_certificate or not settings.tls_key:
        raise Invalid("MATINEE_TLS_CERTIFICATE and MATINEE_TLS_KEY go together; one of them is empty.")
    identity = Identity(Path(settings.tls_certificate), Path(settings.tls_key))
    _read("MATINEE_TLS_CERTIFICATE", settings.tls_certificate)
    if _PKCS8 not in _read("MATINEE_TLS_KEY", settings.tls_key):
        raise Invalid(f"MATINEE_TLS_KEY={settings.tls_key!r} is no private key in PKCS#8 (`openssl pkcs8 -topk8`).")
    server_context(identity)
    return identity


def server_context(identity: Identity) -> ssl.SSLContext | None:
    """For a server of Python's own; None for plain HTTP. Invalid if key and certificate do not belong together."""
    if identity.certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        # A password that is asked for on the terminal would wait for ever.
        context.load_cert_chain(identity.certificate, identity.key, password="")
    except (ssl.SSLError, ValueError) as error:
        reason = "they do not belong together" if "KEY_VALUES_MISMATCH" in str(error) else "one of them holds none"
        files = f"{identity.certificate} with {identity.key}"
        raise Invalid(f"MATINEE_TLS_CERTIFICATE and MATINEE_TLS_KEY, {files}, cannot be used: {reason}.") from error
    return context


def trusted(settings: Settings) -> ssl.SSLContext:
    """Whom a client trusts: the settings' authorities, or the system's; Invalid, with a sentence, if unreadable."""
    if settings.tls_authorities:
        _read("MATINEE_TLS_AUTHORITIES", settings.tls_authorities)
    try:
        return ssl.create_default_context(cafile=settings.tls_authorities or None)
    except ssl.SSLError as error:
        raise Invalid(f"MATINEE_TLS_AUTHORITIES={settings.tls_authorities!r} holds no certificate.") from error


def _read(variable: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise Invalid(f"{variable}={path!r} cannot be read: {error.strerror}.") from error
