import re
from http import HTTPStatus

import pytest
from obstore.exceptions import GenericError
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException

from matinee.api.problems import STATUSES, problem_of
from matinee.model import errors
from matinee.model.errors import Invalid, LimitReached, MatineeError, NotFound, SignInRequired, Unavailable


def leaves(kind: type[MatineeError]) -> set[type[MatineeError]]:
    # A room may tell its own Unavailable from others'; to callers it is the tree's.
    below = [one for one in kind.__subclasses__() if one.__module__ == errors.__name__]
    return set[type[MatineeError]]().union(*map(leaves, below)) if below else {kind}


def test_every_error_has_the_status_that_its_tree_draws() -> None:
    drawn = dict(re.findall(r"── (\w+) .* (\d{3})$", errors.__doc__ or "", re.MULTILINE))
    assert {kind.__name__ for kind in leaves(MatineeError)} == set(drawn)
    assert {kind.__name__: str(status.value) for kind, status in STATUSES.items()} == drawn


@pytest.mark.parametrize("kind", [Invalid, NotFound, Unavailable])
def test_an_error_of_ours_says_its_own_sentence(kind: type[MatineeError]) -> None:
    assert problem_of(kind("The film is gone."), "GET", "/x").detail == "The film is gone."


def test_who_must_sign_in_is_told_how() -> None:
    assert problem_of(SignInRequired("Sign in."), "GET", "/x").headers == {"WWW-Authenticate": 'Bearer realm="matinee"'}


def test_who_must_wait_is_told_how_long() -> None:
    assert problem_of(LimitReached("Wait.", 12.3), "GET", "/x").headers == {"Retry-After": "13"}
    assert problem_of(LimitReached("Wait."), "GET", "/x").headers == {}


def test_an_error_nobody_foresaw_tells_nothing_of_itself() -> None:
    problem = problem_of(RuntimeError("password=hunter2"), "GET", "/x")
    assert problem.status is HTTPStatus.INTERNAL_SERVER_ERROR
    assert "hunter2" not in problem.detail


def test_a_database_that_is_away_is_a_matter_of_time() -> None:
    problem = problem_of(OperationalError("SELECT 1", {}, OSError("refused")), "GET", "/x")
    assert problem.status is HTTPStatus.SERVICE_UNAVAILABLE
    assert "Retry-After" in problem.headers


def test_an_object_store_that_is_away_is_a_matter_of_time_and_its_library_tells_nobody_more() -> None:
    problem = problem_of(GenericError("Error performing GET http://s3.internal/bucket/key"), "GET", "/x")
    assert problem.status is HTTPStatus.SERVICE_UNAVAILABLE
    assert "Retry-After" in problem.headers
    assert "s3.internal" not in problem.detail


@pytest.mark.parametrize("status", [400, 403, 404, 405, 413, 415, 422, 500, 503])
@pytest.mark.parametrize("detail", [None, "Too odd"])
def test_what_the_framework_refuses_is_a_sentence_too(status: int, detail: str | None) -> None:
    problem = problem_of(HTTPException(status, detail, headers={"Allow": "GET"}), "PUT", "/films")
    assert problem.status == status
    assert problem.headers == {"Allow": "GET"}
    assert problem.detail.endswith(".")
    assert not problem.detail.endswith("..")
    assert " " in problem.detail
