"""Transport streams: which tracks a programme puts together, and time that jumps. Pure but for ``read_programs``.

A multiplex has several programmes, and a recording has what its broadcaster's clock did: it begins anew, or goes on
hours later, where something else was put in. FFmpeg, which encodes, mends such jumps; who counts time does the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

# ISO/IEC 13818-1, 2.4.3.2: packets begin with 0x47. M2TS puts four bytes before them, some broadcasters 16 behind.
_SYNC, _PACKET = 0x47, 188
_SIZES = ((188, 0), (192, 4), (204, 0))
_LOOKED_AT = 16 * 2**20
_PROGRAMS, _TRACKS = 0x00, 0x02  # the tables of 2.4.4.3 and 2.4.4.8
_MOST_PROGRAMS = 256
_LEAST_SECTION, _MAP_HEAD, _MAP_ENTRY = 12, 4, 5
# FFmpeg's ts_discontinuity_process: further on than this, or back by more than that, is a jump.
_FAR_SECONDS, _BACK_SECONDS = 10.0, 0.1


def read_programs(path: Path) -> dict[int, tuple[int, ...]]:
    """The PIDs that each programme of a transport stream names (2.4.4); nothing of what is none."""
    with path.open("rb") as file:
        data = file.read(_LOOKED_AT)
    maps: dict[int, int] = {}
    programs: dict[int, tuple[int, ...]] = {}
    for pid, section in _sections(data):
        table, body = section[0], section[8:-4]
        if pid == 0 and table == _PROGRAMS and len(maps) < _MOST_PROGRAMS:
            for place in range(0, len(body) - 3, 4):
                if number := int.from_bytes(body[place : place + 2], "big"):  # 0 names the network's table
                    maps[_pid(body, place + 2)] = number
        elif pid in maps and table == _TRACKS:
            # One packet may carry the maps of several programmes: each says whose it is.
            number = int.from_bytes(section[3:5], "big")
            # A programme may change its tracks in the middle.
            programs[number] = tuple(dict.fromkeys((*programs.get(number, ()), *_elements(body))))
    return programs


def _sections(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The PID and the bytes of each section that fits into one packet, as nearly all of these tables do."""
    for size, before in _SIZES:
        if len(data) > 2 * size and all(data[before + place * size] == _SYNC for place in range(3)):
            break
    else:
        return
    for start in range(before, len(data) - _PACKET + 1, size):
        head = data[start : start + 4]
        if head[0] != _SYNC or not head[1] & 0x40 or not head[3] & 0x10:  # a section begins here
            continue
        place = start + 4 + (1 + data[start + 4] if head[3] & 0x20 else 0)
        end = start + _PACKET
        if place >= end:
            continue
        place += 1 + data[place]
        if place + 3 > end:
            continue
        section = data[place : min(place + 3 + _length(data, place + 1), end)]
        if len(section) >= _LEAST_SECTION:
            yield _pid(head, 1), section


def _elements(body: bytes) -> Iterator[int]:
    place = _MAP_HEAD + _length(body, 2) if len(body) >= _MAP_HEAD else len(body)
    while place + _MAP_ENTRY <= len(body):
        yield _pid(body, place + 1)
        place += _MAP_ENTRY + _length(body, place + 3)


def _length(data: bytes, place: int) -> int:
    return (data[place] & 0x0F) << 8 | data[place + 1]


def _pid(data: bytes, place: int) -> int:
    return (data[place] & 0x1F) << 8 | data[place + 1]


@dataclass(slots=True)
class Clock:
    """Puts what comes after a jump where it would have come without one, as FFmpeg does for all tracks together."""

    offset_seconds: float = 0.0
    _next: dict[int, float] = field(default_factory=dict)
    _last: float | None = None

    def mend(self, track: int, seconds: float, lasts_seconds: float) -> float:
        """What to add to the times of a packet that is decoded then; packets come as they stand in the file."""
        time = seconds + self.offset_seconds
        expected = self._next.get(track, self._last)
        if expected is not None:
            ahead = time - expected
            if abs(ahead) > _FAR_SECONDS or (track in self._next and ahead < -_BACK_SECONDS):
                self.offset_seconds -= ahead
                time = expected
        self._last = time
        self._next[track] = time + lasts_seconds
        return self.offset_seconds
