"""An application of this process on a real socket."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import FastAPI
from granian.constants import Interfaces
from granian.server.embed import Server


@contextmanager
def served(app: FastAPI, port: int) -> Iterator[None]:
    """An application on a real socket, beside the test."""
    loop = asyncio.new_event_loop()
    server = Server(app, address="127.0.0.1", port=port, interface=Interfaces.ASGINL, log_enabled=False)
    thread = threading.Thread(target=lambda: loop.run_until_complete(server.serve()))
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(server.stop)
        thread.join(10)
        loop.close()
