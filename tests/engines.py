"""Real engines for the tests: started by ``deploy/local``, for the session, and stopped at its end.

A missing engine skips its tests with the reason on a laptop and fails them where ``CI=true``.
"""

import os

import pytest


def missing(engine: str, how: str) -> None:
    """Skip the test, or fail it in CI: the engine it needs is not here."""
    sentence = f"{engine} is not installed here: {how}"
    if os.environ.get("CI") == "true":
        pytest.fail(sentence)
    pytest.skip(sentence)
