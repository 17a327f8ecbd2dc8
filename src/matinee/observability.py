"""What a process says of itself: log lines on standard error, metrics in Prometheus's text."""

import logging
import sys
import threading
from types import TracebackType
from typing import TextIO

import structlog
from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder
from structlog.typing import EventDict, Processor, WrappedLogger

# Libraries that tell of every request at level info.
_TALKATIVE = ("httpx", "httpcore", "alembic", "asyncio", "_granian")


def configure(process: str, level: str = "info", stream: TextIO | None = None) -> None:
    """Log as ``process`` from ``level`` on: readable lines on a terminal, else one JSON object a line.

    Libraries that use the standard library's logging come out in the same form, and so does what ends a thread or the
    process. ``stream`` is standard error where it is None.
    """
    stream = stream or sys.stderr
    terminal = stream.isatty()

    def named(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        # Bound here and not in a context variable: threads begin with an empty context.
        return {"process": process, **event}

    shared: list[Processor] = [
        named,
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    last: list[Processor] = (
        # Plain: the rich form shows the variables of every frame, and a password may be one.
        [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
        if terminal
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    sys.excepthook = _process_ended
    threading.excepthook = _thread_ended


def exposition(accept: str = "") -> tuple[bytes, str]:
    """All metrics of this process as a body and its content type, in the form that an Accept header asks for."""
    encoder, content_type = choose_encoder(accept)
    return encoder(REGISTRY), content_type


def _process_ended(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    structlog.get_logger().critical("process.failed", exc_info=(kind, error, trace))


def _thread_ended(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value is None or issubclass(ended.exc_type, SystemExit):
        return
    name = ended.thread.name if ended.thread else "unknown"
    trace = (ended.exc_type, ended.exc_value, ended.exc_traceback)
    structlog.get_logger().critical("thread.failed", thread=name, exc_info=trace)
