"""Where the public data sets lie: a folder beside this one, or the one that PUBLIC_DATA names; none is part of it."""

import os
from pathlib import Path

FOLDER = Path(os.environ.get("PUBLIC_DATA", Path(__file__).parents[2] / "shared" / "data"))


def at_hand(*names: str) -> list[Path]:
    """Those of the data sets that are there; says which are not."""
    for name in names:
        if not (FOLDER / name).exists():
            print(f"{name} is left out: it is not in {FOLDER.name}; PUBLIC_DATA=folder says where")
    return [FOLDER / name for name in names if (FOLDER / name).exists()]
