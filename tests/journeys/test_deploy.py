"""What an operator is given: files for three machines from one command, and units that systemd takes."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from engines import missing
from house import ROOT
from matinee.adapters.events_jetstream import Address
from matinee.compose.credentials import with_credentials
from matinee.settings import Settings, exposed_files, read_settings

ADDRESSES = ("192.0.2.11", "192.0.2.12", "192.0.2.13")
SITES = {"nairobi": "192.0.2.21", "lima-2": "192.0.2.22"}
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("openssl") is None:
        missing("OpenSSL", "apt-get install openssl")
    folder = tmp_path_factory.mktemp("deploy") / "machines"
    prepare("prepare", str(folder), *ADDRESSES)
    for site, address in SITES.items():
        prepare("prepare-site", str(folder), site, address)
    return folder


def prepare(script: str, *words: str) -> None:
    subprocess.run([f"deploy/{script}", *words], cwd=ROOT, check=True, capture_output=True)


def files(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_nothing_is_left_to_fill_in_but_the_keys_of_s3(prepared: Path) -> None:
    for machine in (*"abc", *SITES):
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
    for machine, address in (*zip("abc", ADDRESSES, strict=True), *SITES.items()):
        tls = prepared / machine / "tls"
        verify = ["openssl", "verify", "-x509_strict", "-CAfile", "authorities.pem", "-verify_ip", address, "host.pem"]
        assert subprocess.run(verify, cwd=tls, capture_output=True, check=False).returncode == 0
        assert "BEGIN PRIVATE KEY" in (tls / "host.key").read_text()  # PKCS#8, as the servers want it
        assert (tls / "host.key").stat().st_mode & 0o077 == 0
    assert not list((prepared / "a").rglob("authority.key"))


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["prepare", *ADDRESSES], "is there already"),
        (["prepare-site", "nairobi", SITES["nairobi"]], "is there already"),
        (["prepare-site", "hub", "192.0.2.23"], "hub is no name for a site"),
        (["prepare-site", "../lima", "192.0.2.23"], "../lima is no name for a site"),
    ],
)
def test_secrets_that_were_made_once_are_never_made_again_nor_a_site_of_a_wrong_name(
    prepared: Path, command: list[str], sentence: str
) -> None:
    script, *words = command
    before = files(prepared)
    again = subprocess.run(
        [f"deploy/{script}", str(prepared), *words], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert again.returncode == 1
    assert sentence in again.stderr
    assert files(prepared) == before


def test_a_site_may_enter_the_hub_by_the_hubs_password_for_sites_and_has_its_own_for_who_comes_to_it(
    prepared: Path,
) -> None:
    hub = (prepared / "a" / "nats.env").read_text()
    [password] = re.findall(r"^NATS_SITE_PASSWORD='\"(\w+)\"'$", hub, re.MULTILINE)
    own = set()
    for site, address in SITES.items():
        said = (prepared / site / "nats.env").read_text()
        assert re.findall(r"tls://site:(\w+)@([\d.]+):7422", said) == [(password, machine) for machine in ADDRESSES]
        assert f'NATS_SITE="{site}"' in said
        reached = Address.read((prepared / site / "secrets" / "events").read_text().strip())
        assert (reached.tls, reached.site) == (True, site)
        assert f"NATS_PASSWORD='\"{reached.password}\"'" in said
        assert f"NATS_LISTEN='\"{address}:4222\"'" in said
        own.add(reached.password)
    assert len(own | {password}) == 3
    for machine in (*"abc", *SITES):
        [chosen] = re.findall(
            r'^NATS_CONFIGURATION="(.+)"$', (prepared / machine / "nats.env").read_text(), re.MULTILINE
        )
        assert (chosen == "leaf.conf") == (machine in SITES)
        assert (ROOT / "deploy" / "nats" / chosen).is_file()
    for machine in "abc":
        assert f'MATINEE_EVENTS_SITES="{",".join(SITES)}"\n' in (prepared / machine / "matinee.env").read_text()


def environment_of(machine: Path, process: str) -> dict[str, str]:
    """What ``deploy/matinee-as`` gives a process whose /etc/matinee is this folder."""
    script = (ROOT / "deploy" / "matinee-as").read_text().replace("/etc/matinee", str(machine))
    # The program and the user are another machine's.
    script = script.replace("/opt/matinee/.venv/bin/matinee", "env")
    script = script.replace("setpriv --reuid=matinee --regid=matinee --init-groups ", "")
    command = ["sh", "-c", script, "matinee-as", process, "-0"]
    told = subprocess.run(command, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True).stdout
    return dict(pair.split("=", 1) for pair in told.split("\0") if pair)


def test_matinee_as_gives_a_worker_rays_settings_an_edge_none_and_does_without_them(
    prepared: Path, tmp_path: Path
) -> None:
    worker, edge = (environment_of(prepared / "c", process) for process in ("matinee", "edge"))
    assert worker["MATINEE_DATABASE_FILE"].endswith("/secrets/database")
    assert (worker["RAY_AUTH_MODE"], worker["RAY_USE_TLS"]) == ("token", "1")
    assert edge["MATINEE_EDGE_ID"] == "edge-c"
    assert [name for name in edge if name.startswith(("RAY_", "MATINEE_DATABASE"))] == []
    shutil.copy(prepared / "c" / "matinee.env", tmp_path)
    without = environment_of(tmp_path, "matinee")
    assert set(worker) - set(without) >= {"RAY_AUTH_MODE", "RAY_USE_TLS"}
    assert without["MATINEE_DATABASE_FILE"] == worker["MATINEE_DATABASE_FILE"].replace(
        str(prepared / "c"), "/etc/matinee"
    )


def test_postgresql_has_room_for_the_processes_that_its_file_speaks_of(prepared: Path) -> None:
    said = (prepared / "a" / "postgresql" / "matinee.conf").read_text()
    [(kept, more)] = re.findall(r"keeps up to (\d+) connections, and opens (\d+) more", said)
    assert (int(kept), int(more)) == (Settings().database_connections, Settings().database_connections_more)
    [most] = re.findall(r"^max_connections = (\d+)$", said, re.MULTILINE)
    assert int(most) >= 8 * (int(kept) + int(more)) + 10


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_takes_every_unit(unit: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        missing("systemd-analyze", "apt-get install systemd")
    text = unit.read_text()
    for program in re.findall(r"/opt/matinee/(deploy/[^\s$]+)", text):
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
