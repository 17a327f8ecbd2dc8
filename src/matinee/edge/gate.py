"""Who is let in: the keys that open tokens, whoever was revoked, and whether this edge answers at all.

Every data plane asks the same gate or keeps a copy of it, and compares ``version`` to know when its copy is old.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from matinee.model.addresses import parse
from matinee.model.plans import KeyRing, Revocation
from matinee.model.tokens import Token, TokenFault, opening, verify

BORNE_SECONDS = 900.0
"""How far a clock may be off before tokens are judged by it anyway."""
_MOST_VERIFIED = 4096
"""Tokens whose MAC is known to be one of the present keys'; what they say is asked at every request."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A media path (``<title>/<revision>/<file>``) that a good token opens, and whose it is."""

    path: str
    playback_id: str
    token: Token


class Gate:
    """See the module. ``now`` is this machine's time, in seconds since 1970.

    ``names``: the host names this edge goes by, in lower case and without a port; none: any.
    """

    def __init__(
        self, *, now: Callable[[], float], keys: Mapping[str, bytes] | None = None, names: Collection[str] = ()
    ) -> None:
        self._now = now
        self._keys: dict[str, bytes] = dict(keys or {})
        self._verified: dict[str, Token] = {}
        self._revoked: dict[str, float] = {}
        self._skew_seconds = 0.0
        self._down = False
        self.names = frozenset(names)
        self.version = 1
        self.keys_version = ""

    @property
    def keys(self) -> Mapping[str, bytes]:
        """Secrets by key id."""
        return self._keys

    @property
    def revoked(self) -> Mapping[str, float]:
        """Playbacks (and ``edge:ID``) whose tokens open nothing, and when those end anyway (seconds since 1970)."""
        return self._revoked

    @property
    def down(self) -> bool:
        """Whether this edge is to answer nobody."""
        return self._down

    @down.setter
    def down(self, down: bool) -> None:
        self.version += down != self._down
        self._down = down

    @property
    def skew_seconds(self) -> float:
        """What is added to this machine's time before tokens are judged by it; never more than is borne."""
        return self._skew_seconds

    @skew_seconds.setter
    def skew_seconds(self, seconds: float) -> None:
        # Whole seconds are as fine as expiries are, and a copy is not told of every breath of the network.
        borne = float(round(max(-BORNE_SECONDS, min(BORNE_SECONDS, seconds))))
        self.version += borne != self._skew_seconds
        self._skew_seconds = borne

    def now(self) -> float:
        """The time tokens are judged by, in seconds since 1970: this machine's, set right as far as is borne."""
        return self._now() + self._skew_seconds

    def use_keys(self, ring: KeyRing) -> None:
        """From now on these keys open tokens, and no others."""
        keys = {key_id: secret.encode() for key_id, secret in ring.keys.items()}
        self.keys_version = ring.version
        self.version += keys != self._keys
        self._keys = keys
        self._verified.clear()

    def revoke(self, revocations: Iterable[Revocation]) -> None:
        """From now on these subjects' tokens open nothing. What has ended anyway is forgotten."""
        before = dict(self._revoked)
        self._revoked.update({word.subject: word.expires for word in revocations})
        ended = self.now() - BORNE_SECONDS
        self._revoked = {subject: expires for subject, expires in self._revoked.items() if expires > ended}
        self.version += before != self._revoked

    def is_ours(self, host: bytes | None) -> bool:
        """Whether a request's Host names this edge (RFC 9110 §7.4); the port does not matter."""
        if not self.names:
            return True
        name = (host or b"").decode("latin-1").lower()
        return (name.rpartition(":")[0] if name.rpartition(":")[2].isdigit() else name) in self.names

    def open(self, raw_path: bytes) -> Opened | TokenFault:
        """What the path of a request, as it came over the wire, opens; else the fault, which is told to no caller."""
        address = parse(raw_path)
        if address is None:
            return TokenFault.ADDRESS
        verified = self._verified.get(address.token) or self._verify(address.token)
        if isinstance(verified, TokenFault):
            return verified
        token = opening(verified, address.path, self.now())
        if isinstance(token, TokenFault):
            return token
        if token.playback_id in self._revoked:
            return TokenFault.REVOKED
        return Opened(address.path, token.playback_id, token)

    def _verify(self, text: str) -> Token | TokenFault:
        token = verify(text, self._keys)
        if isinstance(token, Token):
            if len(self._verified) >= _MOST_VERIFIED:
                self._verified.clear()
            self._verified[text] = token
        return token
