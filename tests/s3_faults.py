"""A line to an S3 server that can fail on purpose: it passes requests on, answers 503, or is silent."""

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_UNAVAILABLE = b"<?xml version='1.0'?><Error><Code>ServiceUnavailable</Code><Message>Not now.</Message></Error>"


class Line:
    """Between a client and S3. ``fails`` says of a method and path whether it is answered with 503 instead."""

    def __init__(self, target: str) -> None:
        self.target = urlsplit(target)
        self.fails: Callable[[str, str], bool] = lambda _method, _path: False
        self.refused = 0
        self.passed = 0
        line = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                self.raw_requestline = self.rfile.readline(65537)
                if not self.raw_requestline or not self.parse_request():
                    self.close_connection = True
                    return
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if line.fails(self.command, self.path):
                    line.refused += 1
                    self._answer(503, {"Content-Type": "application/xml"}, _UNAVAILABLE)
                    return
                line.passed += 1
                onward = http.client.HTTPConnection(line.target.hostname or "", line.target.port, timeout=60)
                try:
                    # The signature is of the name that the client called: it goes on as it came.
                    onward.request(self.command, self.path, body=body, headers=dict(self.headers.items()))
                    answer = onward.getresponse()
                    self._answer(answer.status, dict(answer.getheaders()), answer.read())
                except OSError:
                    self.close_connection = True
                finally:
                    onward.close()

            def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response_only(status)
                for name, value in headers.items():
                    if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                        self.send_header(name, value)
                length = headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(body))
                self.send_header("Content-Length", length)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"


@contextmanager
def line_to(target: str) -> Iterator[Line]:
    """A line to an S3 server, open until the end."""
    line = Line(target)
    thread = threading.Thread(target=line.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield line
    finally:
        line.server.shutdown()
        line.server.server_close()
        thread.join()
