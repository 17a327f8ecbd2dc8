"""How a process without pages says that it lives: /healthz, /readyz and /metrics on an address of its own."""

import json
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from matinee.model.errors import Unavailable
from matinee.observability import exposition


class Vitals:
    """A small HTTP server in a thread; ``check`` raises Unavailable, with a sentence, while it is not ready.

    With a ``tls`` context it speaks https.
    """

    def __init__(self, host: str, port: int, check: Callable[[], None], tls: ssl.SSLContext | None = None) -> None:
        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, kind, body = _answer(self.path, self.headers.get("accept", ""), check)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None:
                """Questions of a monitor are not worth a line."""

        try:
            self._server = ThreadingHTTPServer((host, port), Answer)
        except OSError as error:
            raise Unavailable(f"Cannot listen on {host}:{port}: {error.strerror}.") from error
        self._server.daemon_threads = True
        if tls is not None:
            # Shaken hands in the connection's own thread, at its first byte: accepting never waits for a slow one.
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, name="vitals")

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _answer(path: str, accept: str, check: Callable[[], None]) -> tuple[int, str, bytes]:
    if path == "/metrics":
        body, kind = exposition(accept)
        return 200, kind, body
    if path == "/healthz":
        return 200, "application/json", b'{"status":"ok"}'
    if path == "/readyz":
        try:
            check()
        except Unavailable as error:
            return 503, "application/problem+json", json.dumps({"status": 503, "detail": str(error)}).encode()
        return 200, "application/json", b'{"status":"ready"}'
    return 404, "application/problem+json", b'{"status":404,"detail":"Here are /healthz, /readyz and /metrics."}'
