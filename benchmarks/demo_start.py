"""How soon is the demo a service? First drawn film playable, all eight, all whole, a restart; the memory of it all.

Bars: 15 s, 120 s twice, 5 s; 2 GiB of proportional set size. Each time counts from the command to the answer over HTTP.
"""

import re
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import httpx
import psutil

from benchmarks.machine import report

PORT = 18400
FILMS = 8
SETTLE_SECONDS = 5.0


class Run:
    """One start of the demo on a data folder."""

    def __init__(self, data: Path) -> None:
        self.started = time.monotonic()
        self.output = data.with_suffix(".out")
        with self.output.open("wb") as out:
            command = [sys.executable, "-m", "matinee.cli", "demo", "--data", str(data), "--port", str(PORT)]
            self.process = subprocess.Popen(command, stdout=out, stderr=out)

    def seconds_until_playable(self, count: int, *, whole: bool) -> float:
        """Seconds from the command to ``count`` films in the member's catalogue, over HTTP; ``whole``: all of each."""
        with httpx.Client(base_url=f"http://127.0.0.1:{PORT}/api/v1", timeout=5) as client:
            while True:
                with suppress(httpx.HTTPError, KeyError):
                    if "Authorization" not in client.headers:
                        body = {"email": "viewer@matinee.example", "password": "matinee-demo"}
                        token = client.post("/sessions", json=body).raise_for_status().json()["token"]
                        client.headers["Authorization"] = f"Bearer {token}"
                    answer = client.get("/titles", params={"query": ""}).raise_for_status().json()
                    if sum(not (whole and title["is_growing"]) for title in answer["titles"]) >= count:
                        return time.monotonic() - self.started
                if self.process.poll() is not None:
                    sys.exit(self.output.read_text())
                time.sleep(0.1)

    def memory_mib(self) -> float:
        """Proportional set size of the demo and all its processes, MiB."""
        processes = [psutil.Process(self.process.pid)]
        processes += processes[0].children(recursive=True)
        total = 0
        for process in processes:
            rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
            total += int(re.search(r"^Pss:\s+(\d+)", rollup, re.MULTILINE)[1])  # type: ignore[index]
        return total / 1024

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=30)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="matinee-bench-") as folder:
        data = Path(folder) / "data"
        run = Run(data)
        first = run.seconds_until_playable(1, whole=False)
        busy = run.memory_mib()
        every = run.seconds_until_playable(FILMS, whole=False)
        whole = run.seconds_until_playable(FILMS, whole=True)
        time.sleep(SETTLE_SECONDS)
        idle = run.memory_mib()
        run.stop()
        again = Run(data)
        restart = again.seconds_until_playable(FILMS, whole=True)
        again.stop()
    rows = [
        {"what": "first drawn film playable", "figure": f"{first:.1f} s", "bar": "15 s"},
        {"what": "all eight playable from their start", "figure": f"{every:.1f} s", "bar": "120 s"},
        {"what": "all eight whole, with ladders of their own", "figure": f"{whole:.1f} s", "bar": "120 s"},
        {"what": "restart, all eight playable", "figure": f"{restart:.1f} s", "bar": "5 s"},
        {"what": "memory of all processes (PSS) while encoding", "figure": f"{busy:.0f} MiB", "bar": "2048 MiB"},
        {"what": "memory of all processes (PSS) at rest", "figure": f"{idle:.0f} MiB", "bar": "2048 MiB"},
    ]
    report("demo_start", "how soon is the demo a service, and how big is it?", rows)


if __name__ == "__main__":
    main()
