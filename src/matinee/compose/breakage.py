"""Carries a breakage from the demo's panel to its supervisor, over a Unix socket: one JSON line each way."""

import json
import socket
from collections.abc import Callable

from matinee.model.errors import Invalid, Unavailable

ACTIONS = ("kill", "hang", "revive")
_SECONDS = 10.0
_LONGEST = 4096


def breakage(path: str) -> Callable[[str, str], None]:
    """What breaks and mends an edge: called with one of ``ACTIONS`` and an edge's id.

    Invalid if the supervisor refuses it, Unavailable if the supervisor does not answer.
    """

    def act(action: str, edge_id: str) -> None:
        if action not in ACTIONS:
            raise Invalid(f"There is no breakage {action!r}: there are {', '.join(ACTIONS)}.")
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(_SECONDS)
                connection.connect(path)
                connection.sendall(json.dumps({"action": action, "edge": edge_id}).encode() + b"\n")
                answer = json.loads(connection.recv(_LONGEST))
        except (OSError, ValueError) as error:
            raise Unavailable("The demo's supervisor does not answer.") from error
        if answer.get("error"):
            raise Invalid(answer["error"])

    return act
