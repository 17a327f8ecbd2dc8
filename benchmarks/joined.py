"""What an edge keeps of a control plane that it joined, for edges that are measured without one."""

from pathlib import Path

import msgspec

from matinee.edge.keeping import write_private
from matinee.model.plans import KeyRing

CREDENTIAL = "a credential of one benchmark, long enough"


def joined(data: Path, key_id: str, key: str) -> None:
    """Leave a credential and a ring of one key in an edge's folder."""
    write_private(data / "control" / "credential", f"{CREDENTIAL}\n{'0' * 64}\n".encode())
    write_private(data / "control" / "keys", msgspec.json.encode(KeyRing("v1", {key_id: key})))
