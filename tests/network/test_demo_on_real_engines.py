"""``make demo ENGINES=real``: every engine, one command, and every film whole from every edge."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from deploy.local.__main__ import missing as lacking
from deploy.local.__main__ import postgresql_folder

from engines import missing
from house import ROOT
from running_demo import draw, free_port


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "data"
    shutil.rmtree(postgresql_folder(tmp_path / "data"), ignore_errors=True)


def test_the_demo_on_real_engines_plays_every_film_through_every_edge_and_is_there_again(
    data: Path, tmp_path: Path
) -> None:
    if os.geteuid() != 0:
        missing("What Ray's nodes need", "run make test as root")
    for sentence in lacking():
        missing("An engine of the demo", sentence)
    draw(tmp_path / "films" / "tide.mp4", 3.0)
    command = [sys.executable, "-m", "deploy.local", "--data", str(data), "--port", str(free_port())]
    command += ["--films", str(tmp_path / "films"), "--check"]
    for _ in range(2):
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
        assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
        told = json.loads(ran.stdout.splitlines()[-1])
        assert told["ok"], told
        assert (told["films"], told["edges"], told["plays"]) == (1, 3, 5)
