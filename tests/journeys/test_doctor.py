"""`matinee doctor`, and what a process says that cannot start: each bad case on the engine itself, in one sentence."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from deploy.local import nats, postgresql
from deploy.local import swift as swift_engine
from deploy.local.certificates import make_certificates

from matinee.compose.database import migrate, open_database
from matinee.compose.doctor import examine
from matinee.compose.network import open_network
from matinee.findings import Finding
from matinee.settings import read_settings
from running_demo import free_port, until
from running_edge import CREDENTIAL, ControlPlane, RunningEdge, stand
from running_edge import running as running_edge

SECRET = "a-word-that-nobody-is-to-see"


@dataclass
class Asked:
    """What came of a verb: its exit code, and what it said."""

    code: int
    out: str
    errors: str


def ask(verb: str, environment: Mapping[str, str], *options: str) -> Asked:
    """Run a verb with these settings and no other ones."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("MATINEE_", "AWS_"))}
    done = subprocess.run(
        [sys.executable, "-m", "matinee.cli", verb, *options],
        env=own | dict(environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert SECRET not in done.stdout + done.stderr
    return Asked(done.returncode, done.stdout, done.stderr)


def sentence(asked: Asked) -> str:
    """The one sentence on standard error with which a process gives up."""
    assert asked.code == 1, asked.errors
    *_, last = asked.errors.strip().splitlines()
    assert last.startswith("matinee: "), asked.errors
    return last


def findings(environment: Mapping[str, str]) -> dict[str, Finding]:
    """What the doctor finds, by part, without a process of its own."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("MATINEE_", "AWS_"))]:
            patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        found = {finding.part: finding for finding in examine(read_settings())}
    assert SECRET not in repr(found)
    return found


def both(verb: str, environment: Mapping[str, str], part: str) -> str:
    """What the doctor says of a part that is wrong; the process says the same, and does not start."""
    found = findings(environment)[part]
    assert not found.ok
    assert found.says in sentence(ask(verb, environment))
    return found.says


@pytest.fixture
def embedded(tmp_path: Path, sqlite_template: bytes) -> dict[str, str]:
    """Settings of a service on embedded engines, where all is well."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "matinee.db").write_bytes(sqlite_template)
    return {
        "MATINEE_DATA": str(tmp_path / "data"),
        "MATINEE_PORT": str(free_port()),
    }


@pytest.fixture
def control() -> Iterator[ControlPlane]:
    plane = ControlPlane()
    yield plane
    plane.close()


def test_where_all_is_well_every_part_has_a_line_and_the_exit_code_is_0(embedded: dict[str, str]) -> None:
    asked = ask("doctor", embedded)
    assert asked.code == 0
    lines = asked.out.splitlines()
    assert [line.split()[1] for line in lines] == [
        "database", "objects", "events", "compute", "tools", "edges", "ranker", "secrets", "certificate",
    ]  # fmt: skip
    assert all(line.startswith("ok ") for line in lines)
    assert "SQLite" in lines[0]
    assert lines[0].endswith(" ms")


def test_a_database_without_its_schema_is_named_with_what_mends_it(embedded: dict[str, str], tmp_path: Path) -> None:
    says = both("serve", embedded | {"MATINEE_DATABASE": f"sqlite:///{tmp_path}/empty.db"}, "database")
    assert "run `matinee migrate`" in says


def postgresql_address(server: postgresql.Server, name: str) -> str:
    address = server.create_database(name)
    engine = open_database(address)
    migrate(engine)
    engine.dispose()
    return address


def test_postgresql_that_is_away_closed_empty_or_read_only_is_told_apart(
    embedded: dict[str, str], postgresql_server: postgresql.Server
) -> None:
    address = postgresql_address(postgresql_server, "doctor")
    port = f":{postgresql_server.port}/"

    def found(**changes: str) -> str:
        return findings(embedded | changes)["database"].says

    assert found(MATINEE_DATABASE=address).startswith("PostgreSQL ")
    assert "does not answer" in found(MATINEE_DATABASE=address.replace(port, f":{free_port()}/"))
    assert "There is no database" in found(MATINEE_DATABASE=address.replace("/doctor", "/nowhere"))
    stranger = address.replace("//postgres@", f"//stranger:{SECRET}@")
    assert "does not let the user 'stranger' in" in both(
        "worker", embedded | {"MATINEE_DATABASE": stranger}, "database"
    )
    postgresql_server.execute("ALTER DATABASE doctor SET default_transaction_read_only = on")
    assert "can only be read" in found(MATINEE_DATABASE=address)


def test_a_store_that_is_away_denies_or_has_no_such_bucket_is_told_apart(
    embedded: dict[str, str], swift: swift_engine.Swift
) -> None:
    swift.create_bucket("doctor", readers=True)

    def settings(user: swift_engine.User = swift_engine.OWNER, bucket: str = "doctor", **more: str) -> dict[str, str]:
        return embedded | swift.environment(user) | {"MATINEE_OBJECTS": f"s3://{bucket}"} | more

    assert findings(settings())["objects"].ok
    assert "no such bucket" in both("serve", settings(bucket="nowhere"), "objects")
    assert "may not be read" in findings(settings(swift_engine.STRANGER))["objects"].says
    assert "refuses AWS_ACCESS_KEY_ID" in findings(settings(AWS_SECRET_ACCESS_KEY=SECRET))["objects"].says
    away = findings(settings(AWS_ENDPOINT_URL=f"http://127.0.0.1:{free_port()}"))["objects"]
    assert "does not answer" in away.says
    assert away.away


def test_an_edge_needs_to_read_and_no_more(
    embedded: dict[str, str], swift: swift_engine.Swift, control: ControlPlane
) -> None:
    swift.create_bucket("doctor-edge", readers=True)
    own = {"MATINEE_EDGE_ID": "europe-1", "MATINEE_CONTROL": control.address, "MATINEE_OBJECTS": "s3://doctor-edge"}
    reader = findings(embedded | own | swift.environment(swift_engine.READER))
    assert set(reader) == {"objects", "control", "dataplane", "secrets", "certificate"}
    assert reader["objects"].ok
    denied = embedded | own | swift.environment(swift_engine.STRANGER)
    assert "have `matinee join-token` make one" in sentence(ask("edge", denied))
    stand(Path(embedded["MATINEE_DATA"]))
    assert "may not be read" in sentence(ask("edge", denied))


def test_an_edge_starts_without_an_origin_that_is_away(control: ControlPlane, tmp_path: Path) -> None:
    key = {"AWS_ACCESS_KEY_ID": "a key", "AWS_SECRET_ACCESS_KEY": SECRET}
    nowhere = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}", **key}
    with running_edge(RunningEdge(tmp_path, "s3://films", control.address, environment=nowhere)) as edge:
        [away] = [line for line in edge.log().splitlines() if "part.away" in line and '"objects"' in line]
        assert "The object store s3://films" in away
        assert SECRET not in edge.log()
        until("the edge's report", lambda: control.reports)


def test_an_event_log_that_is_away_or_refuses_is_told_apart(embedded: dict[str, str], nats_hub: nats.Servers) -> None:
    well = findings(embedded | {"MATINEE_EVENTS": nats_hub.address})["events"]
    assert well.ok, well
    assert well.says.startswith("NATS 2")
    assert "@" not in well.address
    scheme, _, where = nats_hub.address.partition("://")
    wrong = f"{scheme}://matinee:{SECRET}@{where.rpartition('@')[2]}"
    assert "password" in findings(embedded | {"MATINEE_EVENTS": wrong})["events"].says
    away = f"nats://matinee:{SECRET}@127.0.0.1:{free_port()}"
    assert "do not answer" in both("worker", embedded | {"MATINEE_EVENTS": away}, "events")
    assert "not of the form" in findings(embedded | {"MATINEE_EVENTS": f"nats://{SECRET}"})["events"].says


def test_ray_that_is_away_is_said_so(embedded: dict[str, str]) -> None:
    away = embedded | {"MATINEE_COMPUTE": f"ray://127.0.0.1:{free_port()}"}
    says = both("worker", away, "compute")
    assert "Ray" in says


def test_a_control_plane_that_is_none_or_does_not_know_the_edge_is_told(embedded: dict[str, str]) -> None:
    own = {"MATINEE_EDGE_ID": "europe-1", "MATINEE_CONTROL": "nats://here"}
    assert "MATINEE_CONTROL is not of the form nats://" in findings(embedded | own)["control"].says
    away = own | {"MATINEE_CONTROL": f"http://127.0.0.1:{free_port()}"}
    found = findings(embedded | away)["control"]
    assert "does not answer" in found.says
    assert found.away


def test_edge_and_control_plane_speak_over_tls_and_know_each_other(embedded: dict[str, str], tmp_path: Path) -> None:
    tls = make_certificates(tmp_path / "tls")
    shown = {"MATINEE_TLS_CERTIFICATE": str(tls.certificate), "MATINEE_TLS_KEY": str(tls.key)}
    trusted = {"MATINEE_TLS_AUTHORITIES": str(tls.authorities)}
    environment = {**os.environ, **embedded, **shown, **trusted}
    edge = embedded | {
        "MATINEE_EDGE_ID": "europe-1",
        "MATINEE_CONTROL": f"https://127.0.0.1:{embedded['MATINEE_PORT']}",
        "MATINEE_OBJECTS": f"file://{embedded['MATINEE_DATA']}/objects",
    }
    with (tmp_path / "log").open("wb") as log:
        serve = subprocess.Popen(
            [sys.executable, "-m", "matinee.cli", "serve"], env=environment, stdout=log, stderr=log
        )
    try:
        joining = _once_it_answers(edge | trusted | {"MATINEE_JOIN_TOKEN": SECRET})
        assert "edge europe-1 joins it when it starts" in joining.says
        stand(Path(embedded["MATINEE_DATA"]))
        stranger = findings(edge | trusted)["control"]
        assert "have it join anew" in stranger.says
        assert "have it join anew" in sentence(ask("edge", edge | trusted))
        network = open_network(
            read_settings(embedded), open_database(f"sqlite:///{embedded['MATINEE_DATA']}/matinee.db")
        )
        network.enrolment.enrol("europe-1", network.enrolment.make_token("europe-1").token, CREDENTIAL)
        known = findings(edge | trusted)["control"]
        assert known.ok, known
        assert "takes edge europe-1's word" in known.says
        untrusted = findings(edge)["control"]
        assert "shows a certificate that is not trusted" in untrusted.says
    finally:
        serve.terminate()
        serve.wait(20)


def _once_it_answers(environment: dict[str, str]) -> Finding:
    def found() -> Finding | None:
        control = findings(environment)["control"]
        return None if control.away else control

    finding = until("the control plane", found)
    assert finding is not None
    return finding


def test_a_secret_that_everybody_can_read_is_wrong_and_its_content_is_not_told(
    embedded: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "secret"
    path.write_text(SECRET)
    path.chmod(0o644)
    asked = ask("doctor", embedded | {"MATINEE_JOIN_TOKEN_FILE": str(path)}, "--json")
    assert asked.code == 1
    found = {part["part"]: part for part in json.loads(asked.out)["parts"]}
    assert not found["secrets"]["ok"]
    assert f"every user can read {path}" in found["secrets"]["says"]
    path.chmod(0o600)
    assert findings(embedded | {"MATINEE_JOIN_TOKEN_FILE": str(path)})["secrets"].ok


def test_an_edge_is_told_what_its_data_plane_lacks(
    control: ControlPlane, embedded: dict[str, str], tmp_path: Path
) -> None:
    own = {
        "MATINEE_EDGE_ID": "europe-1",
        "MATINEE_CONTROL": control.address,
        "MATINEE_OBJECTS": f"file://{tmp_path}",
    }
    assert findings(embedded | own)["dataplane"].says == "the edge serves by itself"
    away = findings(embedded | own | {"MATINEE_DATAPLANE": f"nginx://{tmp_path}/nginx"})["dataplane"]
    assert not away.ok
    assert "apt-get install nginx-light libnginx-mod-http-lua" in away.says
