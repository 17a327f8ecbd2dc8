"""Where a path may be fetched from, the nearest first: peers of the site, then parents, then the origin.

A source that failed is passed over for some seconds, longer each time, so that nobody waits for it again and again; one
that gave a wrong file is not asked for that one for minutes. The origin always is: after it there is nobody.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from matinee.model.errors import NotFound, Unavailable
from matinee.model.plans import Origin, Source
from matinee.upstream.deliveries import NotHeld, Reach, Upstream

_log = structlog.get_logger()

_PASSED_OVER_SECONDS = 2.0
_LONGEST_PASSED_OVER_SECONDS = 30.0
_WRONG_SECONDS = 600.0
_WRONG_LIMIT = 10_000
# A viewer waits for the answers of so many peers at most; filling ahead has the time to ask all.
_PEERS_ASKED = 3


@dataclass(slots=True)
class _Circuit:
    failures: int = 0
    open_until: float = field(default=float("-inf"))


class Upstreams:
    """The sources of an edge. ``neighbour`` makes one out of the control plane's word; ``edge_id`` is this edge."""

    def __init__(
        self,
        *,
        edge_id: str,
        origin: Upstream,
        neighbour: Callable[[Source], Upstream],
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._edge_id, self._origin, self._neighbour, self._steady = edge_id, origin, neighbour, steady
        self._sources: dict[Source, Upstream] = {}
        self._circuits: dict[str, _Circuit] = {}
        self._wrong: dict[tuple[str, str], float] = {}

    def use(self, sources: Sequence[Source]) -> None:
        """These are the other edges to fetch from, from now on; running fills end as they began."""
        # An edge that asked itself would wait for itself.
        named = [source for source in sources if source.edge_id != self._edge_id and source.kind in {"peer", "parent"}]
        if list(self._sources) == named:
            return
        self._sources = {source: self._sources.get(source) or self._neighbour(source) for source in named}
        names = {upstream.name for upstream in self._sources.values()}
        self._circuits = {name: circuit for name, circuit in self._circuits.items() if name in names}
        _log.info("upstreams.changed", sources=sorted(names))

    def of(self, path: str, reach: Reach) -> list[Upstream]:
        """Whom to ask for a path, in order. Each path begins with another peer, which spreads the asking."""
        now = self._steady()
        fit = [upstream for upstream in self._sources.values() if not self._passed_over(upstream, path, now)]
        peers = sorted(
            (upstream for upstream in fit if upstream.origin is Origin.PEER),
            key=lambda upstream: hashlib.sha256(f"{upstream.name} {path}".encode()).digest(),
        )
        if reach is Reach.SITE:
            return peers
        return [
            *peers[:_PEERS_ASKED],
            *(upstream for upstream in fit if upstream.origin is Origin.PARENT),
            self._origin,
        ]

    def failed(self, upstream: Upstream, reason: str) -> None:
        """It broke, stood still or gave wrong bytes."""
        if upstream is self._origin:
            return
        circuit, now = self._circuits.setdefault(upstream.name, _Circuit()), self._steady()
        if now < circuit.open_until:
            return  # a hundred fetches that broke together are one failure
        circuit.failures += 1
        seconds = min(_PASSED_OVER_SECONDS * 2.0 ** (circuit.failures - 1), _LONGEST_PASSED_OVER_SECONDS)
        circuit.open_until = now + seconds
        _log.warning("upstream.passed_over", upstream=upstream.name, seconds=seconds, reason=reason)

    def gave_wrong(self, upstream: Upstream, path: str, reason: str) -> None:
        """Its file is not the one that the plan means."""
        if len(self._wrong) >= _WRONG_LIMIT:
            self._wrong.clear()
        self._wrong[upstream.name, path] = self._steady() + _WRONG_SECONDS
        self.failed(upstream, reason)

    def gave(self, upstream: Upstream) -> None:
        """It gave a whole file."""
        self._circuits.pop(upstream.name, None)

    async def size_of(self, path: str) -> int:
        """The size of a file, in bytes, from the first source that knows; NotFound or Unavailable."""
        reason: NotFound | Unavailable = Unavailable(f"Nobody gives {path}.")
        for upstream in self.of(path, Reach.AFAR):
            try:
                async with asyncio.timeout(upstream.patience.answer_seconds):
                    return await upstream.size_of(path)
            except NotHeld:
                continue
            except TimeoutError:
                reason = Unavailable(f"The {upstream.name} was silent over {path}.")
            except (NotFound, Unavailable) as error:
                reason = error
            if isinstance(reason, Unavailable):
                self.failed(upstream, str(reason))
        raise reason

    def _passed_over(self, upstream: Upstream, path: str, now: float) -> bool:
        circuit = self._circuits.get(upstream.name)
        if circuit is not None and now < circuit.open_until:
            return True
        return now < self._wrong.get((upstream.name, path), float("-inf"))
