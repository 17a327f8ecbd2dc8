"""An edge as viewers and operators meet it: what it opens, what it answers, what it is told, how it ends."""

import random
import subprocess
import sys
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edge_here import PLANES, needs_nginx
from running_edge import CREDENTIAL, PREFIX, ControlPlane, RunningEdge, free_port, running, token, until

SEGMENT = random.Random(7).randbytes(1_000_000)
FORBIDDEN_MODULES = ("fastapi", "starlette", "pydantic", "sqlalchemy", "numpy", "scipy", "av", "PIL", "jinja2")


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("origin")
    (folder / "secret.txt").write_text("nobody's business")
    for prefix in (PREFIX, "another/revision/"):
        place = folder / "media" / prefix
        (place / "v720").mkdir(parents=True)
        (place / "v720" / "00001.m4s").write_bytes(SEGMENT)
        (place / "master.m3u8").write_text("#EXTM3U\n")
        (place / "empty.vtt").write_text("")
    return folder


@pytest.fixture(scope="module")
def control() -> Iterator[ControlPlane]:
    plane = ControlPlane()
    yield plane
    plane.close()


@pytest.fixture(scope="module", params=PLANES)
def edge(
    request: pytest.FixtureRequest,
    objects: Path,
    control: ControlPlane,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningEdge]:
    if request.param != "embedded:":
        needs_nginx()
    environment = {"MATINEE_DATAPLANE": request.param}
    data = tmp_path_factory.mktemp("edge")
    with running(RunningEdge(data, f"file://{objects}", control=control.address, environment=environment)) as started:
        yield started


def _forged() -> str:
    raw = bytearray(urlsafe_b64decode(token() + "=="))
    raw[-1] ^= 1
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _widened() -> str:
    raw = urlsafe_b64decode(token("title/r/") + "==")
    return urlsafe_b64encode(raw.replace(b"title/r/", b"title/revision/")).rstrip(b"=").decode()


BAD_TOKENS: dict[str, Callable[[], str]] = {
    "expired": lambda: token(seconds=-1),
    "forged": _forged,
    "made wider": _widened,
    "another title's": lambda: token("another/revision/"),
    "another revision's": lambda: token("title/older/"),
    "an unknown key's": lambda: token(key_id="k9"),
    "signed with another key": lambda: token(key="x" * 40),
    "cut": lambda: token()[:-2],
    "padded": lambda: token() + "=",
    "no token at all": lambda: "title",
    "empty": str,
    "too long": lambda: "A" * 600,
}


@pytest.mark.parametrize("bad", BAD_TOKENS)
def test_a_token_that_is_not_good_opens_nothing(edge: RunningEdge, bad: str) -> None:
    opened_by = BAD_TOKENS[bad]()
    for method in ("GET", "HEAD"):
        status, body = edge.raw(f"/{opened_by}/{PREFIX}v720/00001.m4s", method)
        assert status == 403
        assert SEGMENT[:64] not in body


def test_no_token_is_ever_logged(edge: RunningEdge) -> None:
    shown = [token(seconds=-1), _forged(), token()]
    refused = edge.metric("refused_total", fault="expired")
    for opened_by in shown:
        edge.raw(f"/{opened_by}/{PREFIX}no-such-file.m4s")
    until("it is counted", lambda: edge.metric("refused_total", fault="expired") > refused)
    until("refusals are told", lambda: "media.refused" in edge.log())
    for opened_by in shown:
        assert opened_by[:32] not in edge.log()


@pytest.mark.parametrize(
    "tail",
    [
        b"../../../secret.txt",
        b"v720/../../../another/revision/master.m3u8",
        b"..%2f..%2f..%2fsecret.txt",
        b"%2e%2e/%2e%2e/%2e%2e/secret.txt",
        b"%2E%2E%5C%2E%2E%5Csecret.txt",
        b"%252e%252e%252fsecret.txt",
        b"%c0%ae%c0%ae/%c0%ae%c0%ae/secret.txt",
        b"\xc0\xae\xc0\xae/secret.txt",
        b"\xef\xbc\x8e\xef\xbc\x8e/secret.txt",
        b"..\\..\\secret.txt",
        b"..;/..;/secret.txt",
        b"./master.m3u8",
        b"v720/./00001.m4s",
        b"v720//00001.m4s",
        b"/master.m3u8",
        b"master.m3u8/",
        b"master.m3u8/.",
        b"master.m3u8/..",
        b"master.m3u8%00",
        b"master.m3u8\x00",
        b"master.m3u8%20",
        b"master%2em3u8",
        b".hidden",
        b"",
        b"a" * 2000,
        b"a" * 70_000,
    ],
)
def test_a_path_that_is_not_plain_is_refused_in_every_encoding(edge: RunningEdge, tail: bytes) -> None:
    opened = token().encode()
    for target in (
        b"/" + opened + b"/" + PREFIX.encode() + tail,
        b"http://elsewhere/" + opened + b"/" + PREFIX.encode() + tail,
    ):
        status, body = edge.raw(target)
        assert status in {400, 403, 404, 414, 431}
        assert b"nobody's business" not in body
        assert b"EXTM3U" not in body


