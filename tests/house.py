"""What the house is made of, for the tests of its rules: files, modules and their syntax trees."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "matinee"
ROOMS = (
    "accounts",
    "cache",
    "catalogue",
    "commands",
    "delivery",
    "edge",
    "encodes",
    "encoding",
    "experiments",
    "inspection",
    "ladder",
    "packaging",
    "playback",
    "recommender",
    "replay",
    "reports",
    "sources",
    "spans",
    "taste",
    "teaching",
    "upstream",
)


@cache
def committed() -> tuple[Path, ...]:
    """Every file that git would keep, those not yet added included; without git, every file of the folders we keep."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    found = subprocess.run(command, capture_output=True, check=False, text=True)
    if found.returncode == 0:
        named = [ROOT / name for name in found.stdout.split("\0") if name]
    else:
        kept = ("src", "tests", "benchmarks", "docs", "requirements", "deploy")
        named = [path for folder in kept for path in (ROOT / folder).rglob("*")] + list(ROOT.glob("*"))
    unbuilt = [path for path in named if not {"static", "__pycache__"}.intersection(path.parts)]
    return tuple(sorted(path for path in unbuilt if path.is_file() and not path.is_symlink()))


def python_files(*folders: str) -> tuple[Path, ...]:
    """Committed Python files, under these folders of the repository."""
    roots = [ROOT / folder for folder in folders]
    return tuple(
        path for path in committed() if path.suffix == ".py" and any(path.is_relative_to(root) for root in roots)
    )


@cache
def tree(path: Path) -> ast.Module:
    """A Python file as its syntax tree."""
    return ast.parse(path.read_text(), filename=str(path))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method of a file, nested ones included."""
    for node in ast.walk(tree(path)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


@cache
def imported(path: Path) -> frozenset[str]:
    """The dotted names a file imports, wherever in it; of ``from a import b`` both ``a`` and ``a.b``."""
    names: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(names)


@cache
def strings(path: Path) -> tuple[str, ...]:
    """Every text in a file's code that is no docstring."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    bodies = [node.body[0] for node in ast.walk(tree(path)) if isinstance(node, documented) and node.body]
    docstrings = {id(first.value) for first in bodies if isinstance(first, ast.Expr)}
    return tuple(
        node.value
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
    )


def module(path: Path) -> str:
    """The dotted name of a file under ``src``."""
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def shown(path: Path) -> str:
    """A path as one would say it: relative to the repository."""
    return str(path.relative_to(ROOT))
