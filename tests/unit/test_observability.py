import io
import json
import logging
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from prometheus_client import Counter

from matinee.observability import configure, exposition


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, hooks = root.handlers[:], root.level, (sys.excepthook, threading.excepthook)
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    sys.excepthook, threading.excepthook = hooks


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_the_processs_name() -> None:
    stream = io.StringIO()
    configure("worker", stream=stream)
    structlog.get_logger().info("chunk.encoded", duration_seconds=1.5, name="two\nlines")
    [line] = lines(stream)
    assert line["timestamp"].endswith("Z")
    del line["timestamp"]
    assert line == {
        "process": "worker",
        "level": "info",
        "event": "chunk.encoded",
        "duration_seconds": 1.5,
        "name": "two\nlines",
    }


def test_on_a_terminal_a_line_is_for_people() -> None:
    stream = Terminal()
    configure("worker", stream=stream)
    structlog.get_logger().info("chunk.encoded", chunk=3)
    assert "chunk.encoded" in stream.getvalue()
    with pytest.raises(json.JSONDecodeError):
        lines(stream)


@pytest.mark.parametrize(("level", "said"), [("debug", 3), ("info", 2), ("error", 1)])
def test_nothing_below_the_level_is_said(level: str, said: int) -> None:
    stream = io.StringIO()
    configure("worker", level=level, stream=stream)
    log = structlog.get_logger()
    log.debug("a.b")
    log.info("a.b")
    log.error("a.b")
    assert len(lines(stream)) == said


def test_libraries_come_out_in_the_same_form_and_the_talkative_ones_are_quiet() -> None:
    stream = io.StringIO()
    configure("worker", stream=stream)
    logging.getLogger("some.library").warning("It takes %d s", 3)
    logging.getLogger("httpx").info("GET http://127.0.0.1/")
    [line] = lines(stream)
    assert (line["process"], line["level"], line["event"]) == ("worker", "warning", "It takes 3 s")


def test_threads_say_the_processs_name_and_what_ended_them() -> None:
    stream = io.StringIO()
    configure("worker", stream=stream)
    thread = threading.Thread(target=lambda: 1 / 0, name="dividing")
    thread.start()
    thread.join()
    [line] = lines(stream)
    assert (line["process"], line["event"], line["thread"]) == ("worker", "thread.failed", "dividing")
    assert "ZeroDivisionError" in line["exception"]


def test_what_ends_the_process_is_said() -> None:
    stream = io.StringIO()
    configure("worker", stream=stream)
    sys.excepthook(ValueError, ValueError("out of films"), None)
    [line] = lines(stream)
    assert line["event"] == "process.failed"
    assert "out of films" in line["exception"]


def test_a_value_that_json_does_not_know_does_not_lose_the_line() -> None:
    stream = io.StringIO()
    configure("worker", stream=stream)
    structlog.get_logger().info("a.b", value={1}, raw=b"\xff")
    assert lines(stream)[0]["value"] == "{1}"


def test_configuring_again_does_not_say_everything_twice() -> None:
    stream = io.StringIO()
    configure("worker", stream=stream)
    configure("worker", stream=stream)
    structlog.get_logger().info("a.b")
    assert len(lines(stream)) == 1


def test_metrics_come_in_the_form_that_is_asked_for() -> None:
    Counter("matinee_test_films", "Films a test saw.").inc(2)
    plain, plain_type = exposition()
    assert b"matinee_test_films_total 2.0" in plain.splitlines()
    assert plain_type.startswith("text/plain")
    measured, measured_type = exposition("application/openmetrics-text; version=1.0.0")
    assert measured.endswith(b"# EOF\n")
    assert measured_type.startswith("application/openmetrics-text")
