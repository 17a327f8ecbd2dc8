"""The words with which one edge asks another: the token of a hop, and the two headers that keep hops from running wild.

``Cache-Control: only-if-cached`` (RFC 9111 §5.2.1.7) asks for what is held, and ``CDN-Loop`` (RFC 8586) names the edges
that a request came through. Pure.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from matinee.model.errors import Unavailable
from matinee.model.plans import HOP_PREFIX
from matinee.model.tokens import Token, sign

_TOKEN_SECONDS = 300
_TOKEN_LIMIT = 4096
_HOP_LIMIT = 8
# RFC 8586 §2: cdn-id, and parameters that mean nothing here.
_CDN_ID = re.compile(rb"[ \t]*([A-Za-z0-9!#$%&'*+.^_`|~:\[\]-]+)[ \t]*(?:;[^,]*)?")


@dataclass(frozen=True, slots=True)
class Hop:
    """What a request says of its way here. ``via``: the edges it came through, the first one first."""

    via: tuple[str, ...] = ()
    only_if_cached: bool = False

    def loops(self, edge_id: str) -> bool:
        """Whether it has been here before, or came through so many that it must be going round."""
        return edge_id in self.via or len(self.via) > _HOP_LIMIT


_DIRECT = Hop()


def hop(headers: Iterable[tuple[bytes, bytes]]) -> Hop:
    """The hop that a request's headers tell of; their names are in lower case."""
    via: list[str] = []
    held_only = False
    for name, value in headers:
        if name == b"cdn-loop":
            found = (_CDN_ID.fullmatch(entry) for entry in value.split(b","))
            via += [match[1].decode("ascii") for match in found if match]
        elif name == b"cache-control":
            held_only |= any(word.strip().lower() == b"only-if-cached" for word in value.split(b","))
    return Hop(tuple(via), held_only) if via or held_only else _DIRECT


def loop_header(via: tuple[str, ...], edge_id: str) -> str:
    """``CDN-Loop`` of a request that this edge sends on: everyone before it, then itself (RFC 8586 §2)."""
    return ", ".join((*via, edge_id))


class HopTokens:
    """Tokens by which an edge shows other edges who it is; one a revision, for minutes.

    ``keys`` are those that open media tokens now, the one that signs first. ``now`` is in seconds since 1970.
    """

    def __init__(
        self,
        edge_id: str,
        keys: Callable[[], Mapping[str, bytes]],
        now: Callable[[], float],
        *,
        seconds: int = _TOKEN_SECONDS,
    ) -> None:
        self._playback_id = HOP_PREFIX + edge_id
        self._keys, self._now, self._seconds = keys, now, seconds
        self._signed: dict[str, tuple[str, str, float]] = {}

    def opening(self, path: str) -> str:
        """A token that opens this path and its revision's others; Unavailable if there is no key yet."""
        key_id, key = next(iter(self._keys().items()), ("", b""))
        if not key_id:
            raise Unavailable("This edge has no key yet to ask other edges with.")
        title, revision, _ = path.split("/", 2)
        prefix, now = f"{title}/{revision}/", self._now()
        known_key, token, renew_at = self._signed.get(prefix, ("", "", 0.0))
        # Renewed at half its life, so that the clock of the one who checks may be off a little.
        if known_key == key_id and now < renew_at:
            return token
        if len(self._signed) >= _TOKEN_LIMIT:
            self._signed.clear()
        token = sign(Token(key_id, int(now) + self._seconds, self._playback_id, prefix), key)
        self._signed[prefix] = (key_id, token, now + self._seconds / 2)
        return token
