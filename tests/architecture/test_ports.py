"""Every port has its two sides and a file of contract tests that both pass; what is still awaited has a name."""

import ast
import importlib
import inspect
from dataclasses import dataclass

import pytest

from house import ROOT, SOURCE, imported, python_files, shown, tree

ADAPTERS = SOURCE / "adapters"
CONTRACTS = ROOT / "tests" / "contracts"

# Sides that later issues bring. Take a name away when its file comes; the contract test is then to run against it.
AWAITED: set[str] = set()


@dataclass(frozen=True, slots=True)
class Sides:
    """Where a port's contract is tested, and the files of its sides."""

    contract: str
    adapters: tuple[str, ...]


_EVENTS = Sides("test_events", ("events_database", "events_jetstream"))
PORTS = {
    "Clock": Sides("test_clock", ("clock_system", "clock_manual")),
    # Under every log, what a change tells is left in the change's own database: its two sides are the databases.
    "Outbox": Sides("test_events", ("events_database",)),
    "Relay": _EVENTS,
    "EventLog": _EVENTS,
    "Tail": _EVENTS,
    "Group": _EVENTS,
    # As the outbox: SQLite and PostgreSQL.
    "Leases": Sides("test_leases", ("leases_database",)),
    "Compute": Sides("test_compute", ("compute_local", "compute_ray")),
    "DataPlane": Sides("test_dataplane", ("dataplane_embedded", "dataplane_nginx")),
    "ControlChannel": Sides("test_control", ("control_http", "control_nats")),
}
HERE = {(port, name) for port, sides in PORTS.items() for name in sides.adapters if name not in AWAITED}


def protocols() -> dict[str, ast.ClassDef]:
    return {
        node.name: node
        for node in tree(SOURCE / "ports.py").body
        if isinstance(node, ast.ClassDef) and any(isinstance(b, ast.Name) and b.id == "Protocol" for b in node.bases)
    }


def test_every_port_is_listed_with_its_sides() -> None:
    assert set(protocols()) == set(PORTS)


def test_every_side_is_there_or_awaited_by_name() -> None:
    sides = {name for port in PORTS.values() for name in port.adapters}
    assert sides >= AWAITED
    assert {name for name in sides if not (ADAPTERS / f"{name}.py").exists()} == AWAITED


def test_every_adapter_is_named_for_its_port_and_engine() -> None:
    parts = {name.split("_")[0] for port in PORTS.values() for name in port.adapters}
    files = {path.stem for path in python_files("src/matinee/adapters")} - {"__init__"}
    assert {name for name in files if name.split("_")[0] not in parts or "_" not in name} == set()


@pytest.mark.parametrize(("port", "adapter"), sorted(HERE))
def test_every_adapter_offers_what_its_port_asks(port: str, adapter: str) -> None:
    wanted = getattr(importlib.import_module("matinee.ports"), port)
    methods = [name for name, value in vars(wanted).items() if inspect.isfunction(value) and not name.startswith("_")]
    assert methods
    offered = [value for _, value in inspect.getmembers(importlib.import_module(f"matinee.adapters.{adapter}"))]
    fitting = [
        kind
        for kind in offered
        if inspect.isclass(kind)
        and kind.__module__.startswith("matinee.adapters.")
        and all(_fits(getattr(kind, name, None), getattr(wanted, name)) for name in methods)
    ]
    assert fitting, f"No class of adapters/{adapter}.py is a {port}."


def _fits(offered: object, wanted: object) -> bool:
    if not inspect.isfunction(offered) or not inspect.isfunction(wanted):
        return False
    same_colour = inspect.iscoroutinefunction(offered) == inspect.iscoroutinefunction(wanted)
    return same_colour and list(inspect.signature(offered).parameters) == list(inspect.signature(wanted).parameters)


@pytest.mark.parametrize(("port", "adapter"), sorted(HERE))
def test_every_adapter_runs_through_its_ports_contract(port: str, adapter: str) -> None:
    contract = CONTRACTS / f"{PORTS[port].contract}.py"
    assert contract.exists(), f"{shown(contract)} is missing."
    assert f"matinee.adapters.{adapter}" in imported(contract)


def test_every_sentence_of_a_contract_can_be_read() -> None:
    for name, port in protocols().items():
        assert ast.get_docstring(port), name
        for method in port.body:
            if isinstance(method, (ast.FunctionDef, ast.AsyncFunctionDef)):
                assert ast.get_docstring(method), f"{name}.{method.name}"
