"""Files that come because a plan says so: real edges, told their plan and each other over the control channel."""

import hashlib
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path

import pytest

from matinee.model.plans import FillWindow, PlannedFile, PlanPage
from running_edge import PREFIX, ControlPlane, Manner, RunningEdge, SlowOrigin, free_port, running, until

MEGABYTE = 1_000_000
FILES = {f"{number}.m4s": random.Random(number).randbytes(MEGABYTE) for number in range(6)}


def _planned(file: str, *, elected: bool = True) -> PlannedFile:
    digest = hashlib.sha256(FILES[file]).hexdigest()
    return PlannedFile(PREFIX + file, MEGABYTE, 1.0, digest, elected)


def _source(edge_id: str, kind: str, port: int) -> dict[str, str]:
    return {"edge_id": edge_id, "kind": kind, "url": f"http://127.0.0.1:{port}"}


def _placed(edge: RunningEdge) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (edge.data / "cache" / "placed").rglob("*.m4s")}


@pytest.fixture
def origin() -> Iterator[SlowOrigin]:
    started = SlowOrigin({f"media/{PREFIX}{file}": data for file, data in FILES.items()})
    yield started
    started.close()


Launch = Callable[..., RunningEdge]


@pytest.fixture
def launch(origin: SlowOrigin, tmp_path: Path) -> Iterator[Launch]:
    """Start an edge that is told these sources and is to hold these files."""
    with ExitStack() as stack:

        def start(
            edge_id: str, *sources: dict[str, str], files: tuple[PlannedFile, ...] = (), port: int | None = None
        ) -> RunningEdge:
            control = ControlPlane()
            stack.callback(control.close)
            control.orders = {"draining": False, "egress_limit_bps": None, "sources": sources, "plan_generation": 7}
            control.answers["plan/7?page=0"] = asdict(PlanPage(7, 0, 1, files, FillWindow()))
            own = {**origin.environment, "MATINEE_EDGE_ID": edge_id}
            data = tmp_path / edge_id
            edge = RunningEdge(data, "s3://bucket", control.address, environment=own, port=port or free_port())
            return stack.enter_context(running(edge))

        yield start


def test_a_site_fetches_each_planned_file_once_from_afar_and_its_edges_copy_it_from_each_other(
    origin: SlowOrigin, launch: Launch
) -> None:
    def holds_all(edge: RunningEdge) -> bool:
        return _placed(edge) == FILES

    def counted(edge: RunningEdge) -> bool:
        fetched = {source: edge.metric("fetched_bytes_total", source=source) for source in ("peer", "origin")}
        placed = edge.metric("placed_bytes_total"), edge.metric("placed_total", outcome="kept")
        return (
            fetched == {"peer": 3 * MEGABYTE, "origin": 3 * MEGABYTE}
            and placed == (6 * MEGABYTE, 6)
            and edge.metric("placing_left") == 0
        )

    ports = free_port(), free_port()
    edges = [
        launch(
            f"europe-{own}",
            _source(f"europe-{1 - own}", "peer", ports[1 - own]),
            files=tuple(_planned(file, elected=number % 2 == own) for number, file in enumerate(FILES)),
            port=ports[own],
        )
        for own in (0, 1)
    ]
    for edge in edges:
        until("the plan is carried out", partial(holds_all, edge))
        until("all of it is counted, and nothing is left", partial(counted, edge))
    assert all(origin.gets[f"media/{PREFIX}{file}"] == 1 for file in FILES)
    # The origin goes away, and everything plays on.
    origin.close()
    assert all(edge.get(file).content == data for edge in edges for file, data in FILES.items())


def test_a_wrong_file_of_a_parent_is_fetched_again_from_the_origin_and_held_right(
    origin: SlowOrigin, launch: Launch
) -> None:
    parent = launch("shield")
    file, data = next(iter(FILES.items()))
    wrong = data[: MEGABYTE // 2] + bytes([data[MEGABYTE // 2] ^ 1]) + data[MEGABYTE // 2 + 1 :]
    origin.objects[f"media/{PREFIX}{file}"] = wrong
    assert parent.get(file).content == wrong
    until("the parent holds it", lambda: file in parent.held())
    origin.objects[f"media/{PREFIX}{file}"] = data
    edge = launch("europe-1", _source("shield", "parent", parent.port), files=(_planned(file),))
    until("it is placed", lambda: _placed(edge) == {file: data})
    assert edge.metric("fills_total", outcome="corrupt") == 1
    assert "parent shield" in edge.log()
    assert edge.get(file).content == data
    assert origin.gets[f"media/{PREFIX}{file}"] == 2


def test_a_planned_file_is_fetched_to_its_end_though_its_only_viewer_left(origin: SlowOrigin, launch: Launch) -> None:
    file, data = next(iter(FILES.items()))
    # Another edge was elected for it, and no peer has it: only a viewer's request begins the fetch.
    origin.manners[f"media/{PREFIX}{file}"] = Manner(pause_seconds=0.05)
    edge = launch("europe-1", files=(_planned(file, elected=False),))
    until("the plan is known", lambda: edge.metric("placing_left") == 1)
    with edge.client.stream("GET", edge.url(file)) as answer:
        next(answer.iter_raw())
    until("it is placed", lambda: _placed(edge) == {file: data})
    assert origin.gets[f"media/{PREFIX}{file}"] == 1
