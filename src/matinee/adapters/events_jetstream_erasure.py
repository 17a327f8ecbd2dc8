"""Events removed for good: a message goes, its bytes overwritten on every server, when each of its events is to go."""

import asyncio
from collections.abc import Sequence

from nats.js import JetStreamContext, api
from nats.js.errors import NotFoundError

from matinee.adapters.events_jetstream_messages import PLACES, Memory, lines_of
from matinee.adapters.events_jetstream_streams import PATIENCE_SECONDS, EventStream

_AT_ONCE = 100
_SIDE_BY_SIDE = 16


class Erasure:
    """What this process was told to erase of messages that hold other events too, until it is told the rest."""

    def __init__(self, stream: EventStream, memory: Memory) -> None:
        self._stream = stream
        self._memory = memory
        self._begun: dict[int, set[int]] = {}

    def erase(self, positions: Sequence[int]) -> None:
        """Erase events. Unavailable if the stream does not answer; then call again."""
        wanted: dict[int, set[int]] = {}
        for position in positions:
            wanted.setdefault(position // PLACES, set()).add(position)
        for sequence in wanted:
            wanted[sequence] |= self._begun.get(sequence, set())
        sequences = sorted(wanted)
        for start in range(0, len(sequences), _AT_ONCE):
            some = {sequence: wanted[sequence] for sequence in sequences[start : start + _AT_ONCE]}
            for sequence, whole in self._stream.connection.call(self._erase(some), 4 * PATIENCE_SECONDS).items():
                if whole:
                    self._begun.pop(sequence, None)
                else:
                    self._begun[sequence] = wanted[sequence]

    async def _erase(self, wanted: dict[int, set[int]]) -> dict[int, bool]:
        turn = asyncio.Semaphore(_SIDE_BY_SIDE)

        async def one(sequence: int, chosen: set[int]) -> bool:
            async with turn:
                return await self._erase_message(sequence, chosen)

        done = await asyncio.gather(*(one(sequence, chosen) for sequence, chosen in wanted.items()))
        return dict(zip(wanted, done, strict=True))

    async def _erase_message(self, sequence: int, chosen: set[int]) -> bool:
        """Whether the message is gone."""

        async def ask(streams: JetStreamContext) -> bytes | None:
            try:
                found: api.RawStreamMsg = await streams.get_msg(self._stream.name, seq=sequence)
            except NotFoundError:
                return None
            return found.data or b""

        async def delete(streams: JetStreamContext) -> None:
            try:
                await streams.delete_msg(self._stream.name, sequence)
            except NotFoundError:
                return

        data = await self._stream.connection.manage(ask, PATIENCE_SECONDS)
        if data is None:
            return True
        # A repeat of an event that stands further up was shown to nobody, and nobody can name it.
        shown = self._memory.shown(lines_of(sequence, data))
        if not shown <= chosen:
            return False
        await self._stream.connection.manage(delete, PATIENCE_SECONDS)
        return True
