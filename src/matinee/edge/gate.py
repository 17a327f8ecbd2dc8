"""Who is let in, as far as the data plane asks: by the keys that open tokens."""

from collections.abc import Iterable

from matinee.model.plans import KeyRing, Revocation


class Gate:
    """The keys, as they were last told."""

    def __init__(self) -> None:
        self.keys: dict[str, bytes] = {}
        self.down = False
        self.skew_seconds = 0.0

    def use_keys(self, ring: KeyRing) -> None:
        """From now on these keys open tokens, and no others."""
        self.keys.clear()
        self.keys.update({key_id: secret.encode() for key_id, secret in ring.keys.items()})

    def revoke(self, revocations: Iterable[Revocation]) -> None:
        """Nothing here asks for them yet."""
