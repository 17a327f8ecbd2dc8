"""A million objects in one bucket: listed how fast, in how much memory, and one title's files among them how soon.

The rows of a million objects are put into the container of a real S3 server (OpenStack Swift's) by Swift's own broker,
since putting as many objects would take hours; what is asked is its S3 interface, as Matinee asks it. Beside it stands
Swift's own listing: pages of 10,000 in JSON, past the S3 interface. Who asks is a new process for each row, so that its
memory is that row's alone.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import httpx
import obstore
from deploy.local.swift import OWNER, Swift, swift

from benchmarks.machine import report

TITLES, FILES = 1_000, 1_000
BUCKET = "million"
# Of one walk through all, each so many objects are a figure of the spread.
STRETCH = 100_000
TITLE_ROUNDS = 20

_FILL = """
import sys, time
from pathlib import Path
from swift.common import utils
from swift.common.utils import Timestamp
from swift.container.backend import ContainerBroker
folder, bucket, titles, files = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
utils.set_swift_dir(str(folder))
for path in folder.glob("devices/d1/containers/*/*/*/*.db"):
    broker = ContainerBroker(str(path))
    if broker.get_info()["container"] == bucket:
        break
else:
    sys.exit("The bucket has no database.")
etag, kind = "d41d8cd98f00b204e9800998ecf8427e", "video/iso.segment"
for title in range(titles):
    now = Timestamp.now().internal
    broker.merge_items([
        {"name": f"media/title{title:011}/revision0000001/v1080/{file:05}.m4s", "created_at": now, "size": 1_000_000,
         "content_type": kind, "etag": etag, "deleted": 0, "storage_policy_index": 0}
        for file in range(files)
    ])
"""


def main() -> None:
    """Fill, list, and report."""
    with tempfile.TemporaryDirectory(prefix="matinee-listing-", dir="/tmp") as folder, swift(Path(folder)) as server:
        server.create_bucket(BUCKET)
        seconds = _filled(server)
        rows = [_apart(what, server) for what in QUESTIONS]
    report(
        "listing",
        f"listing a bucket of {TITLES * FILES:,} objects on S3",
        rows,
        filled=f"{TITLES * FILES:,} rows in {seconds:.0f} s, by Swift's own broker",
        memory="the most that a process of its own held resident, less what it held before it asked",
    )


def _apart(what: str, server: Swift) -> dict[str, object]:
    command = [sys.executable, "-m", "benchmarks.listing", what, str(urlsplit(server.address).port)]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=1200).stdout
    row: dict[str, object] = json.loads(told)
    return row


def answer(what: str, port: int) -> dict[str, object]:
    """One row, asked of the server at a port from this process."""
    server = Swift(Path(), port=port)
    # It is known and was asked once: connections, certificates and code are not counted as the listing's.
    obstore.list(server.store(BUCKET), "none/").collect()
    before = _most_resident_kib()
    row = {"what": what} | QUESTIONS[what](server)
    return row | {"memory grown by": f"{(_most_resident_kib() - before) / 1024:.0f} MiB"}


def _most_resident_kib() -> int:
    """The most this process ever held; ``ru_maxrss`` would count what its parent held when it was forked."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def _filled(server: Swift) -> float:
    started = time.perf_counter()
    command = [sys.executable, "-W", "ignore", "-c", _FILL, str(server.folder), BUCKET, str(TITLES), str(FILES)]
    subprocess.run(command, check=True, timeout=1200)
    return time.perf_counter() - started


def _all(server: Swift, pages: Callable[[Swift], Iterator[int]]) -> dict[str, object]:
    rates: list[float] = []
    count, reached, since = 0, 0, time.perf_counter()
    for page in pages(server):
        count += page
        if count >= reached + STRETCH:
            now = time.perf_counter()
            rates.append((count - reached) / (now - since))
            reached, since = count, now
    assert count == TITLES * FILES, count
    return {
        "objects/s (median)": f"{median(rates):,.0f}",
        "spread": f"{min(rates):,.0f} to {max(rates):,.0f}, by 100,000 objects",
    }


def _obstore_all(server: Swift) -> Iterator[int]:
    return (len(page) for page in obstore.list(server.store(BUCKET), "media/", chunk_size=1000))


def _swift_all(server: Swift) -> Iterator[int]:
    with httpx.Client(trust_env=False, timeout=60) as client:
        known = {"X-Auth-User": OWNER.key, "X-Auth-Key": OWNER.secret}
        signed_in = client.get(f"{server.address}/auth/v1.0", headers=known).raise_for_status().headers
        client.headers["X-Auth-Token"] = signed_in["X-Auth-Token"]
        marker = ""
        while True:
            asked = {"format": "json", "limit": "10000", "marker": marker, "prefix": "media/"}
            answer = client.get(f"{signed_in['X-Storage-Url']}/{BUCKET}", params=asked).raise_for_status()
            page = json.loads(answer.content)
            if not page:
                return
            yield len(page)
            marker = page[-1]["name"]


def _one_title(server: Swift) -> dict[str, object]:
    store = server.store(BUCKET)
    took = []
    for number in range(TITLE_ROUNDS):
        prefix = f"media/title{number * TITLES // TITLE_ROUNDS:011}/"
        started = time.perf_counter()
        count = sum(len(page) for page in obstore.list(store, prefix))
        took.append(time.perf_counter() - started)
        assert count == FILES, count
    return {
        "objects/s (median)": f"{FILES / median(took):,.0f}",
        "spread": f"{min(took) * 1000:.0f} to {max(took) * 1000:.0f} ms each",
    }


QUESTIONS: dict[str, Callable[[Swift], dict[str, object]]] = {
    "all, obstore as Matinee lists": lambda server: _all(server, _obstore_all),
    "all, Swift's own listing (rival)": lambda server: _all(server, _swift_all),
    f"one title's {FILES:,} files among them": _one_title,
}

if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(answer(sys.argv[1], int(sys.argv[2]))))
    else:
        main()
