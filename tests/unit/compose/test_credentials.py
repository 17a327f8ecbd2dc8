from pathlib import Path

import pytest

from matinee.compose.credentials import with_credentials
from matinee.model.errors import Invalid

FILE = "[default]\naws_access_key_id = me\naws_secret_access_key=hush%/+=\n[edge]\naws_access_key_id = edge\n"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    path = tmp_path / "credentials"
    path.write_text(FILE)
    return {"AWS_REGION": "here", "AWS_SHARED_CREDENTIALS_FILE": str(path)}


def test_keys_come_from_the_file_that_the_environment_names(environment: dict[str, str]) -> None:
    found = with_credentials(environment)
    assert found == environment | {"AWS_ACCESS_KEY_ID": "me", "AWS_SECRET_ACCESS_KEY": "hush%/+="}
    assert with_credentials(environment | {"AWS_PROFILE": "edge"})["AWS_ACCESS_KEY_ID"] == "edge"


def test_keys_of_the_environment_itself_go_before() -> None:
    assert with_credentials({"AWS_REGION": "here"}) == {"AWS_REGION": "here"}
    given = {"AWS_ACCESS_KEY_ID": "mine", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere"}
    assert with_credentials(given) == given


@pytest.mark.parametrize("content", ["hush", "[default]\nhush", "[other]\nx=hush", None])
def test_a_file_that_cannot_be_read_is_named_and_not_repeated(environment: dict[str, str], content: str | None) -> None:
    path = Path(environment["AWS_SHARED_CREDENTIALS_FILE"])
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(Invalid, match="AWS_SHARED_CREDENTIALS_FILE=") as refusal:
        with_credentials(environment)
    assert str(path) in str(refusal.value)
    assert "hush" not in str(refusal.value)
