"""What becomes of work for a cluster when the process that speaks to Ray cannot be started or says what is not read."""

import sys
import time
from pathlib import Path

import pytest
import structlog

from matinee.adapters.compute_ray import RayCompute
from matinee.model.errors import Unavailable
from matinee.ports import Needs, Task

_LINK = """#!{python}
import pickle, sys
from matinee.adapters.compute_line import Machine
def say(*words):
    sys.stdout.buffer.write(pickle.dumps(words))
    sys.stdout.buffer.flush()
say("machines", [Machine("one", 2.0, 2**30)])
while True:
    order = pickle.load(sys.stdin.buffer)
    if order[0] == "start":
        say("ended", order[1], b"cmatinee.gone\\nThing\\n.")
"""


def test_a_link_that_cannot_be_started_and_an_outcome_that_cannot_be_read_leave_no_future_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python, link = sys.executable, tmp_path / "link"
    monkeypatch.setattr(sys, "executable", str(link))
    with structlog.testing.capture_logs() as logs:
        compute = RayCompute("ray://127.0.0.1:1")
        try:
            future = compute.submit(Task("sorting", sorted, ((2, 1),), Needs(1.0)))
            while not any(entry["event"] == "compute.link_failed" for entry in logs):
                time.sleep(0.01)
            written = tmp_path / "written"
            written.write_text(_LINK.format(python=python))
            written.chmod(0o755)
            written.replace(link)
            with pytest.raises(Unavailable, match=r"What sorting returned cannot be read here: .*matinee\.gone"):
                future.result(timeout=60)
        finally:
            compute.close()
