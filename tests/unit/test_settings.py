from dataclasses import fields
from pathlib import Path

import pytest

from matinee.model.errors import Invalid
from matinee.settings import PREFIX, Settings, exposed_files, read_settings


def test_without_variables_every_setting_has_its_default() -> None:
    assert read_settings({}) == Settings()
    assert read_settings({"PATH": "/bin", "HOME": "/nowhere", "matinee_port": "1"}) == Settings()


@pytest.mark.parametrize(
    ("variable", "text", "name", "value"),
    [
        ("MATINEE_DATA", "/srv/matinee", "data", Path("/srv/matinee")),
        ("MATINEE_PORT", "9000", "port", 9000),
        ("MATINEE_EDGE_SILENCE_SECONDS", "2.5", "edge_silence_seconds", 2.5),
        ("MATINEE_TRUST_REGION", "1", "trust_region", True),
        ("MATINEE_TRUST_REGION", "0", "trust_region", False),
        ("MATINEE_REGIONS", "europe=50.1/8.7", "regions", "europe=50.1/8.7"),
    ],
)
def test_a_variable_is_read_as_its_settings_type(variable: str, text: str, name: str, value: object) -> None:
    read = getattr(read_settings({variable: text}), name)
    assert read == value
    assert type(read) is type(getattr(Settings(), name)) or isinstance(read, Path)


@pytest.mark.parametrize(
    ("variable", "text"),
    [("MATINEE_PORT", "eighty"), ("MATINEE_PORT", ""), ("MATINEE_TRUST_REGION", "yes"), ("MATINEE_EDGE_LATITUDE", "N")],
)
def test_a_variable_that_cannot_be_read_is_named_with_its_sentence(variable: str, text: str) -> None:
    sentence = next(f.metadata["sentence"] for f in fields(Settings) if variable == f"{PREFIX}{f.name.upper()}")
    with pytest.raises(Invalid) as refusal:
        read_settings({variable: text})
    assert variable in str(refusal.value)
    assert sentence in str(refusal.value)


def test_a_variable_that_does_not_exist_is_refused_by_name() -> None:
    with pytest.raises(Invalid, match="There is no setting MATINEE_PORTS"):
        read_settings({"MATINEE_PORTS": "9000"})


def test_every_setting_can_be_read_back_from_its_default() -> None:
    for field in fields(Settings):
        default = getattr(Settings(), field.name)
        text = str(int(default)) if isinstance(default, bool) else str(default)
        assert getattr(read_settings({f"{PREFIX}{field.name.upper()}": text}), field.name) == default, field.name


def test_every_setting_has_a_sentence_and_a_unit() -> None:
    for field in fields(Settings):
        assert field.metadata["sentence"].endswith((".", ")")), field.name
        assert field.metadata["unit"], field.name
        for unit, word in (("s", "seconds"), ("bit/s", "bps"), ("bytes", "bytes")):
            if field.name.endswith(word):
                assert field.metadata["unit"] == unit, field.name


def test_empty_addresses_mean_the_embedded_engines_in_the_data_folder() -> None:
    settings = Settings(data=Path("/srv/matinee"))
    assert settings.database_url == "sqlite:////srv/matinee/matinee.db"
    assert settings.objects_url == "file:///srv/matinee/objects"
    given = Settings(database="postgresql+psycopg://db/matinee", objects="s3://films")
    assert given.database_url == "postgresql+psycopg://db/matinee"
    assert given.objects_url == "s3://films"


def test_the_public_address_has_no_slash_at_its_end() -> None:
    assert Settings().public_address == "http://127.0.0.1:8400"
    assert Settings(public_url="https://films.example/").public_address == "https://films.example"


def test_the_address_of_a_process_with_a_certificate_begins_with_https() -> None:
    assert Settings(tls_certificate="/etc/matinee/tls/host.pem").public_address == "https://127.0.0.1:8400"


def test_a_variable_that_ends_in_file_names_the_file_that_holds_its_value(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("k1:secret\n")
    (tmp_path / "port").write_text("9000")
    read = read_settings(
        {"MATINEE_TOKEN_KEYS_FILE": str(tmp_path / "keys"), "MATINEE_PORT_FILE": str(tmp_path / "port")}
    )
    assert (read.token_keys, read.port) == ("k1:secret", 9000)


def test_a_value_and_a_file_for_it_together_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("k1:secret")
    both = {"MATINEE_TOKEN_KEYS": "k2:other", "MATINEE_TOKEN_KEYS_FILE": str(tmp_path / "keys")}
    with pytest.raises(Invalid, match="MATINEE_TOKEN_KEYS and MATINEE_TOKEN_KEYS_FILE are both given"):
        read_settings(both)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file"), (b"\xff\xfe", "not text in UTF-8"), (b"k" * 70_000, "longer than any setting")],
)
def test_a_file_that_cannot_be_read_is_named_with_its_variable(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Invalid, match=reason) as refusal:
        read_settings({"MATINEE_JOIN_TOKEN_FILE": str(path)})
    assert "MATINEE_JOIN_TOKEN_FILE" in str(refusal.value)
    assert str(path) in str(refusal.value)


def test_a_file_for_a_setting_that_does_not_exist_is_refused_by_name() -> None:
    for name in ("MATINEE_PORTS_FILE", "MATINEE_FILE"):
        with pytest.raises(Invalid, match=f"There is no setting {name};"):
            read_settings({name: "/nowhere"})


def test_a_file_of_a_secret_that_every_user_can_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("hush")
    environment = {"MATINEE_JOIN_TOKEN_FILE": str(path), "AWS_SHARED_CREDENTIALS_FILE": str(path)}
    path.chmod(0o640)
    assert exposed_files(environment) == []
    path.chmod(0o644)
    told = exposed_files(environment)
    assert [sentence.split(":")[0] for sentence in told] == list(environment)
    assert all(str(path) in sentence for sentence in told)
    assert exposed_files({"MATINEE_PORT_FILE": str(path)}) == []


def test_secrets_are_shown_neither_by_settings_nor_by_their_errors(tmp_path: Path) -> None:
    secrets = {f"MATINEE_{name}": "hush" for name in ("DATABASE", "EVENTS", "TOKEN_KEYS", "JOIN_TOKEN")}
    assert "hush" not in repr(read_settings(secrets))
