"""Real engines for the tests: started by ``deploy/local``, for the session, and stopped at its end.

A missing engine skips its tests with the reason on a laptop and fails them where ``CI=true``.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
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
def ray_cluster(
    nodes: Sequence[int],
    *,
    tls: bool = False,
    environment: Mapping[str, str] | None = None,
    on: ray.Hosts | None = None,
    private: Path | None = None,
) -> Iterator[ray.Cluster]:
    """A Ray cluster whose tasks find the tests' modules; this process's environment is fit to speak to it.

    ``environment`` is for its tasks; ``on`` are hosts that it shares with others; ``private`` as in ``ray.cluster``.
    """
    if ray.find() is None:
        missing("Ray", ray.INSTALL)
    modules = {"PYTHONPATH": str(Path(__file__).parent), **(environment or {})}
    with (
        nullcontext(on) if on is not None else ray.hosts() as hosts,
        ray.cluster(hosts, nodes, environment=modules, tls=tls, private=private) as cluster,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in cluster.environment.items():
            patch.setenv(name, value)
        yield cluster
