"""The data plane with nginx in front: held files leave by sendfile, and only what nginx has not comes to Python.

nginx is the edge process's own child, without root, in a folder of its own. It checks tokens itself, with what it is
told over a unix socket, and counts what it hands to the kernel; misses it passes to the application over another one.
"""

import asyncio
import os
import pwd
import resource
import secrets
import shutil
import signal
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

from matinee.adapters import dataplane_nginx_process as processes
from matinee.adapters.dataplane_embedded import EmbeddedDataPlane
from matinee.adapters.dataplane_nginx_configuration import Configuration, Words, rendered
from matinee.adapters.dataplane_nginx_exchange import Doorkeeper, Exchange, Tally, book_left
from matinee.adapters.dataplane_ports import claim
from matinee.model.errors import Unavailable
from matinee.ports import AsgiApplication

_log = structlog.get_logger()

_FINISH_SECONDS = 5.0
_TELL_SECONDS = 0.2
_COLLECT_SECONDS = 1.0
_START_SECONDS = 10.0
_FIRST_DELAY_SECONDS, _LONGEST_DELAY_SECONDS = 0.2, 5.0
_LONGEST_SOCKET_FOLDER = 80


class NginxDataPlane:
    """``ports.DataPlane`` on one address and port: HTTP/1.1, and with a certificate (PEM) HTTP/2 and 1.1 over TLS.

    ``folder`` is its own; ``cache`` the folder of the edge's cache. ``paced``: whether the application itself is to
    hand out every byte. On ``stop`` answers that are under way get ``finish_seconds`` to end.
    """

    def __init__(
        self,
        address: str,
        port: int,
        *,
        program: str,
        folder: Path,
        cache: Path,
        words: Words,
        doorkeeper: Doorkeeper,
        paced: Callable[[], bool],
        tally: Tally,
        certificate: Path | None = None,
        key: Path | None = None,
        finish_seconds: float = _FINISH_SECONDS,
    ) -> None:
        self._address, self._port, self._finish_seconds = address, port, finish_seconds
        self._program, self._folder, self._cache = program, folder.resolve(), cache.resolve()
        self._words, self._certificate, self._key = words, certificate, key
        self._doorkeeper, self._paced, self._tally = doorkeeper, paced, tally
        self._stopping, self._renewing = asyncio.Event(), asyncio.Event()
        self._child: processes.Child | None = None

    async def serve(self, application: AsgiApplication) -> None:
        """Answer until ``stop``; Unavailable, with its reason, if nginx is missing, will not start or listen."""
        program = processes.find(self._program)
        left = self._folder / "left"
        left.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder.chmod(0o700)
        await asyncio.to_thread(processes.end_left_over, self._folder, self._finish_seconds)
        book_left(left, self._tally)
        claim(self._address, self._port)
        run = self._own_folder()
        inside = EmbeddedDataPlane("", 0, socket=run / "edge.sock", finish_seconds=self._finish_seconds)
        answering = asyncio.create_task(inside.serve(application))
        keeping = asyncio.create_task(self._keep(program, run))
        try:
            await asyncio.wait({answering, keeping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._stopping.set()
            try:
                await keeping
            finally:
                inside.stop()
                await answering
                book_left(left, self._tally)
                shutil.rmtree(run, ignore_errors=True)

    def stop(self) -> None:
        """Take no more connections and let ``serve`` return."""
        self._stopping.set()

    def renew(self) -> None:
        """Render the configuration anew, for a renewed certificate, and let nginx take it up without a break."""
        self._renewing.set()

    def _own_folder(self) -> Path:
        # One for each nginx: one that ends late removes its own sockets, and nobody else's.
        runs = self._folder / "run"
        shutil.rmtree(runs, ignore_errors=True)
        run = runs / secrets.token_hex(4)
        if len(str(run)) > _LONGEST_SOCKET_FOLDER:
            # unix(7): a socket's path has 108 bytes at most.
            return Path(tempfile.mkdtemp(prefix="matinee-edge-"))
        run.mkdir(parents=True, mode=0o700)
        return run

    async def _keep(self, program: Path, run: Path) -> None:
        """Start nginx, speak with it, and bring it back when it dies, until ``stop``."""
        delay, begun = _FIRST_DELAY_SECONDS, False
        configuration = await self._configured(program, run)
        while not self._stopping.is_set():
            (run / "inner.sock").unlink(missing_ok=True)
            child = self._child = await processes.Child.start(program, self._folder, configuration)
            exchange = Exchange(run / "inner.sock", doorkeeper=self._doorkeeper, paced=self._paced, tally=self._tally)
            gone = asyncio.create_task(child.wait())
            try:
                if await self._answers(exchange, gone):
                    if not begun:
                        _log.info("nginx.started", pid=child.pid, configuration=str(configuration))
                    begun, delay = True, _FIRST_DELAY_SECONDS
                    await self._talk(program, run, exchange, gone)
                elif not begun and not self._stopping.is_set():
                    raise Unavailable(f"nginx does not start: {child.last_words or 'it gives no reason'}.")
            finally:
                try:
                    await child.end(self._finish_seconds)
                    await gone
                finally:
                    # Also where somebody cancels this task instead of calling ``stop``.
                    child.kill()
                    await exchange.close()
            if not self._stopping.is_set():
                _log.warning("nginx.died", reason=child.last_words, again_in_seconds=delay)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), delay)
                delay = min(delay * 2, _LONGEST_DELAY_SECONDS)

    async def _answers(self, exchange: Exchange, gone: "asyncio.Task[int]") -> bool:
        deadline = asyncio.get_running_loop().time() + _START_SECONDS
        while not gone.done() and not self._stopping.is_set() and asyncio.get_running_loop().time() < deadline:
            try:
                await exchange.tell()
            except Unavailable:
                await asyncio.sleep(0.02)
            else:
                return True
        return False

    async def _talk(self, program: Path, run: Path, exchange: Exchange, gone: "asyncio.Task[int]") -> None:
        loop = asyncio.get_running_loop()
        collected_at, silent = loop.time(), False
        stopping = asyncio.create_task(self._stopping.wait())
        while not gone.done() and not self._stopping.is_set():
            if self._renewing.is_set():
                self._renewing.clear()
                await self._renew(program, run)
            try:
                await exchange.tell()
                if loop.time() - collected_at >= _COLLECT_SECONDS:
                    collected_at = loop.time()
                    await exchange.collect()
                    book_left(self._folder / "left", self._tally)
                silent = False
            except Unavailable as error:
                if not silent:
                    _log.warning("nginx.silent", reason=str(error))
                silent = True
            await asyncio.wait({stopping, gone}, timeout=_TELL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()

    async def _renew(self, program: Path, run: Path) -> None:
        try:
            await self._configured(program, run)
        except Unavailable as error:
            _log.error("nginx.not_renewed", reason=str(error))
            return
        assert self._child is not None
        self._child.signal(signal.SIGHUP)
        _log.info("nginx.renewed")

    async def _configured(self, program: Path, run: Path) -> Path:
        """The configuration, written where nginx reads it once nginx itself has found it good."""
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        configuration = Configuration(
            address=self._address,
            port=self._port,
            cache=self._cache,
            run=run,
            left=self._folder / "left",
            words=self._words,
            workers=len(os.sched_getaffinity(0)),
            files=files,
            modules=processes.modules(),
            # Workers read what this process wrote: they are its own user's. Without root nginx has no choice.
            user=pwd.getpwuid(0).pw_name if os.geteuid() == 0 else None,
            certificate=self._certificate,
            key=self._key,
        )
        fresh, standing = run / "nginx.conf.new", run / "nginx.conf"
        fresh.write_text(rendered(configuration))
        await asyncio.to_thread(processes.try_out, program, self._folder, fresh)
        fresh.replace(standing)
        return standing
