"""The data plane that needs nothing beside the edge's own process: granian, embedded in its event loop."""

import asyncio
from contextlib import suppress
from pathlib import Path

from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings, HTTP2Settings
from granian.server.embed import Server

from matinee.adapters.dataplane_ports import claim
from matinee.ports import AsgiApplication

_BACKLOG = 2048
_CONNECTIONS = 16_384
_HEADER_SECONDS = 15
_BUFFER_BYTES = 32 * 1024
_FINISH_SECONDS = 5.0


class EmbeddedDataPlane:
    """``ports.DataPlane`` on one address and port: HTTP/1.1, and HTTP/2 too over TLS.

    TLS is with a certificate and its key (PEM, PKCS#8).

    With ``socket`` (a file) it listens there instead, for a data plane in front. On ``stop`` answers that are under way
    get ``finish_seconds`` to end.
    """

    def __init__(
        self,
        address: str,
        port: int,
        *,
        certificate: Path | None = None,
        key: Path | None = None,
        socket: Path | None = None,
        finish_seconds: float = _FINISH_SECONDS,
    ) -> None:
        self._address, self._port, self._finish_seconds = address, port, finish_seconds
        self._certificate, self._key, self._socket = certificate, key, socket
        self._stopping = asyncio.Event()

    async def serve(self, application: AsgiApplication) -> None:
        """Answer requests until ``stop``; Unavailable, with address and port in its sentence, if it cannot listen."""
        if self._socket is None:
            claim(self._address, self._port)
        server = Server(
            application,
            address=self._address,
            port=self._port,
            uds=self._socket,
            # No lifespan: whoever composes the edge starts and ends its parts.
            interface=Interfaces.ASGINL,
            # HTTP/2 over TLS alone, as browsers have it. An answer cut short is a cut connection there, a stream that
            # was reset here; players take either for an error.
            http=HTTPModes.http1 if self._certificate is None else HTTPModes.auto,
            websockets=False,
            # A stadium presses play at once: connections wait in the kernel rather than be refused.
            backlog=_BACKLOG,
            # How many are open at a time; granian's own default is the backlog, and idle keep-alives count.
            backpressure=_CONNECTIONS,
            http1_settings=HTTP1Settings(
                # Bounds a request that trickles in, and how long an idle connection stays; players ask every few
                # seconds.
                header_read_timeout=_HEADER_SECONDS * 1000,
                # Heads larger than this are refused; bytes of bodies beyond it wait for the reader.
                max_buffer_size=_BUFFER_BYTES,
            ),
            http2_settings=HTTP2Settings(
                # Whoever is gone is noticed, and so is a request that trickles in: nobody answers a ping in the middle
                # of a frame or of a head (RFC 9113 §6.10). Who answers and asks for nothing keeps a place of the above.
                keep_alive_interval=_HEADER_SECONDS * 1000,
                keep_alive_timeout=_HEADER_SECONDS,
                max_headers_size=_BUFFER_BYTES,
            ),
            log_enabled=False,
            ssl_cert=self._certificate,
            ssl_key=self._key,
            # Televisions of some age know no newer one.
            ssl_protocol_min=SSLProtocols.tls12,
        )
        serving = asyncio.create_task(server.serve())
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        server.stop()  # type: ignore[no-untyped-call]  # granian's own
        # granian waits for ever for a reader that stands still; the edge does not.
        await asyncio.wait((serving,), timeout=self._finish_seconds)
        if serving.done():
            serving.result()
        else:
            serving.cancel()
            with suppress(asyncio.CancelledError):
                await serving

    def stop(self) -> None:
        """Take no more connections and let ``serve`` return."""
        self._stopping.set()
