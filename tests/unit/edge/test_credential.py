import os
import random
from pathlib import Path

import pytest

from matinee.edge.credential import Credential
from matinee.edge.keeping import write_private
from matinee.model.errors import Invalid


@pytest.fixture
def credential(tmp_path: Path) -> Credential:
    return Credential(tmp_path / "control", random.Random(1).randbytes)


def test_a_credential_is_written_down_before_it_is_shown_for_its_own_user_alone(
    credential: Credential, tmp_path: Path
) -> None:
    shown = credential.choose("a token")
    assert shown.enrols
    assert shown.credential not in repr(shown)
    kept = tmp_path / "control" / "credential.next"
    assert shown.credential in kept.read_text()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.parent.stat().st_mode & 0o777 == 0o700
    assert "a token" not in kept.read_text()


def test_after_a_lost_answer_the_same_one_is_shown_again(credential: Credential, tmp_path: Path) -> None:
    shown = credential.choose("a token")
    assert Credential(tmp_path / "control").choose("a token") == shown


def test_once_it_is_taken_the_same_token_enrols_no_more_nor_does_none(credential: Credential, tmp_path: Path) -> None:
    shown = credential.choose("a token")
    credential.enrolled()
    for token in ("a token", ""):
        again = Credential(tmp_path / "control").choose(token)
        assert (again.credential, again.enrols) == (shown.credential, False)


def test_another_token_makes_another_credential_and_the_one_before_stays_until_that_is_taken(
    credential: Credential,
) -> None:
    first = credential.choose("a token").credential
    credential.enrolled()
    assert credential.joins("another")
    second = credential.choose("another")
    assert second.enrols
    assert second.credential != first
    assert credential.before() == first
    credential.enrolled()
    assert credential.before() == second.credential
    assert not credential.joins("another")


def test_without_credential_and_token_it_says_how_to_join(credential: Credential) -> None:
    with pytest.raises(Invalid, match="join-token"):
        credential.choose("")


def test_a_file_that_cannot_be_read_is_as_if_it_were_not_there(credential: Credential, tmp_path: Path) -> None:
    write_private(tmp_path / "control" / "credential", b"")
    with pytest.raises(Invalid):
        credential.choose("")


def test_a_disk_that_takes_no_file_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_private(tmp_path / "kept", b"before")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_private(tmp_path / "kept", b"after")
    assert (tmp_path / "kept").read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [tmp_path / "kept"]
