"""What the edge process and its nginx say to one another, over a unix socket that nobody else reaches.

The gate (keys, revocations, orders) goes in and stays in nginx's memory; counts come out, each exactly once.
"""

from base64 import b64encode
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Protocol

import httpx

from matinee.model.errors import Unavailable


class Doorkeeper(Protocol):
    """Who is let in; ``version`` grows with every change."""

    version: int
    names: frozenset[str]

    @property
    def keys(self) -> Mapping[str, bytes]:
        """Secrets by key id."""
        ...

    @property
    def revoked(self) -> Mapping[str, float]:
        """Playbacks that open nothing any more."""
        ...

    @property
    def down(self) -> bool:
        """Whether nobody is answered."""
        ...

    @property
    def skew_seconds(self) -> float:
        """What is added to this machine's time."""
        ...


class Tally(Protocol):
    """Where counts go."""

    def hit(self, path: str, times: int) -> None:
        """A held file was asked for so often."""
        ...

    def sent(self, playback_id: str, origin: str, size_bytes: int) -> None:
        """Bytes of held files went out; ``origin`` is ``placed`` or ``demand``."""
        ...

    def settle(self, name: str, size_bytes: int) -> None:
        """So much of an answer that the application gave under this name went out."""
        ...

    def refused(self, fault: str, times: int) -> None:
        """So many requests were refused."""
        ...

    def connected(self, connections: int) -> None:
        """So many connections are open."""
        ...


def gate_lines(doorkeeper: Doorkeeper, *, paced: bool) -> str:
    """The gate as nginx reads it; names and secrets in base64, so that nothing in them can end a line."""
    lines = [f"skew {int(doorkeeper.skew_seconds)}", f"down {int(doorkeeper.down)}", f"paced {int(paced)}"]
    lines += [f"name {name}" for name in sorted(doorkeeper.names)]
    lines += [f"key {_base64(key_id.encode())} {_base64(secret)}" for key_id, secret in doorkeeper.keys.items()]
    lines += [f"revoked {_base64(subject.encode())}" for subject in doorkeeper.revoked]
    return "".join(f"{line}\n" for line in lines)


def book(lines: Collection[str], tally: Tally) -> None:
    """Counts as nginx writes them (matinee_counts.lua), one a line."""
    for line in lines:
        what, _, number = line.rpartition(" ")
        kind, _, subject = what.partition(" ")
        value = int(float(number))
        if kind == "s":
            playback_id, _, origin = subject.rpartition("\t")
            tally.sent(playback_id, origin, value)
        elif kind == "f":
            tally.hit(subject, value)
        elif kind == "t":
            tally.settle(subject, value)
        elif kind == "r":
            tally.refused(subject, value)
        elif kind == "d":
            tally.settle("", value)


class Exchange:
    """One nginx's end of the talk. ``paced``: whether the edge itself has to hand out every byte, for a cap on them."""

    def __init__(self, socket: Path, *, doorkeeper: Doorkeeper, paced: Callable[[], bool], tally: Tally) -> None:
        self._client = httpx.AsyncClient(
            base_url="http://nginx", transport=httpx.AsyncHTTPTransport(uds=str(socket)), timeout=5.0
        )
        self._doorkeeper, self._paced, self._tally = doorkeeper, paced, tally
        self._told: tuple[str, int, bool] | None = None
        self._boot = ""
        self._booked = ""

    async def tell(self) -> None:
        """Tell nginx the gate if it changed, or if nginx does not know it; Unavailable if it does not answer."""
        now = (self._boot, self._doorkeeper.version, self._paced())
        if now == self._told and self._boot:
            return
        lines = gate_lines(self._doorkeeper, paced=now[2])
        answer = await self._ask("POST", f"/gate?version={now[1]}.{int(now[2])}", lines)
        self._boot = answer.strip()
        self._told = (self._boot, *now[1:])

    async def collect(self) -> None:
        """Book what nginx counted since."""
        head, _, counted = (await self._ask("GET", f"/counts?acknowledged={self._booked}")).partition("\n")
        boot, _version, connections = head.split(" ")
        # A new nginx knows nothing: it is told at the next turn.
        self._boot = boot
        self._tally.connected(int(connections))
        number, _, lines = counted.partition("\n")
        if number and number != self._booked:
            book([line for line in lines.split("\n") if line], self._tally)
            self._booked = number

    async def close(self) -> None:
        """Let the socket go."""
        await self._client.aclose()

    async def _ask(self, method: str, target: str, body: str = "") -> str:
        try:
            answer = await self._client.request(method, target, content=body.encode())
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise Unavailable(f"nginx does not answer the edge: {type(error).__name__}.") from error
        return answer.text


def book_left(folder: Path, tally: Tally) -> None:
    """Book what workers left when they ended."""
    for file in sorted(folder.glob("*.counts")):
        book([line for line in file.read_text().split("\n")[1:] if line], tally)
        file.unlink()


def _base64(raw: bytes) -> str:
    return b64encode(raw).decode() or "="
