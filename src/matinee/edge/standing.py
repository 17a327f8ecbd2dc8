"""What an edge was last told, kept so that a restart goes on with it while the control plane is away: orders and keys.

``<data>/control/orders`` and ``<data>/control/keys``, JSON. A file that cannot be read is as if nothing had been told.
"""

from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import msgspec
import structlog

from matinee.edge.keeping import read_private, write_private
from matinee.model.plans import EdgeOrders, KeyRing, Revocation

_log = structlog.get_logger()
_ENDED_SECONDS = 900.0
_Word = TypeVar("_Word")


class Standing:
    """The last orders and keys; see the module. Written when they change."""

    def __init__(self, folder: Path) -> None:
        self._orders_file, self._keys_file = folder / "orders", folder / "keys"
        self.orders = _read(self._orders_file, EdgeOrders) or EdgeOrders()
        self.ring = _read(self._keys_file, KeyRing)
        self._refused = False

    @property
    def revocations_through(self) -> int:
        """The last revocation that was heard of."""
        return max((one.sequence for one in self.orders.revocations), default=0)

    @property
    def purges_through(self) -> int:
        """The last purge that was done."""
        return max((one.sequence for one in self.orders.purges), default=0)

    def obey(self, heard: EdgeOrders) -> None:
        """From now on these orders stand, with the revocations heard before, and the last purge of all."""
        known = {one.subject: one for one in (*self.orders.revocations, *heard.revocations)}
        newest = max(known.values(), key=_sequence, default=None)
        living = [one for one in known.values() if one.expires > heard.time - _ENDED_SECONDS or one is newest]
        purges = sorted((*self.orders.purges, *heard.purges), key=lambda one: one.sequence)[-1:]
        orders = replace(heard, revocations=tuple(sorted(living, key=_sequence)), purges=tuple(purges))
        changed = replace(orders, time=0.0, holdings_through=0) != replace(self.orders, time=0.0, holdings_through=0)
        self.orders = orders
        if changed:
            self._write(self._orders_file, orders)

    def use_keys(self, ring: KeyRing) -> None:
        """From now on these are the keys."""
        self.ring = ring
        self._write(self._keys_file, ring)

    def _write(self, file: Path, word: EdgeOrders | KeyRing) -> None:
        try:
            write_private(file, msgspec.json.encode(word))
        except OSError as error:
            # The edge goes on with what it heard; a restart would not know.
            if not self._refused:
                _log.warning("orders.not_kept", file=file.name, reason=error.strerror or str(error))
            self._refused = True
        else:
            self._refused = False


def _sequence(revocation: Revocation) -> int:
    return revocation.sequence


def _read(file: Path, kind: type[_Word]) -> _Word | None:
    raw = read_private(file)
    if raw is None:
        return None
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, ValueError):
        _log.warning("orders.unreadable", file=file.name)
        return None
