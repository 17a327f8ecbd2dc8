"""The world that others are tested in is as far, as narrow and as lossy as it was asked to be, and leaves nothing."""

import os
import signal
import socket
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from engines import missing
from network import gauges
from network.hosts import ROOT
from network.line import Line, Span, Traffic, read_trace
from network.world import World, why_not, world
from running_demo import until

REGIONS = {"origin": "europe", "parent": "europe", "edge": "asia", "viewer": "asia", "other": "america"}
ROUND_TRIPS = {("europe", "asia"): 0.2, ("europe", "america"): 0.08}
TRACES = ROOT.parent / "shared" / "data" / "network-traces"
BIG_BYTES = 1500
# Nobody else on this machine sleeps so long.
SLEEP_SECONDS = f"4321.{os.getpid()}"


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    if reason := why_not():
        missing("What a world of hosts needs", reason)
    with world(REGIONS, ROUND_TRIPS) as made:
        yield made


def traffic(line: Line) -> Traffic:
    return Traffic(line, Random(1))


def test_a_packet_takes_the_way_and_the_time_that_its_bits_need() -> None:
    line = traffic(Line(delay_seconds=0.1, rate_bps=1_000_000))
    assert line.carry(5.0, 125) == pytest.approx(5.101)
    # The second one waits until the first has left.
    assert line.carry(5.0, 125) == pytest.approx(5.102)
    assert line.carry(7.0, 125) == pytest.approx(7.101)


def test_a_full_queue_drops_what_comes_and_a_cut_line_everything() -> None:
    line = traffic(Line(rate_bps=1_000_000, queue_seconds=0.0095))
    fates = [line.carry(0.0, 125) for _ in range(20)]
    assert fates == [*(pytest.approx(place / 1000) for place in range(1, 11)), *[None] * 10]
    assert traffic(Line(cut=True)).carry(0.0, 125) is None


def test_jitter_lies_between_none_and_all_and_nobody_overtakes() -> None:
    line = traffic(Line(delay_seconds=0.1, jitter_seconds=0.05))
    came = [out for place in range(500) if (out := line.carry(place * 0.1, 100)) is not None]
    late = [out - place * 0.1 - 0.1 for place, out in enumerate(came)]
    assert min(late) == pytest.approx(0, abs=0.002)
    assert max(late) == pytest.approx(0.05, abs=0.002)
    soon = [line.carry(100 + place * 0.001, 100) for place in range(500)]
    assert soon == sorted(soon, key=lambda out: out or 0.0)


def test_a_trace_is_played_round_and_round_and_a_packet_waits_for_a_hole_to_end() -> None:
    line = traffic(Line(queue_seconds=9, trace=(Span(1, 1000, 0.5), Span(2, 0), Span(1, 2000))))
    assert line.carry(0.5, 25) == pytest.approx(1.2)  # 200 bits at 1000 bit/s, and half a second of way
    assert line.carry(0.9, 50) == pytest.approx(3.15)  # 100 bits before the hole of two seconds, 300 after it
    assert line.carry(3.95, 100) == pytest.approx(5.2)  # 100 bits in this round, 700 in the next, and its way
    assert line.carry(4001.5, 25) == pytest.approx(4003.1)


def test_a_trace_in_which_nothing_ever_passes_is_refused() -> None:
    with pytest.raises(ValueError, match="cut line"):
        traffic(Line(trace=(Span(1, 0),)))


def test_recorded_traces_can_be_read() -> None:
    if not TRACES.exists():
        pytest.skip(f"{TRACES} is not here")
    files = sorted(TRACES.rglob("*.json"))
    assert files
    for file in files:
        spans = read_trace(file)
        mean_bps = sum(span.duration_seconds * span.rate_bps for span in spans) / sum(
            span.duration_seconds for span in spans
        )
        assert 10_000 < mean_bps < 500_000_000, file
        assert traffic(Line(trace=spans, queue_seconds=1e9)).carry(0.0, BIG_BYTES) is not None


def is_far(here: World, one: str, other: str, round_trip_ms: float) -> bool:
    """Whether a round trip takes as long as it should, on a machine that is not busy for a moment."""
    found = gauges.shortest_ms(here, one, other, round_trip_ms + 15)
    return round_trip_ms - 1 <= found <= round_trip_ms + 15


def test_hosts_of_a_region_are_near_and_regions_as_far_apart_as_asked(here: World) -> None:
    for one, other, seconds in (("edge", "viewer", 0.0), ("origin", "edge", 0.2), ("other", "parent", 0.08)):
        assert is_far(here, one, other, seconds * 1000), (one, other)


def test_hosts_without_a_line_between_them_do_not_hear_each_other(here: World) -> None:
    assert gauges.arrivals(here, "other", "viewer", 5) == []


def test_every_host_is_reached_at_its_own_address_and_comes_from_it(here: World) -> None:
    def listening() -> socket.socket:
        return socket.create_server((here["origin"].address, 8400))

    with here.inside("origin", listening) as server:
        for name in ("edge", "other", "parent"):
            address = server.getsockname()
            with here.inside(name, lambda address=address: socket.create_connection(address, 60)):  # type: ignore[misc]
                connection, (come_from, _) = server.accept()
                connection.close()
                assert come_from == here[name].address


