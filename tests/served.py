"""An application of this process on a real socket."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import FastAPI
from granian.constants import Interfaces
from granian.server.embed import Server

from running_edge import until


@contextmanager
def served(app: FastAPI, port: int) -> Iterator[None]:
    """An application on a real socket, beside the test; it answers when this returns."""
    loop = asyncio.new_event_loop()
    server = Server(app, address="127.0.0.1", port=port, interface=Interfaces.ASGINL, log_enabled=False)
    thread = threading.Thread(target=lambda: loop.run_until_complete(server.serve()))
    thread.start()
    try:
        until(f"an answer on port {port}", lambda: _listens(port))
        yield
    finally:
        loop.call_soon_threadsafe(server.stop)
        thread.join(10)
        loop.close()


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    except OSError:
        return False
