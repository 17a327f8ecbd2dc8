"""Which files leave when room is needed. Pure: it knows names and sizes, and touches no disk.

LRU for now. Another policy has the same five methods and takes its place in ``cache``.
"""

from collections import OrderedDict


class LeastRecentlyUsed:
    """The files of a cache from the coldest to the hottest, with what they take on disk."""

    def __init__(self) -> None:
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self.used_bytes = 0

    def __len__(self) -> int:
        return len(self._sizes)

    def add(self, name: str, size_bytes: int) -> None:
        """A file has come; it is the hottest. One of the same name is replaced."""
        self.remove(name)
        self._sizes[name] = size_bytes
        self.used_bytes += size_bytes

    def touch(self, name: str) -> None:
        """A file was asked for; one that is not known is passed over."""
        if name in self._sizes:
            self._sizes.move_to_end(name)

    def remove(self, name: str) -> None:
        """A file is gone; one that is not known is passed over."""
        self.used_bytes -= self._sizes.pop(name, 0)

    def victims(self, excess_bytes: int) -> list[str]:
        """The files to remove, coldest first, until at least that many bytes are free. Nothing is removed by this."""
        chosen: list[str] = []
        for name, size in self._sizes.items():
            if excess_bytes <= 0:
                break
            excess_bytes -= size
            chosen.append(name)
        return chosen
