"""What is committed builds anywhere: no registry's host, nobody's folders, everything pinned by hash."""

import importlib.metadata
import json
import re
import sys
from pathlib import Path

import pytest

from house import ROOT, committed, imported, python_files, shown

# Written apart, so that this file does not find itself.
REGISTRIES = re.compile(
    "|".join(
        re.escape(host)
        for host in (
            "pypi" + ".org",
            "pythonhosted" + ".org",
            "npmjs" + ".org",
            "npmjs" + ".com",
            "yarnpkg" + ".com",
            "--index" + "-url",
            "--extra-index" + "-url",
        )
    )
)
HOMES = re.compile(r"(?<![\w./)}\]~*-])/(?:home|root|Users|work|builds|workspace)/[\w.-]+")
PINNED = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)(?:\[[\w,-]+\])?==[^\s;]+")
REQUIREMENTS = sorted((ROOT / "requirements").glob("*.txt"))


def texts() -> dict[str, str]:
    found = {}
    for path in committed():
        raw = path.read_bytes()
        if b"\0" not in raw:
            found[shown(path)] = raw.decode(errors="replace")
    return found


def mentions(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}:{text.count(chr(10), 0, found.start()) + 1} {found.group()}"
        for name, text in texts().items()
        for found in pattern.finditer(text)
    ]


def test_no_file_names_a_host_of_a_package_registry() -> None:
    configured = [path for path in committed() if path.name in {".npmrc", "pip.conf", "uv.toml"}]
    assert configured == []
    allowed = {"Makefile"}  # `make lock` says which of its options must not end up in what it writes
    assert [line for line in mentions(REGISTRIES) if line.split(":")[0] not in allowed] == []


def test_no_file_names_a_folder_of_somebodys_machine() -> None:
    assert mentions(HOMES) == []


def requirements(path: Path) -> list[str]:
    """A pinned file's requirements, each with its continuation lines."""
    joined = path.read_text().replace("\\\n", " ")
    return [line for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.name)
def test_every_pinned_requirement_has_a_version_and_hashes(path: Path) -> None:
    for requirement in requirements(path):
        assert PINNED.match(requirement), requirement
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", requirement), requirement
        assert "://" not in requirement


def pinned(path: Path) -> set[str]:
    return {
        re.sub(r"[-_.]+", "-", found["name"]).lower() for line in requirements(path) if (found := PINNED.match(line))
    }


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.name)
def test_everything_asked_for_is_pinned(path: Path) -> None:
    asked = path.with_suffix(".in").read_text().splitlines()
    names = {re.split(r"[\[<>=!~;\s#]", line, maxsplit=1)[0] for line in asked if line and line[0].isalnum()}
    assert {re.sub(r"[-_.]+", "-", name).lower() for name in names} <= pinned(path)


def test_what_the_source_imports_is_pinned_for_running() -> None:
    provided = importlib.metadata.packages_distributions()
    running = pinned(ROOT / "requirements" / "runtime.txt")
    ray = pinned(ROOT / "requirements" / "ray.txt")  # for those who have a cluster
    missing = set()
    for path in python_files("src"):
        for name in {name.split(".")[0] for name in imported(path)} - set(sys.stdlib_module_names) - {"matinee"}:
            dists = {re.sub(r"[-_.]+", "-", dist).lower() for dist in provided.get(name, [])}
            if not dists & (ray if path.name.startswith("compute_ray") else running):
                missing.add(f"{shown(path)} imports {name}")
    assert missing == set()


def test_every_node_package_has_a_hash_and_no_host() -> None:
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    wrong = [name for name, entry in packages.items() if name and "integrity" not in entry and not entry.get("link")]
    assert wrong == []
    assert [name for name, entry in packages.items() if "resolved" in entry] == []
