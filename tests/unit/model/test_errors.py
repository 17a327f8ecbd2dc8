"""What is said of an error."""

import pytest

from matinee.model.errors import bare_reason

_TRIED = "Error performing GET http://10.0.0.7:9000/b/k in 1.2s, after 2 retries, max_retries: 2"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            f"Generic S3 error: {_TRIED} - HTTP error: error sending request\nCaused by: more",
            "HTTP error: error sending request",
        ),
        (
            f"Generic S3 error: {_TRIED} - Server returned non-2xx status code: 503: <html>no</html>",
            "Server returned non-2xx status code: 503",
        ),
        ("Generic LocalFileSystem error: Unable to open file /srv/films/one: full", "it met an error"),
        (f"Generic S3 error: {_TRIED}", "it met an error"),
        ("", "it met an error"),
    ],
)
def test_a_reason_names_neither_address_nor_path_nor_body(said: str, reason: str) -> None:
    assert bare_reason(OSError(said)) == reason
