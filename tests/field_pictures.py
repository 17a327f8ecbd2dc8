"""H.264 whose fields are pictures with a packet each, as broadcasters write it and no encoder here does."""

from pathlib import Path

import numpy as np

from sources import ffmpeg

_SIDE = 64


class _Bits:
    """Bits as ITU-T H.264, 7.2 and 9.1, put them together."""

    def __init__(self) -> None:
        self._bits: list[int] = []

    def number(self, bits: int, value: int) -> None:
        self._bits += [value >> place & 1 for place in reversed(range(bits))]

    def codes(self, *values: int) -> None:
        """Exponential-Golomb codes; a signed zero looks the same."""
        for value in values:
            length = (value + 1).bit_length()
            self.number(2 * length - 1, value + 1)

    def align(self) -> None:
        self._bits += [0] * (-len(self._bits) % 8)

    def samples(self, data: bytes) -> None:
        self.align()
        self._bits += np.unpackbits(np.frombuffer(data, np.uint8)).tolist()

    def unit(self, kind: int) -> bytes:
        """The NAL unit of these bits, with its trailing ones and emulation prevention (7.3.1)."""
        self.number(1, 1)
        self.align()
        out, zeros = bytearray([0x60 | kind]), 0
        for byte in np.packbits(np.array(self._bits, np.uint8)).tolist():
            if zeros >= 2 and byte <= 3:
                out.append(3)
                zeros = 0
            out.append(byte)
            zeros = zeros + 1 if byte == 0 else 0
        return b"\0\0\0\1" + bytes(out)


def _parameters() -> bytes:
    sequence, picture = _Bits(), _Bits()
    sequence.number(24, 77 << 16 | 30)  # main profile, level 3
    sequence.codes(0, 0, 2, 1)  # order of output is that of decoding
    sequence.number(1, 0)
    sequence.codes(_SIDE // 16 - 1, _SIDE // 32 - 1)
    sequence.number(5, 0b00101)  # fields and no adaptive frames; no cropping; VUI follows
    sequence.number(5, 0b00001)  # timing alone: 50 fields a second
    sequence.number(32, 1)
    sequence.number(32, 50)
    sequence.number(5, 0b10010)
    picture.codes(0, 0)
    picture.number(2, 0)
    picture.codes(0, 0, 0)
    picture.number(3, 0)
    picture.codes(0, 0, 0)
    picture.number(3, 0)
    return sequence.unit(7) + picture.unit(8)


def _field(number: int) -> bytes:
    """A grey field with a bar, which moves from field to field; macroblocks are plain samples (I_PCM)."""
    grey = np.full((_SIDE // 2, _SIDE), 60, np.uint8)
    left = number * 2 % (_SIDE - 8)
    grey[:, left : left + 8] = 220
    bottom, chroma, bits = number % 2, bytes([128] * 128), _Bits()
    bits.codes(0, 7, 0)
    bits.number(6, 2 | bottom)  # frame 0; a field; which one
    if not bottom:
        bits.codes(number // 2 % 2)
        bits.number(1, 0)
    bits.number(1, 0)
    bits.codes(0)
    for row in range(0, _SIDE // 2, 16):
        for column in range(0, _SIDE, 16):
            bits.codes(25)
            bits.samples(grey[row : row + 16, column : column + 16].tobytes() + chroma)
    return b"\0\0\0\1\x09\xf0" + (b"" if bottom else _parameters()) + bits.unit(1 if bottom else 5)


def field_pictures(place: Path, frames: int) -> Path:
    """A film of so many frames at 25 a second, each of which is two packets of a field."""
    raw, sent = place.with_suffix(".h264"), place.with_name("sent.ts")
    raw.write_bytes(b"".join(_field(number) for number in range(2 * frames)))
    ffmpeg("-r", "50", "-i", raw, "-c", "copy", sent)
    ffmpeg("-i", sent, "-c", "copy", place)
    return place
