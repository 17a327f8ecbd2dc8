"""The process that speaks to a Ray cluster, one for each RayCompute: ``python -m … ray://HOST:PORT``.

Ray's client belongs to a whole process, may hang for minutes and cannot be told to stop; here it is killed instead.
Orders come as pickles on standard input, and its end is the end. Letters leave as pickles on what was standard output;
a list of the machines comes every second, so who hears nothing knows that the link hangs.
"""

import contextlib
import os
import pickle
import queue
import re
import socket
import sys
import threading
import time
from typing import Any
from urllib.parse import urlsplit

from matinee.adapters.compute_line import Machine
from matinee.ports import Needs

# The client gives up after so long, and so does the cluster; then the tasks of a lost client end.
os.environ.setdefault("RAY_CLIENT_RECONNECT_GRACE_PERIOD", "10")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

_REACH_SECONDS = 3.0
_KNOCK_SECONDS = 10.0
_TRIES = 2
_BEAT_SECONDS = 1.0
_NEWS_SECONDS = 10.0
_FORCE_SECONDS = 5.0  # a task that has not heard of its end by then loses its worker
_MISSED_SECONDS = 5.0
_LEAVE_SECONDS = 5.0
_HELLO_SECONDS = 20.0


class Link:
    """One connection: orders in, letters out, and the tasks that run meanwhile."""

    def __init__(self, address: str) -> None:
        self._address = address
        # Ray prints where it likes: what was standard output is ours alone.
        self._letters = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        self._happened: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
        self._refs: dict[int, Any] = {}
        self._stopping: dict[int, float] = {}
        # Where a task was sent, and since when that node is missing.
        self._sent: dict[int, str] = {}
        self._missing: dict[int, float] = {}

    def run(self) -> None:
        """Until the orders end or the connection is lost."""
        try:
            import ray  # noqa: PLC0415 - optional at run time
        except ImportError:
            self._say("refused", "Ray is not installed here: run make setup-ray.")
            return
        self._ray: Any = ray  # it has types for little of what is used here
        if not self._connect():
            return
        threading.Thread(target=self._read_orders, daemon=True).start()
        try:
            self._serve()
        except (ConnectionError, OSError, RuntimeError, ray.exceptions.RayError) as error:
            self._say("lost", f"Ray at {self._address} no longer answers: {_first_line(error)}.")
        # Leaving tells the cluster that the tasks may end, but not for longer than this.
        threading.Timer(_LEAVE_SECONDS, os._exit, (0,)).start()
        with contextlib.suppress(Exception):
            ray.shutdown()
        os._exit(0)

    def _connect(self) -> bool:
        try:
            self._knock()
            context = self._enter()
        except Exception as error:  # noqa: BLE001 - Ray raises many classes here; the sentence says which trouble
            fault, sentence = explain(self._address, error)
            self._say(fault, sentence)
            return False
        from matinee.adapters.compute_ray_node import Mailbox, carry, hello  # noqa: PLC0415 - with ray

        self._carry, self._hello = self._ray.remote(carry), self._ray.remote(hello)
        # The head's: a mailbox lives as long as the cluster.
        there = {"num_cpus": 0, "resources": {"node:__internal_head__": 0.0001}, "max_restarts": -1}
        self._mailbox = self._ray.remote(Mailbox).options(**there).remote()
        self._say("joined", {"ray": context.ray_version, "python": context.python_version})
        return True

    def _enter(self) -> Any:
        for _ in range(_TRIES):
            with contextlib.suppress(ConnectionAbortedError):  # the head was too busy to start our half there in time
                return self._ray.init(self._address, log_to_driver=False, logging_level="error")
        raise ConnectionError("its head is too busy")

    def _knock(self) -> None:
        """One call to the cluster's door. Ray's own way in swallows why it is refused, and takes half a minute."""
        import grpc  # noqa: PLC0415 - with ray
        from ray._private.grpc_utils import init_grpc_channel  # noqa: PLC0415 - with ray
        from ray.core.generated import ray_client_pb2, ray_client_pb2_grpc  # noqa: PLC0415 - with ray

        messages: Any = ray_client_pb2
        stubs: Any = ray_client_pb2_grpc
        parts = urlsplit(self._address)
        socket.create_connection((parts.hostname or "", parts.port or 10001), _REACH_SECONDS).close()
        channel = init_grpc_channel(parts.netloc, options=[("grpc.enable_http_proxy", 0)], asynchronous=False)
        ping = messages.ClusterInfoRequest(type=messages.ClusterInfoType.PING)
        try:
            stubs.RayletDriverStub(channel).ClusterInfo(
                ping, timeout=_KNOCK_SECONDS, metadata=[("client_id", "matinee")]
            )
        except grpc.RpcError as error:
            raise ConnectionError(f"{error.code().name}: {error.details()}") from error
        finally:
            channel.close()

    def _read_orders(self) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                self._happened.put(pickle.load(sys.stdin.buffer))  # noqa: S301 - from the process that started this one
        self._happened.put(("leave",))

    def _serve(self) -> None:
        self._ask_for_news()
        beat = 0.0
        while True:
            if time.monotonic() >= beat:
                beat = time.monotonic() + _BEAT_SECONDS
                machines = self._machines()
                self._say("machines", machines)
                self._insist()
                self._miss({machine.name for machine in machines})
            try:
                kind, *what = self._happened.get(timeout=max(beat - time.monotonic(), 0.0))
            except queue.Empty:
                continue
            if kind == "leave":
                return
            getattr(self, f"_on_{kind}")(*what)

    def _machines(self) -> list[Machine]:
        machines = []
        for node in self._ray.nodes():
            has = node["Resources"]
            if node["Alive"] and has.get("CPU"):
                machines.append(Machine(node["NodeID"], has["CPU"], int(has.get("memory", 0)), has.get("GPU", 0.0)))
        return machines

    def _on_start(self, number: int, name: str, letter: bytes, node: str, takes: Needs) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # noqa: PLC0415 - with ray

        ref = self._carry.options(
            name=name,
            num_cpus=takes.cores,
            num_gpus=takes.gpus or None,
            memory=takes.memory_bytes or None,
            # A lost task goes back to the line, which knows what else waits.
            max_retries=0,
            # Where the line saw room; if others took it meanwhile, wherever there is some.
            scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=True, _spill_on_unavailable=True),
        ).remote(number, name, letter, takes.cores, self._mailbox)
        self._refs[number] = ref
        self._sent[number] = node
        ref.future().add_done_callback(lambda future: self._happened.put(("end", number, ref, future)))

    def _on_stop(self, number: int) -> None:
        if number in self._refs:
            self._stopping[number] = time.monotonic() + _FORCE_SECONDS
            self._ray.cancel(self._refs[number])

    def _insist(self) -> None:
        for number, deadline in self._stopping.items():
            if time.monotonic() > deadline:
                self._stopping[number] = time.monotonic() + _FORCE_SECONDS
                self._ray.cancel(self._refs[number], force=True)

    def _miss(self, alive: set[str]) -> None:
        """Give up what was sent to a node that is gone: its end is not always told."""
        now = time.monotonic()
        for number, node in list(self._sent.items()):
            if node in alive:
                self._missing.pop(number, None)
            elif now - self._missing.setdefault(number, now) > _MISSED_SECONDS:
                with contextlib.suppress(self._ray.exceptions.RayError):
                    self._ray.cancel(self._refs[number], force=True)
                self._forget(number)
                self._say("adrift", number, f"node {node[:8]} is gone")

    def _forget(self, number: int) -> None:
        for kept in (self._refs, self._sent, self._missing):
            kept.pop(number, None)

    def _on_end(self, number: int, ref: Any, future: Any) -> None:
        if self._refs.get(number) is not ref:
            return  # given up meanwhile
        self._forget(number)
        stopped = self._stopping.pop(number, None) is not None
        error = future.exception()
        if error is None:
            self._say("ended", number, future.result())
        elif stopped or isinstance(error, self._ray.exceptions.TaskCancelledError):
            self._say("cancelled", number)
        elif isinstance(error, ConnectionError):
            raise error
        elif isinstance(error, self._ray.exceptions.RayTaskError) or not isinstance(
            error, self._ray.exceptions.RayError
        ):
            # Tasks' own errors come as outcomes: this one is the node's.
            self._say("unfit", number, _first_line(getattr(error, "cause", None) or error))
        else:  # the worker process or its machine is gone
            self._say("adrift", number, type(error).__name__)

    def _on_news(self, future: Any) -> None:
        error = future.exception()
        if error is None:
            self._say("news", future.result())
        elif isinstance(error, ConnectionError):
            raise error
        self._ask_for_news()

    def _ask_for_news(self) -> None:
        ref = self._mailbox.take.remote(_NEWS_SECONDS)
        ref.future().add_done_callback(lambda future: self._happened.put(("news", future)))

    def _on_hello(self) -> None:
        """Have each node say what it runs, and how long that takes."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # noqa: PLC0415 - with ray

        answers: list[tuple[str, str | None, str, float]] = []
        for node in self._ray.nodes():
            if not node["Alive"] or not node["Resources"].get("CPU"):
                continue
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            ask = self._hello.options(num_cpus=0, max_retries=0, scheduling_strategy=there)
            try:
                self._ray.get(ask.remote(), timeout=_HELLO_SECONDS)  # starts the worker
                started = time.monotonic()
                said, trouble = self._ray.get(ask.remote(), timeout=_HELLO_SECONDS), ""
            except self._ray.exceptions.RayError as error:
                started, said, trouble = time.monotonic(), None, _first_line(getattr(error, "cause", None) or error)
            answers.append((node["NodeManagerAddress"], said, trouble, time.monotonic() - started))
        self._say("hello", answers)

    def _say(self, kind: str, *what: Any) -> None:
        pickle.dump((kind, *what), self._letters)
        self._letters.flush()


def explain(address: str, error: Exception) -> tuple[str, str]:
    """Why there is no connection: ``refused`` if only an operator can mend it, else ``away``; and a sentence."""
    text = str(error)
    versions = re.findall(r"Ray: (\S+)\s+Python: (\S+)", text)
    if len(versions) == 2:  # noqa: PLR2004 - theirs and ours
        (ray, python), (our_ray, our_python) = versions
        ours = f"this is Ray {our_ray} with Python {our_python}"
        return "refused", f"Ray at {address} is version {ray} with Python {python}, and {ours}: both must be the same."
    if isinstance(error, FileNotFoundError):
        return (
            "refused",
            f"Ray at {address} cannot be asked: {error.filename}, which a RAY_ variable names, is not there.",
        )
    if re.search("UNAUTHENTICATED|authenticat|token", text):
        return (
            "refused",
            f"Ray at {address} refuses the token, or wants one: see RAY_AUTH_MODE and RAY_AUTH_TOKEN_PATH.",
        )
    if re.search("ssl|handshake|certificate|Socket closed", text, re.IGNORECASE):
        return (
            "refused",
            f"Ray at {address} and this process do not agree about TLS: see RAY_USE_TLS and RAY_TLS_CA_CERT.",
        )
    if isinstance(error, OSError) and error.strerror:
        return "away", f"Ray at {address} does not answer: {error.strerror}."
    return "away", f"Ray at {address} does not let us in: {_first_line(error)}."


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__).rstrip(".")[:300]


if __name__ == "__main__":
    Link(sys.argv[1]).run()