def test_a_near_host_sends_as_fast_as_it_may_and_no_faster(here: World) -> None:
    free_bps, _ = gauges.throughput_bps(here, "parent", "origin", 0.5, 100_000_000)
    assert free_bps > 100_000_000
    here.limit("parent", 20_000_000)
    best_bps, all_bps = gauges.throughput_bps(here, "parent", "origin", 1.5, 15_200_000)
    assert best_bps > 15_200_000
    assert all_bps < 22_800_000


def test_a_far_line_carries_its_rate(here: World) -> None:
    here.lay("other", "parent", Line(delay_seconds=0.02, rate_bps=10_000_000))
    best_bps, all_bps = gauges.throughput_bps(here, "other", "parent", 2, 7_200_000)
    assert best_bps > 7_200_000
    assert all_bps < 11_900_000
    assert is_far(here, "other", "parent", 40)


def test_a_far_line_loses_its_share_and_keeps_the_order(here: World) -> None:
    here.lay("other", "parent", Line(delay_seconds=0.01, jitter_seconds=0.02, loss=0.1), Line())
    heard = gauges.arrivals(here, "other", "parent", 2000)
    assert heard == sorted(heard)
    assert 1 - len(heard) / 2000 == pytest.approx(0.1, abs=0.04)


def test_a_far_line_follows_a_trace(here: World) -> None:
    trace = (Span(2, 12_000_000, 0.01), Span(2, 2_000_000, 0.01))
    here.lay("other", "parent", Line(trace=trace), Line())
    rates = gauges.carried_bps(here, "other", "parent", 16_000_000, 0.5, windows=12)
    # The trace may have begun a while before the first window: two seconds of six are slow, one after another.
    slow = sorted(range(len(rates)), key=rates.__getitem__)[:3]
    assert max(slow) - min(slow) <= 3, rates
    # What the queue held when the line became slow, half a second of it, comes at the slow rate.
    assert statistics.median(rates[place] for place in slow) == pytest.approx(1_950_000, rel=0.25), rates
    assert statistics.median(sorted(rates)[-6:]) == pytest.approx(11_700_000, rel=0.25), rates


def test_a_host_answers_to_loss_as_it_was_told(here: World) -> None:
    here.lay("other", "parent", Line(delay_seconds=0.02, rate_bps=20_000_000, loss=0.02))
    found = {}
    for how in ("bbr", "reno"):
        here.control_congestion("other", how)
        found[how], _ = gauges.throughput_bps(here, "other", "parent", 2, 8_000_000, most=4)
    assert found["bbr"] > 8_000_000, found
    assert found["reno"] < 0.6 * found["bbr"], found


def test_a_host_that_is_cut_off_is_silent_near_and_far_until_it_joins_again(here: World) -> None:
    here.cut("edge")
    assert gauges.arrivals(here, "origin", "edge", 5) == []
    # Nobody tells a neighbour why: it sends for as long as it remembers where the other stood.
    with pytest.raises(OSError, match=r"timed out|No route"):
        here.inside("viewer", lambda: socket.create_connection((here["edge"].address, 8400), 1))
    here.join("edge")
    assert is_far(here, "origin", "edge", 200)
    assert is_far(here, "viewer", "edge", 0)


def left(made: World) -> list[str]:
    """What there is of a world on this machine."""
    spaces = [host.space.name for host in made.hosts.values()]
    shown = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    shown += subprocess.run(["ip", "-brief", "link"], capture_output=True, text=True, check=True).stdout
    found = [name for name in spaces if name in shown]
    found += [name for name in (spaces[0].rpartition("-")[0],) if name in shown]
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if f"sleep {SLEEP_SECONDS}" in words or f"{made.home}" in words:
                found.append(words)
    return [*found, *(str(path) for path in (made.home,) if path.exists())]


def test_nothing_is_left_of_a_world_in_which_something_failed() -> None:
    if reason := why_not():
        missing("What a world of hosts needs", reason)
    seen = []

    def fail() -> None:
        with world({"one": "a", "two": "b"}, {("a", "b"): 0.01}) as made:
            made["one"].start("sleeper", ["sleep", SLEEP_SECONDS])
            seen.append(made)
            assert left(made)
            raise RuntimeError("it failed")

    with pytest.raises(RuntimeError, match="it failed"):
        fail()
    # Killed is not yet gone.
    until("a machine with nothing of that world", lambda: left(seen[0]) == [])


KILLED = """
import time
from network.world import world
with world({"one": "a", "two": "b"}, {("a", "b"): 0.01}) as made:
    made["one"].start("sleeper", ["sleep", "900"])
    print(made["one"].space.name, made.home, made.lines._process.pid, flush=True)
    time.sleep(600)
"""


def test_what_a_killed_process_leaves_of_its_world_the_next_world_sweeps_away() -> None:
    if reason := why_not():
        missing("What a world of hosts needs", reason)
    places = {"PYTHONPATH": os.pathsep.join([str(ROOT / "tests"), str(ROOT)])}
    with subprocess.Popen(
        [sys.executable, "-c", KILLED], env=os.environ | places, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        name, home, relay = process.stdout.readline().split()
        process.send_signal(signal.SIGKILL)
    with world({"one": "a"}, {}):
        shown = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
        assert name not in shown
        # It ends by itself when nobody speaks to it any more.
        until("the relay's end", lambda: not Path(f"/proc/{relay}/fd/0").exists())
        assert not Path(home).exists()
