import subprocess
from pathlib import Path

import pytest
from deploy.local.certificates import Certificates, make_certificates

from matinee.compose.tls import Identity, own_identity, server_context, trusted
from matinee.model.errors import Invalid
from matinee.settings import Settings


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("tls"))


def test_without_a_certificate_a_process_speaks_plain_http() -> None:
    assert own_identity(Settings()) == Identity(None, None)
    assert server_context(Identity()) is None


def test_a_certificate_and_its_key_are_what_a_process_shows(made: Certificates) -> None:
    shown = own_identity(Settings(tls_certificate=str(made.certificate), tls_key=str(made.key)))
    assert shown == Identity(made.certificate, made.key)
    assert server_context(shown) is not None


def test_what_cannot_be_shown_is_refused_in_a_sentence(made: Certificates, tmp_path: Path) -> None:
    other = make_certificates(tmp_path / "other")
    old = tmp_path / "old.key"
    subprocess.run(["openssl", "ec", "-in", str(made.key), "-out", str(old)], check=True, capture_output=True)
    certificate, key = str(made.certificate), str(made.key)
    cases = {
        ("", key): "go together",
        (certificate, ""): "go together",
        (str(tmp_path / "none"), key): "MATINEE_TLS_CERTIFICATE=.*cannot be read: No such file",
        (certificate, str(tmp_path / "none")): "MATINEE_TLS_KEY=.*cannot be read: No such file",
        (certificate, str(other.key)): "do not belong together",
        (certificate, str(old)): "no private key in PKCS#8",
        (str(made.key), key): "one of them holds none",
    }
    for (shown, kept), sentence in cases.items():
        with pytest.raises(Invalid, match=sentence):
            own_identity(Settings(tls_certificate=shown, tls_key=kept))


def test_authorities_that_cannot_be_read_are_named(made: Certificates, tmp_path: Path) -> None:
    assert trusted(Settings(tls_authorities=str(made.authorities))).get_ca_certs()
    with pytest.raises(Invalid, match=r"MATINEE_TLS_AUTHORITIES=.*cannot be read: No such file"):
        trusted(Settings(tls_authorities=str(tmp_path / "none")))
    (tmp_path / "empty").write_text("")
    with pytest.raises(Invalid, match="holds no certificate"):
        trusted(Settings(tls_authorities=str(tmp_path / "empty")))
