"""One real control plane as a process of its own, on SQLite."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from running_edge import until


@dataclass
class Serve:
    """``matinee serve`` on a database that the session's template fills."""

    data: Path
    port: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "MATINEE_DATA": str(self.data), "MATINEE_PORT": str(self.port)}

    def matinee(self, *words: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "matinee.cli", *words, "--json"],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    @contextmanager
    def running(self) -> Iterator[None]:
        with (self.data / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "matinee.cli", "serve"], env=self.environment, stdout=log, stderr=log
            )
        try:
            until("serve answers", lambda: self.answers("/readyz"))
            yield
        finally:
            process.terminate()
            process.wait(60)

    def answers(self, path: str) -> bool:
        try:
            return httpx.get(f"{self.address}{path}", trust_env=False).is_success
        except httpx.HTTPError:
            return False
