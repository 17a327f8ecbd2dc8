"""Nothing locks with the object store: not every S3 has conditional writes, and where it has them they may not hold.

OpenStack Swift refuses a create where something is, but lets several at once succeed; If-Match it does not know.
"""

import ast

import pytest

from house import imported, python_files, shown, tree

# obstore's calls that write, each with the word that makes it conditional.
CONDITIONS = {
    "put": "mode",
    "put_async": "mode",
    "copy": "overwrite",
    "copy_async": "overwrite",
    "rename": "overwrite",
    "rename_async": "overwrite",
}


def conditional(code: ast.Module) -> list[int]:
    """The lines that write to an object store under a condition, or with words that cannot be read here."""
    return [
        node.lineno
        for node in ast.walk(code)
        if isinstance(node, ast.Call)
        for word in node.keywords
        if (name := ast.unparse(node.func).rpartition(".")[2]) in CONDITIONS and word.arg in {CONDITIONS[name], None}
    ]


def test_no_write_to_the_object_store_is_conditional() -> None:
    writing = [
        path for path in python_files("src/matinee") if any(n.split(".")[0] == "obstore" for n in imported(path))
    ]
    assert writing
    assert [f"{shown(path)}:{line}" for path in writing for line in conditional(tree(path))] == []


@pytest.mark.parametrize(
    "call",
    [
        "obstore.put(store, 'lock', b'', mode='create')",
        "obstore.put(store, 'lock', b'', mode={'e_tag': tag})",
        "await obstore.put_async(store, 'lock', b'', mode='create')",
        "put(store, 'lock', b'', **how)",
        "store.rename('a', 'lock', overwrite=False)",
    ],
)
def test_a_condition_would_be_found(call: str) -> None:
    assert conditional(ast.parse(call)) == [1]


def test_a_plain_write_is_none() -> None:
    assert (
        conditional(ast.parse("obstore.put(store, key, body, attributes={}, chunk_size=5)\nopen(path, mode='rb')"))
        == []
    )
