import asyncio
from typing import Any

import pytest

from matinee.edge.health import Counters
from matinee.edge.transfers import Transfer, Transfers


async def _receive(gone: asyncio.Event) -> dict[str, Any]:
    await gone.wait()
    return {"type": "http.disconnect"}


async def _send(transfers: Transfers, gone: asyncio.Event, begun: "asyncio.Future[Transfer]", *, done: bool) -> str:
    async with transfers.begin(lambda: _receive(gone)) as transfer:
        transfer.sending_since, transfer.handed_over = 100.0, done
        begun.set_result(transfer)
        await asyncio.sleep(60)
    return "ended"


@pytest.mark.parametrize("how", ["gone", "stalled", "closed", "gone after the last slice"])
def test_a_transfer_ends_when_its_reader_does(how: str) -> None:
    counters = Counters()

    async def run() -> str:
        transfers, gone = Transfers(counters), asyncio.Event()
        begun: asyncio.Future[Transfer] = asyncio.get_running_loop().create_future()
        sending = asyncio.create_task(_send(transfers, gone, begun, done="after" in how))
        await begun
        transfers.drop_stalled(now=159.0)
        await asyncio.sleep(0)
        assert not sending.done()
        if how == "stalled":
            transfers.drop_stalled(now=161.0)
        elif how == "closed":
            transfers.close()
        else:
            gone.set()
        async with asyncio.timeout(5):
            return await sending

    assert asyncio.run(run()) == "ended"
    assert counters.cut == ("after" not in how)


def test_a_cancelled_task_is_not_taken_for_a_reader_that_went() -> None:
    async def run() -> None:
        begun: asyncio.Future[Transfer] = asyncio.get_running_loop().create_future()
        sending = asyncio.create_task(_send(Transfers(Counters()), asyncio.Event(), begun, done=False))
        await begun
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending

    asyncio.run(run())
