"""The port an edge is to listen on, before anybody listens there."""

import socket

from matinee.model.errors import Unavailable


def claim(address: str, port: int) -> None:
    """Unavailable, with address and port in its sentence, if somebody listens there or nobody may.

    Servers that share a port (SO_REUSEPORT) would answer in turn; asking without that option finds any of them.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen(1)
        except OSError as error:
            raise Unavailable(f"Cannot listen on {address}:{port}: {error.strerror}.") from error
