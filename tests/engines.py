"""Real engines for the tests: started by ``deploy/local``, for the session, and stopped at its end.

A missing engine skips its tests with the reason on a laptop and fails them where ``CI=true``.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from deploy.local import ray


def missing(engine: str, how: str) -> None:
    """Skip the test, or fail it in CI: the engine it needs is not here."""
    sentence = f"{engine} is not installed here: {how}"
    if os.environ.get("CI") == "true":
        pytest.fail(sentence)
    pytest.skip(sentence)


@contextmanager
def ray_cluster(nodes: Sequence[int], *, tls: bool = False) -> Iterator[ray.Cluster]:
    """A Ray cluster whose tasks find the tests' modules; this process's environment is fit to speak to it."""
    if ray.find() is None:
        missing("Ray", ray.INSTALL)
    modules = {"PYTHONPATH": str(Path(__file__).parent)}
    with (
        ray.hosts() as hosts,
        ray.cluster(hosts, nodes, environment=modules, tls=tls) as cluster,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in cluster.environment.items():
            patch.setenv(name, value)
        yield cluster
