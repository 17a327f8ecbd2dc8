"""Names say what a thing is: a vague one is an invitation to put everything there."""

import ast
import re

from house import committed, python_files, shown, tree

VAGUE = {
    word + ending
    for word in ("util", "helper", "manager", "common", "base", "core", "misc", "service", "handler")
    for ending in ("", "s")
}
# Matinee is a service, so a function may be about one.
VAGUE_IN_CODE = VAGUE - {"service", "services"}
# The words of others, where they are the plainest: Jinja's page that the rest extend, what comes first in CSS.
GIVEN = {"src/matinee/web/templates/base.html", "src/matinee/web/client/styles/base.css"}


def words(name: str) -> list[str]:
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return [word for word in re.split(r"[^a-z0-9]+", apart.lower()) if word]


def test_no_file_or_folder_has_a_vague_name() -> None:
    named = {shown(path) for path in committed()}
    vague = {name for name in named if any(VAGUE.intersection(words(part.split(".")[0])) for part in name.split("/"))}
    assert vague - GIVEN == set()
    # A name that is gone is no longer given.
    assert GIVEN - named == set()


def test_no_function_or_class_has_a_vague_name() -> None:
    vague = []
    for path in python_files("src"):
        for node in ast.walk(tree(path)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                # The last word is what the thing is; the ones before say which.
                last = words(node.name)[-1:]
                if VAGUE_IN_CODE.intersection(last):
                    vague.append(f"{shown(path)}:{node.lineno} {node.name}")
    assert vague == []
