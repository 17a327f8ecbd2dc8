"""An edge is a small box in somebody else's rack: it starts without what it does not need."""

import subprocess
import sys

LARGE = {"numpy", "scipy", "lightgbm", "fastapi", "sqlalchemy", "ray"}


def test_an_edge_starts_without_the_large_libraries() -> None:
    program = (
        "import matinee.cli, matinee.compose.edge, sys; print(*sorted(name.split('.')[0] for name in sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(ran.stdout.split())
    assert "granian" in loaded
    assert loaded & LARGE == set()