def test_an_absolute_target_is_its_path(edge: RunningEdge) -> None:
    # RFC 9112 §3.2.2: a server must take the absolute form.
    assert edge.raw(f"http://elsewhere/{token()}/{PREFIX}master.m3u8") == (200, b"#EXTM3U\n")


@pytest.mark.parametrize("held", [False, True], ids=["while it fills", "held"])
def test_ranges_conditions_and_heads_are_answered_by_the_book(objects: Path, edge: RunningEdge, held: bool) -> None:
    file = f"v720/by-the-book-{held}.m4s"
    whole = objects / "media" / PREFIX / file
    whole.write_bytes(SEGMENT)
    if held:
        assert edge.get(file).content == SEGMENT
        until("the file is held", lambda: file in edge.held())
    head = edge.client.head(edge.url(file))
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "1000000", b"")
    assert head.headers["content-type"] == "video/iso.segment"
    assert "immutable" in head.headers["cache-control"]
    etag = head.headers["etag"]
    for asked, start, end in (
        ("bytes=0-99", 0, 100),
        ("bytes=999000-", 999_000, 1_000_000),
        ("bytes=-5", 999_995, 1_000_000),
        ("bytes=500000-9999999", 500_000, 1_000_000),
    ):
        part = edge.get(file, {"Range": asked})
        assert (part.status_code, part.content) == (206, SEGMENT[start:end])
        assert part.headers["content-range"] == f"bytes {start}-{end - 1}/1000000"
        assert edge.get(file, {"Range": asked, "If-Range": etag}).status_code == 206
        assert edge.get(file, {"Range": asked, "If-Range": '"other"'}).content == SEGMENT
    beyond = edge.get(file, {"Range": "bytes=1000000-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, "bytes */1000000")
    for ignored in ("bytes=5-4", "bytes=0-1,5-6", "items=0-1", "bytes=a-b"):
        assert edge.get(file, {"Range": ignored}).status_code == 200
    for names in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        kept = edge.get(file, {"If-None-Match": names})
        assert (kept.status_code, kept.content, kept.headers["etag"]) == (304, b"", etag)
    assert edge.get(file, {"If-None-Match": '"x"'}).content == SEGMENT


def test_an_empty_file_and_a_missing_one_are_told_apart(edge: RunningEdge) -> None:
    for _ in range(2):
        empty = edge.get("empty.vtt")
        assert (empty.status_code, empty.content, empty.headers["content-length"]) == (200, b"", "0")
        assert edge.get("nothing.m4s").status_code == 404
        assert edge.client.head(edge.url("nothing.m4s")).status_code == 404
        until("the empty file is held", lambda: "empty.vtt" in edge.held())


def test_any_page_may_read_and_time_what_a_token_opens(edge: RunningEdge) -> None:
    asked = {
        "Origin": "https://player.example",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "range, cmcd-request",
        "Access-Control-Request-Private-Network": "true",
    }
    preflight = edge.client.options(edge.url("master.m3u8"), headers=asked)
    assert preflight.status_code == 204
    allowed = {name.strip().lower() for name in preflight.headers["access-control-allow-headers"].split(",")}
    assert {"range", "cmcd-request", "cmcd-session", "cmcd-object", "cmcd-status"} <= allowed
    assert preflight.headers["access-control-allow-private-network"] == "true"
    for answer in (edge.get("master.m3u8"), edge.get("nothing.m4s"), edge.client.get("/x")):
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["timing-allow-origin"] == "*"
    assert edge.get("master.m3u8").headers["content-type"] == "application/vnd.apple.mpegurl"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"])
def test_other_methods_are_not_allowed(edge: RunningEdge, method: str) -> None:
    assert edge.raw(f"/{token()}/{PREFIX}master.m3u8", method)[0] == 405


def test_reports_carry_the_credential_and_what_was_done(edge: RunningEdge, control: ControlPlane) -> None:
    before = edge.metric("requests_total")
    edge.get("master.m3u8")

    def reported() -> bool:
        # A fill of before may end between the report and the look at what is held.
        last = control.reports[-1][2] if control.reports else None
        return last is not None and last["requests"] > before and last["files"] == len(edge.held())

    until("the request is reported, and all files that are held", reported)
    path, credential, report = control.reports[-1]
    assert path == "/api/v1/edges/europe-1/report"
    assert credential == f"Bearer {CREDENTIAL}"
    assert (report["region"], report["url"]) == ("europe", edge.address)
    assert 0 < report["cached_bytes"] <= report["cache_limit_bytes"]
    assert report["connections"] >= 1


def test_a_drained_edge_says_so_and_goes_on_serving(edge: RunningEdge, control: ControlPlane) -> None:
    def ready() -> int:
        return edge.client.get("/readyz").status_code

    until("the edge serves", lambda: ready() == 200)
    control.orders = {"draining": True, "egress_limit_bps": None}
    until("the edge drains", lambda: ready() == 503)
    assert edge.get("master.m3u8").status_code == 200
    control.orders = {"draining": False, "egress_limit_bps": None}
    until("the edge serves again", lambda: ready() == 200)


def test_all_connections_together_keep_to_the_egress_limit(edge: RunningEdge, control: ControlPlane) -> None:
    edge.get("v720/00001.m4s")
    control.orders = {"draining": False, "egress_limit_bps": 16_000_000}
    until("the limit is known", lambda: edge.metric("egress_limit_bps") == 16_000_000)

    def seconds() -> float:
        started = time.monotonic()
        with ThreadPoolExecutor(3) as viewers:
            bodies = list(viewers.map(lambda _: edge.get("v720/00001.m4s").content, range(3)))
        assert bodies == [SEGMENT] * 3
        return time.monotonic() - started

    # 24 Mbit at 16 Mbit/s, less a tenth of a second that may be sent at once. nginx, where it is in front, is told a
    # moment later.
    until("all keep to the limit", lambda: seconds() > 1.3)
    control.orders = {"draining": False, "egress_limit_bps": None}
    until("the limit is lifted", lambda: edge.metric("egress_limit_bps") == 0)
    until("nothing holds them up", lambda: seconds() < 1.3)


def test_an_edge_goes_on_while_the_control_plane_is_away(edge: RunningEdge, control: ControlPlane) -> None:
    def said(word: str) -> int:
        return sum(word in line and '"report"' in line for line in edge.log().splitlines())

    lost, found = said("control.lost"), said("control.found")
    control.status = 500
    until("the edge notices", lambda: said("control.lost") > lost)
    seen = len(control.reports)
    assert edge.get("master.m3u8").status_code == 200
    until("it tries again", lambda: len(control.reports) > seen)
    assert said("control.lost") == lost + 1
    control.status = 200
    until("it finds it again", lambda: said("control.found") > found)


def test_a_file_that_shrank_on_disk_is_fetched_anew(objects: Path, edge: RunningEdge) -> None:
    file = "v720/shrinks.m4s"
    (objects / "media" / PREFIX / file).write_bytes(SEGMENT)
    edge.get(file)
    until("the file is held", lambda: file in edge.held())
    (edge.data / "cache" / "demand" / PREFIX / file).write_bytes(SEGMENT[:1000])
    # nginx sends what it finds, whose size it cannot know; the edge process looks when it hears of the hit.
    until("it is whole again", lambda: edge.get(file).content == SEGMENT)


def test_a_held_file_outlives_its_origin(objects: Path, edge: RunningEdge) -> None:
    file = "v720/outlives.m4s"
    (objects / "media" / PREFIX / file).write_bytes(SEGMENT)
    edge.get(file)
    until("the file is held", lambda: file in edge.held())
    (objects / "media" / PREFIX / file).unlink()
    assert edge.get(file).content == SEGMENT


def test_a_taken_port_or_folder_is_one_sentence_and_exit_1(edge: RunningEdge, tmp_path: Path) -> None:
    for second, sentence in (
        (RunningEdge(tmp_path, edge.objects, port=edge.port), f"Cannot listen on 127.0.0.1:{edge.port}: "),
        (RunningEdge(edge.data, edge.objects, port=free_port()), "is in use by another edge."),
    ):
        assert second.launch().process.wait(60) == 1
        second.client.close()
        assert sentence in second.log()
    assert "Traceback" not in second.log()


def test_an_edge_is_small_and_ends_cleanly(edge: RunningEdge, tmp_path: Path) -> None:
    program = (
        "import asyncio, os, signal, socket, sys, threading, time\n"
        "from matinee.settings import read_settings\n"
        "from matinee.compose.edge import run_edge\n"
        "def end():\n"
        "    while socket.socket().connect_ex(('127.0.0.1', read_settings().port)):\n"
        "        time.sleep(0.05)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "threading.Thread(target=end, daemon=True).start()\n"
        "asyncio.run(run_edge(read_settings()))\n"
        f"print(sorted(set({FORBIDDEN_MODULES}) & set(sys.modules)))\n"
    )
    settings = {
        "MATINEE_DATA": str(tmp_path),
        "MATINEE_PORT": str(free_port()),
        "MATINEE_JOIN_TOKEN": "a token that nobody takes",
        "MATINEE_EDGE_ID": "small",
    }
    ended = subprocess.run(
        [sys.executable, "-c", program], env=settings, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout.strip()) == (0, "[]"), ended.stderr
