"""Which files of the demand cache leave when room is needed: S3-FIFO (Yang et al., SOSP 2023), by bytes. Pure.

New files pass through a small queue (a tenth of the bytes); those used twice there go on to the main one, the others
leave, and a ghost remembers their names: who comes back in time goes to the main queue at once. In the main queue a
file that was used stays for another round. Files are small whole numbers and all state stands in arrays, 25 bytes a
file, so that a million of them are no burden.
"""

from array import array

from matinee.cache.ghost import Ghost

_SMALL_SHARE = 0.1
_PROMOTED_USES, _MOST_USES = 2, 3
_FREE, _SMALL, _MAIN = 0, 4, 8
"""A file's state: its queue, and in the two lowest bits how often it was used."""


class _Queue:
    """A queue of numbers through the arrays of its owner: ``newer[n]`` came next after ``n``; 0 is nobody."""

    def __init__(self, newer: "array[int]", older: "array[int]") -> None:
        self._newer, self._older = newer, older
        self.oldest = self.newest = 0
        self.used_bytes = 0

    def push(self, number: int, size_bytes: int) -> None:
        self._newer[number], self._older[number] = 0, self.newest
        if self.newest:
            self._newer[self.newest] = number
        else:
            self.oldest = number
        self.newest = number
        self.used_bytes += size_bytes

    def drop(self, number: int, size_bytes: int) -> None:
        newer, older = self._newer[number], self._older[number]
        if older:
            self._newer[older] = newer
        else:
            self.oldest = newer
        if newer:
            self._older[newer] = older
        else:
            self.newest = older
        self.used_bytes -= size_bytes


class S3Fifo:
    """Files within ``limit_bytes`` (which may change), as numbers from 1 on that are used again when they are free.

    ``name`` is 32 bits by which a file is known again after it left. Numbers up to ``taken_through`` belong to files
    that are yet to be restored; :meth:`restored` frees those that nobody claimed.
    """

    def __init__(self, limit_bytes: int, taken_through: int = 0) -> None:
        self._sizes, self._names = array("Q", [0]), array("I", [0])
        self._newer, self._older = array("I", [0]), array("I", [0])
        self._states = bytearray(1)
        self._small, self._main = _Queue(self._newer, self._older), _Queue(self._newer, self._older)
        self._ghost = Ghost(0)
        self._free = array("I")
        self._files = 0
        self.promoted: list[int] = []
        """Numbers that went on to the main queue; whoever keeps that on disk empties the list."""
        self.limit_bytes = limit_bytes
        self._taken_through = taken_through
        self._grow(taken_through)

    def __len__(self) -> int:
        return self._files

    @property
    def used_bytes(self) -> int:
        """What the files take."""
        return self._small.used_bytes + self._main.used_bytes

    @property
    def small_bytes(self) -> int:
        """The part of the limit that new files pass through."""
        return int(_SMALL_SHARE * self.limit_bytes)

    def add(self, name: int, size_bytes: int) -> int:
        """A file has come; its number."""
        if self._free:
            number = self._free.pop()
        else:
            number = len(self._states)
            self._grow(number)
        self._ghost.window_bytes = self.limit_bytes - self.small_bytes
        known = self._ghost.take(name) is not None
        self._enter(number, name, size_bytes, main=known)
        if known:
            self.promoted.append(number)
        return number

    def restore(self, number: int, name: int, size_bytes: int, *, main: bool) -> None:
        """A file that was here before a restart is the newest of its queue; one that came since is passed over."""
        if number <= self._taken_through and self._states[number] == _FREE:
            self._enter(number, name, size_bytes, main=main)

    def restored(self) -> None:
        """Every file that was here has been restored: numbers in between may be given out."""
        taken = self._states[1 : self._taken_through + 1]
        self._free.extend(number for number, state in enumerate(taken, 1) if state == _FREE)
        self._taken_through = 0

    def touch(self, number: int) -> bool:
        """A file was used; whether it is the first time since it came. An unknown number is passed over."""
        if number >= len(self._states):
            return False
        state = self._states[number]
        if state == _FREE or state & 3 == _MOST_USES:
            return False
        self._states[number] = state + 1
        return state == _SMALL

    def remove(self, number: int) -> None:
        """A file is gone for another reason than room; an unknown number is passed over."""
        state = self._states[number] if number < len(self._states) else _FREE
        if state == _FREE:
            return
        (self._main if state >= _MAIN else self._small).drop(number, self._sizes[number])
        self._states[number] = _FREE
        self._free.append(number)
        self._files -= 1

    def evict(self) -> int | None:
        """The file that leaves next; it is out of the queues with this. None if there is none."""
        while self._files:
            main = self._main.used_bytes > self.limit_bytes - self.small_bytes or not self._small.oldest
            queue = self._main if main else self._small
            number = queue.oldest
            size, uses = self._sizes[number], self._states[number] & 3
            if main and uses:
                queue.drop(number, size)
                queue.push(number, size)
                self._states[number] -= 1
            elif not main and uses >= _PROMOTED_USES:
                queue.drop(number, size)
                self._main.push(number, size)
                self._states[number] = _MAIN
                self.promoted.append(number)
            else:
                if not main:
                    self._ghost.add(self._names[number], size)
                self.remove(number)
                return number
        return None

    def _enter(self, number: int, name: int, size_bytes: int, *, main: bool) -> None:
        self._states[number] = _MAIN if main else _SMALL
        self._sizes[number], self._names[number] = size_bytes, name
        (self._main if main else self._small).push(number, size_bytes)
        self._files += 1

    def _grow(self, through: int) -> None:
        missing = max(0, through + 1 - len(self._states))
        self._states.extend(bytes(missing))
        self._sizes.frombytes(bytes(self._sizes.itemsize * missing))
        for column in (self._names, self._newer, self._older):
            column.frombytes(bytes(column.itemsize * missing))
