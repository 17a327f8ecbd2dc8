"""nginx on this machine, in front of N copies of ``matinee serve``, from the template in ``deploy/nginx``."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from string import Template

from deploy.local.certificates import Certificates

TEMPLATES = Path(__file__).parent.parent / "nginx"
INSTALL = "apt-get install nginx-light"
_USER, _GROUP = "nobody", "nogroup"
_START_SECONDS = 60.0
_STOP_SECONDS = 15.0

_MAIN = """\
$user
daemon off;
pid $home/nginx.pid;
worker_processes 1;
worker_rlimit_nofile 8192;
events { worker_connections 2048; }
http {
    access_log off;
    default_type application/octet-stream;
    client_body_temp_path $home/bodies;
    proxy_temp_path $home/proxied;
    fastcgi_temp_path $home/unused;
    uwsgi_temp_path $home/unused;
    scgi_temp_path $home/unused;
    include $home/matinee.conf;
}
"""


def find() -> Path | None:
    """The program; None if it is not installed."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    return Path(found) if found else None


class Server:
    """One nginx: its address, and which copies it stands before."""

    def __init__(self, program: Path, home: Path, listen: str, tls: Certificates | None, *, copies_tls: bool) -> None:
        self.listen = listen
        self.home = home
        self.tls = tls
        self._copies_tls = copies_tls
        self._command = [str(program), "-p", str(home), "-c", str(home / "nginx.conf"), "-e", str(home / "error.log")]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """What browsers ask."""
        return f"{'https' if self.tls else 'http'}://{self.listen}"

    @property
    def log(self) -> str:
        """What it complained of."""
        path = self.home / "error.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def configure(self, copies: Sequence[str]) -> None:
        """Write the configuration for these copies, ``HOST:PORT`` each; one that runs takes it up without a break."""
        rendered = {
            "NGINX_LISTEN": f"{self.listen} ssl" if self.tls else self.listen,
            "NGINX_NAME": "_",
            "NGINX_SCHEME": "https" if self._copies_tls else "http",
            "NGINX_TLS": str(self.home),
            "NGINX_SERVERS": " ".join(f"server {copy} max_fails=3 fail_timeout=1s;" for copy in copies),
        }
        _render("control.conf.template", self.home / "matinee.conf", rendered)
        if self.tls is not None:
            keys = {
                "NGINX_TLS": str(self.home),
                "NGINX_CERTIFICATE": str(self.tls.certificate),
                "NGINX_KEY": str(self.tls.key),
                "NGINX_AUTHORITIES": str(self.tls.authorities),
                "NGINX_COPIES": "localhost",
            }
            _render("control_tls.conf.template", self.home / "control_tls.conf", keys)
        user = f"user {_USER} {_GROUP};" if os.geteuid() == 0 else ""
        (self.home / "nginx.conf").write_text(Template(_MAIN).substitute(user=user, home=self.home))
        if self._process is not None:
            self._process.send_signal(signal.SIGHUP)

    def start(self) -> None:
        """Start, and wait until the port answers."""
        with (self.home / "output").open("ab") as output:
            self._process = subprocess.Popen(self._command, stdout=output, stderr=output, start_new_session=True)
        host, _, port = self.listen.rpartition(":")
        deadline = time.monotonic() + _START_SECONDS
        while True:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"nginx did not start: {(self.home / 'output').read_text()}{self.log[-2000:]}")
            with suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
                return
            time.sleep(0.02)

    def stop(self) -> None:
        """Let requests end (SIGQUIT), but not for ever."""
        if self._process is None:
            return
        for number in (signal.SIGQUIT, signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                self._process.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=_STOP_SECONDS / 3)
                return


@contextmanager
def nginx(
    copies: Sequence[str],
    *,
    listen: str = "",
    tls: Certificates | None = None,
    copies_tls: bool = False,
) -> Iterator[Server]:
    """An nginx before these copies (``HOST:PORT``), on ``listen`` or a free loopback port; ``find()`` must know it.

    With certificates it speaks TLS with browsers; with ``copies_tls`` with the copies, too, by the same authority.
    """
    program = find()
    if program is None:
        raise RuntimeError(f"nginx is not installed here: {INSTALL}")
    with tempfile.TemporaryDirectory(prefix="matinee-nginx-", dir="/tmp") as folder:
        home = Path(folder)
        if os.geteuid() == 0:  # its workers give up root, and keep large bodies here
            shutil.chown(home, _USER, _GROUP)
        server = Server(program, home, listen or f"127.0.0.1:{free_port()}", tls, copies_tls=copies_tls)
        server.configure(copies)
        try:
            server.start()
            yield server
        finally:
            server.stop()


def _render(template: str, target: Path, values: Mapping[str, str]) -> None:
    """Fill in the ``${…}`` of ours; nginx's own ``$variables`` stay, as with envsubst."""
    target.write_text(Template((TEMPLATES / template).read_text()).safe_substitute(values))


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
