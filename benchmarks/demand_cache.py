"""What a demand cache of a given size keeps away from the origin, and what it writes for that: S3-FIFO beside others.

A real CDN's requests with their sizes (``cdn-request.trace.xz``: time, object, bytes), against caches of 1, 5 and 10 %
of the bytes of all objects. S3-FIFO and its admission are the edge's own classes. LRU is the plain one; Belady looks
ahead in the trace, drops whatever is asked for last, and lets nothing in that is never asked for again: nobody can do
that online. Nothing here is drawn by chance.

The trace: an argument, or ``$SHARED_FOLDER/data/cache-trace/…``, or ``../shared`` beside the repository.
"""

import heapq
import lzma
import os
import sys
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import report
from matinee.cache.admission import SecondRequest
from matinee.cache.eviction import S3Fifo

SHARES = (1, 5, 10)
# Facts for delivery, section 3.3: S3-FIFO's byte hit without admission at these sizes, of the same trace.
KNOWN = {1: 0.297, 5: 0.359, 10: 0.376}
WITHIN = 0.005

Request = tuple[int, int]


@dataclass
class Outcome:
    """Requests and bytes that were hits, and bytes that were written."""

    hits: int = 0
    hit_bytes: int = 0
    written_bytes: int = 0


def s3_fifo(trace: Sequence[Request], limit_bytes: int, *, second_request: bool) -> Outcome:
    """The edge's demand cache."""
    order, outcome = S3Fifo(limit_bytes), Outcome()
    admission = SecondRequest(limit_bytes, order.small_bytes)
    numbers: dict[int, int] = {}
    names: dict[int, int] = {}
    for name, size in trace:
        if (number := numbers.get(name)) is not None:
            outcome.hits, outcome.hit_bytes = outcome.hits + 1, outcome.hit_bytes + size
            if order.touch(number):
                admission.used(name, size)
            continue
        free = order.used_bytes + size <= limit_bytes
        if size > limit_bytes or (second_request and not admission.lets_in(name, size, free=free)):
            continue
        while order.used_bytes + size > limit_bytes:
            gone = order.evict()
            assert gone is not None
            del numbers[names.pop(gone)]
        numbers[name] = order.add(name, size)
        names[numbers[name]] = name
        outcome.written_bytes += size
    return outcome


def lru(trace: Sequence[Request], limit_bytes: int) -> Outcome:
    """The least recently used leaves."""
    held: OrderedDict[int, int] = OrderedDict()
    used, outcome = 0, Outcome()
    for name, size in trace:
        if name in held:
            held.move_to_end(name)
            outcome.hits, outcome.hit_bytes = outcome.hits + 1, outcome.hit_bytes + size
            continue
        if size > limit_bytes:
            continue
        while used + size > limit_bytes:
            used -= held.popitem(last=False)[1]
        held[name] = size
        used += size
        outcome.written_bytes += size
    return outcome


def belady(trace: Sequence[Request], limit_bytes: int) -> Outcome:
    """Whatever is asked for again last leaves, or is not let in."""
    never = len(trace)
    following, seen = [never] * len(trace), dict[int, int]()
    for place in range(len(trace) - 1, -1, -1):
        following[place] = seen.get(trace[place][0], never)
        seen[trace[place][0]] = place
    held: dict[int, tuple[int, int]] = {}
    farthest: list[tuple[int, int]] = []
    used, outcome = 0, Outcome()
    for place, (name, size) in enumerate(trace):
        known = held.get(name)
        if known is not None:
            outcome.hits, outcome.hit_bytes = outcome.hits + 1, outcome.hit_bytes + size
        elif size > limit_bytes or following[place] == never:
            continue
        held[name] = (following[place], size if known is None else known[1])
        heapq.heappush(farthest, (-following[place], name))
        if known is None:
            used += size
            outcome.written_bytes += size
        while used > limit_bytes:
            until, gone = heapq.heappop(farthest)
            if gone in held and held[gone][0] == -until:
                used -= held[gone][1]
                if gone == name:
                    outcome.written_bytes -= size if known is None else 0
                del held[gone]
    return outcome


POLICIES: tuple[tuple[str, Callable[[Sequence[Request], int], Outcome]], ...] = (
    ("LRU", lru),
    ("S3-FIFO", lambda trace, limit: s3_fifo(trace, limit, second_request=False)),
    ("S3-FIFO, second request", lambda trace, limit: s3_fifo(trace, limit, second_request=True)),
    ("Belady, offline", belady),
)


def main() -> None:
    shared = Path(os.environ.get("SHARED_FOLDER") or Path(__file__).parents[2] / "shared")
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else shared / "data/cache-trace/cdn-request.trace.xz"
    if not file.exists():
        print(f"demand_cache is skipped: there is no trace at {file} (its path may be the argument).")
        return
    with lzma.open(file, "rt") as lines:
        trace = [(int(name), int(size)) for _, name, size in (line.split() for line in lines)]
    sizes = dict(trace)
    all_bytes, asked_bytes = sum(sizes.values()), sum(size for _, size in trace)
    rows = []
    for share in SHARES:
        limit_bytes = all_bytes * share // 100
        for policy, run in POLICIES:
            outcome = run(trace, limit_bytes)
            byte_hit = outcome.hit_bytes / asked_bytes
            if policy == "S3-FIFO" and abs(byte_hit - KNOWN[share]) > WITHIN:
                sys.exit(f"S3-FIFO at {share} % hits {byte_hit:.3f} of the bytes; {KNOWN[share]:.3f} is known.")
            rows.append(
                {
                    "cache, % of bytes": share,
                    "policy": policy,
                    "byte hit": f"{byte_hit:.3f}",
                    "request hit": f"{outcome.hits / len(trace):.3f}",
                    "written, of bytes asked for": f"{outcome.written_bytes / asked_bytes:.3f}",
                }
            )
    report(
        "demand_cache",
        "a real CDN's requests: what does a demand cache hit, and what does it write for that?",
        rows,
        trace=f"{file.name}: {len(trace)} requests for {len(sizes)} objects of {all_bytes / 1e6:.0f} MB",
        bar="S3-FIFO without admission within 0.005 of the byte hit that is known of it: "
        + ", ".join(f"{known} at {share} %" for share, known in KNOWN.items()),
    )


if __name__ == "__main__":
    main()
