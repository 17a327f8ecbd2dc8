"""What an edge shows the control plane: made by itself, written down before it is shown, known to nobody else.

Two lines in ``<data>/control/credential``: the credential, and the SHA-256 of the join token it was enrolled with. A
new join token makes a new credential, in ``credential.next`` until the control plane has taken it, so that an answer
that was lost is no harm: the same one is shown again.
"""

import hashlib
import os
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from matinee.edge.keeping import read_private, write_private
from matinee.model.errors import Invalid

_RANDOM_BYTES = 32


@dataclass(frozen=True, slots=True)
class Shown:
    """A credential, and whether it is to be enrolled first."""

    credential: str
    enrols: bool

    def __repr__(self) -> str:
        """Without the secret."""
        return f"Shown(enrols={self.enrols})"


class Credential:
    """The credential in a folder of this edge alone."""

    def __init__(self, folder: Path, random_bytes: Callable[[int], bytes] = os.urandom) -> None:
        self._file = folder / "credential"
        self._next = folder / "credential.next"
        self._random_bytes = random_bytes

    def choose(self, join_token: str) -> Shown:
        """What to show: the credential that is kept, or a new one where the token is another than it was enrolled with.

        Invalid if there is neither.
        """
        known = self._read(self._file)
        if known is not None and not self.joins(join_token):
            return Shown(known[0], enrols=False)
        if not join_token:
            raise Invalid(
                "MATINEE_JOIN_TOKEN is empty, and this edge has joined nobody yet: have `matinee join-token` make one."
            )
        waiting = self._read(self._next)
        if waiting is not None and waiting[1] == _hash(join_token):
            return Shown(waiting[0], enrols=True)
        fresh = urlsafe_b64encode(self._random_bytes(_RANDOM_BYTES)).decode()
        write_private(self._next, f"{fresh}\n{_hash(join_token)}\n".encode())
        return Shown(fresh, enrols=True)

    def joins(self, join_token: str) -> bool:
        """Whether an edge with this token would enrol first: there is one, and another than it was enrolled with."""
        known = self._read(self._file)
        return bool(join_token) and (known is None or known[1] != _hash(join_token))

    def enrolled(self) -> None:
        """The control plane has taken the new one."""
        if self._next.exists():
            self._next.replace(self._file)

    def before(self) -> str | None:
        """The credential from before, while a new one is not taken."""
        known = self._read(self._file)
        return None if known is None else known[0]

    def _read(self, file: Path) -> tuple[str, str] | None:
        raw = read_private(file)
        lines = [] if raw is None else raw.decode(errors="replace").splitlines()
        return (lines[0], lines[1]) if len(lines) > 1 and lines[0] else None


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
