"""What an operator is given: files for three machines from one command, and units that systemd takes."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from engines import missing
from house import ROOT
from matinee.compose.credentials import with_credentials
from matinee.settings import exposed_files, read_settings

ADDRESSES = ("192.0.2.11", "192.0.2.12", "192.0.2.13")
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("openssl") is None:
        missing("OpenSSL", "apt-get install openssl")
    folder = tmp_path_factory.mktemp("deploy") / "machines"
    subprocess.run(["deploy/prepare", str(folder), *ADDRESSES], cwd=ROOT, check=True, capture_output=True)
    return folder


def files(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_nothing_is_left_to_fill_in_but_the_keys_of_s3(prepared: Path) -> None:
    for machine in "abc":
        for name, text in files(prepared / machine).items():
            settings = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith(("#", "--")))
            assert not re.search(r"CHANGE_|\bHERE\b|\bNAME\b|10\.0\.0\.|\$\{[A-Z]", settings), name
    assert "aws_access_key_id = \n" in (prepared / "a" / "secrets" / "s3").read_text()


def test_settings_and_secrets_can_be_read_and_belong_to_one_service(prepared: Path) -> None:
    read = {}
    for machine, file in (("a", "matinee"), ("b", "matinee"), ("c", "matinee"), ("c", "edge")):
        lines = (prepared / machine / f"{file}.env").read_text().replace("/etc/matinee", str(prepared / machine))
        pairs = [line.split("=", 1) for line in lines.splitlines() if line and not line.startswith("#")]
        environment = {name: value.strip('"') for name, value in pairs}
        assert exposed_files(environment) == []
        with_credentials(environment)
        read[machine, file] = read_settings(environment)
    a, b, edge = read["a", "matinee"], read["b", "matinee"], read["c", "edge"]
    assert a.database == b.database
    assert a.database.count("CHANGE") == 0
    assert (a.token_keys, edge.join_token) == ("", "")
    assert (edge.database, edge.events) == ("", "database:")
    assert (a.host, b.host, edge.host) == ADDRESSES


def test_the_certificates_are_the_authoritys_and_the_keys_their_owners_alone(prepared: Path) -> None:
    for machine, address in zip("abc", ADDRESSES, strict=True):
        tls = prepared / machine / "tls"
        verify = ["openssl", "verify", "-x509_strict", "-CAfile", "authorities.pem", "-verify_ip", address, "host.pem"]
        assert subprocess.run(verify, cwd=tls, capture_output=True, check=False).returncode == 0
        assert "BEGIN PRIVATE KEY" in (tls / "host.key").read_text()  # PKCS#8, as the servers want it
        assert (tls / "host.key").stat().st_mode & 0o077 == 0
    assert not list((prepared / "a").rglob("authority.key"))


def test_secrets_that_were_made_once_are_never_made_again(prepared: Path) -> None:
    again = subprocess.run(
        ["deploy/prepare", str(prepared), *ADDRESSES], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert again.returncode == 1
    assert "is there already" in again.stderr


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_takes_every_unit(unit: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        missing("systemd-analyze", "apt-get install systemd")
    text = unit.read_text()
    for program in re.findall(r"/opt/matinee/(deploy/\S+)", text):
        assert (ROOT / program).exists(), program
    # The programs of another machine, and its users, are not here.
    text = re.sub(r"^(Exec\w+=)/(opt|usr/sbin)/\S+", r"\1/bin/true", text, flags=re.MULTILINE)
    text = re.sub(r"^(User|Group)=.*", r"\1=root", text, flags=re.MULTILINE)
    there = tmp_path / unit.name.replace("@", "@8400")
    there.write_text(text)
    if there.name != unit.name:
        (tmp_path / unit.name).write_text(text)
    told = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(there)], capture_output=True, text=True, check=False, timeout=60
    )
    about_it = [line for line in told.stderr.splitlines() if unit.stem.split("@")[0] in line]
    assert (told.returncode, about_it) == (0, [])


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_every_unit_gives_up_what_it_does_not_need(unit: Path) -> None:
    given_up = set(unit.read_text().splitlines())
    assert {"NoNewPrivileges=yes", "ProtectSystem=strict", "PrivateTmp=yes", "ProtectHome=yes"} <= given_up
    assert any(line.startswith("Restart=always") for line in given_up)
    assert not any(line == "User=root" for line in given_up)
