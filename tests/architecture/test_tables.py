"""Every table belongs to one room, is named for it, and nobody else asks it."""

import ast
import importlib
import re
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa

from house import SOURCE, imported, module, python_files, shown, strings, tree
from matinee.compose.database import all_metadata

# Adapters whose tables are a part's of their own, and what they are named for.
ADAPTERS = {"adapters/events_tables.py": "events", "adapters/leases_database.py": "schedule"}
# Rooms that were part of another one: their tables keep its name, for a rename would stop a release beside the next.
MOVED = {"encodes": "encoding"}


def defining() -> list[Path]:
    """The files that define tables."""
    return [
        path
        for path in python_files("src/matinee")
        if any(
            isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "Table"
            for node in ast.walk(tree(path))
        )
    ]


def owner(path: Path) -> str:
    inside = path.relative_to(SOURCE)
    part = path.stem.split("_")[0] if inside.parts[0] == "adapters" else inside.parts[0]
    return ADAPTERS.get(str(inside), MOVED.get(part, part))


def tables(path: Path) -> dict[str, sa.Table]:
    """A file's tables by name."""
    found = importlib.import_module(module(path)).metadata
    assert isinstance(found, sa.MetaData)
    return dict(found.tables)


def test_only_stores_and_named_adapters_define_tables() -> None:
    wrong = [
        shown(path) for path in defining() if path.name != "store.py" and str(path.relative_to(SOURCE)) not in ADAPTERS
    ]
    assert wrong == []
    assert all((SOURCE / adapter).exists() for adapter in ADAPTERS)


def test_every_table_is_named_for_its_room_and_says_a_noun() -> None:
    for path in defining():
        for name in tables(path):
            assert re.fullmatch(rf"{owner(path)}_[a-z]+(_[a-z]+)*", name), f"{name} in {shown(path)}"


def test_no_two_rooms_share_a_table() -> None:
    names = sorted(name for path in defining() for name in tables(path))
    assert [name for name, following in pairwise(names) if name == following] == []


def test_tables_point_at_tables_of_their_own_room() -> None:
    for path in defining():
        for table in tables(path).values():
            for key in table.foreign_keys:
                assert key.target_fullname.startswith(f"{owner(path)}_"), (
                    f"{table.name} points at {key.target_fullname}"
                )


def test_nobody_names_another_rooms_tables() -> None:
    owned = {name: owner(path) for path in defining() for name in tables(path)}
    named = re.compile("|".join(rf"\b{name}\b" for name in owned))
    wrong = []
    for path in python_files("src/matinee"):
        inside = path.relative_to(SOURCE).parts[0]
        if inside == "migrations":
            continue
        # Prose may tell of a table; a text in code is SQL.
        found = {name for text in strings(path) for name in named.findall(text)}
        wrong += [f"{shown(path)}: {name}" for name in found if owned[name] not in {inside, owner(path)}]
    assert wrong == []


def test_nobody_imports_another_rooms_store() -> None:
    stores = {module(path): path.relative_to(SOURCE).parts[0] for path in defining() if path.name == "store.py"}
    wrong = []
    for path in python_files("src/matinee"):
        inside = path.relative_to(SOURCE).parts[0]
        names = imported(path)
        wrong += [
            f"{shown(path)} imports {store}"
            for store, room in stores.items()
            if store in names and inside not in {room, "compose", "demo"}
        ]
    assert wrong == []


def test_migrations_know_every_table() -> None:
    known = {name for metadata in all_metadata() for name in metadata.tables}
    assert known == {name for path in defining() for name in tables(path)}


@pytest.mark.parametrize("path", [path for path in python_files("src/matinee") if path.name == "store.py"], ids=shown)
def test_a_store_is_sql_and_nothing_else(path: Path) -> None:
    room = path.relative_to(SOURCE).parts[0]
    assert not {name for name in imported(path) if name.split(".")[0] in {"fastapi", "httpx", "obstore", "structlog"}}
    assert not {name for name in imported(path) if name == "matinee.ports" or name.startswith("matinee.adapters")}
    ours = {".".join(name.split(".")[:2]) for name in imported(path) if name.startswith("matinee.")}
    assert ours <= {f"matinee.{room}", "matinee.model", "matinee.columns"}
