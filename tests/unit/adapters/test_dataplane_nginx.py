import json
from pathlib import Path

import pytest

from matinee.adapters.dataplane_nginx_configuration import OWN_FILES, Configuration, Words, rendered
from matinee.adapters.dataplane_nginx_exchange import book, book_left, gate_lines
from matinee.adapters.dataplane_nginx_process import cleaned
from matinee.compose.edge_plane import words
from matinee.edge.gate import Gate
from matinee.model.plans import KeyRing, Revocation
from matinee.model.tokens import Token, sign


def configured(**changes: object) -> str:
    values: dict[str, object] = {
        "address": "127.0.0.1",
        "port": 8400,
        "cache": Path("/srv/a cache"),
        "run": Path("/srv/run"),
        "left": Path("/srv/left"),
        "words": words(),
        "workers": 3,
        "files": 20_000,
    }
    return rendered(Configuration(**{**values, **changes}))  # type: ignore[arg-type]  # a test's own names


def test_every_place_of_the_template_is_filled() -> None:
    text = configured()
    assert [word for word in text.split() if word.startswith("@") and word.rstrip(";@/").isupper()] == []
    assert "listen 127.0.0.1:8400 backlog=2048;" in text
    assert 'root "/srv/a cache";' in text
    assert "worker_processes 3;" in text
    assert "ssl" not in text.partition("server {")[2]


def test_http_2_is_offered_over_tls_alone() -> None:
    text = configured(address="::1", certificate=Path("/c.pem"), key=Path("/k.pem"))
    assert "listen [::1]:8400 backlog=2048 ssl http2;" in text
    assert 'ssl_certificate_key "/k.pem";' in text


def test_a_sentence_is_said_word_for_word() -> None:
    said = words().sentences["refused"]
    changed = Words(words().held_headers, {}, {"refused": type(said)(403, said.headers, 'He said "no"\\.\n')})
    assert 'return 403 "He said \\"no\\"\\\\.\\n";' in configured(words=changed)


def test_lua_and_template_lie_where_the_package_is() -> None:
    assert {file.name for file in OWN_FILES.iterdir()} >= {
        "nginx.conf.template",
        "matinee_gate.lua",
        "matinee_token.lua",
        "matinee_counts.lua",
    }


TOKEN = sign(Token("k1", 4_000_000_000, "a-playback", "title/revision/"), b"k" * 32)


@pytest.mark.parametrize(
    "line",
    [
        (
            "2026/11/26 21:00:00 [error] 7#7: *1 upstream prematurely closed connection while reading upstream, "
            f'client: 127.0.0.1, server: , request: "GET /{TOKEN}/t/r/f HTTP/1.1", upstream: "http://unix:/x:/{TOKEN}/t/r/f"'
        ),
        f'2026/11/26 21:00:00 [warn] 7#7: something new about "/{TOKEN}/t" that has no request in it',
        (
            "2026/11/26 21:00:00 [info] 7#7: *3 client sent invalid request while reading client request line, client: "
            f'127.0.0.1, server: , request: "GET /{TOKEN}"'
        ),
    ],
)
def test_a_line_of_nginxs_log_says_what_happened_and_to_nobodys_token(line: str) -> None:
    said = cleaned(line)
    assert TOKEN[:20] not in said
    assert said.startswith("2026/11/26 21:00:00 [")
    assert len(said) > 40


def test_a_gate_is_told_in_lines_that_no_name_can_break() -> None:
    gate = Gate(now=lambda: 0.0, names={"one.example"})
    gate.use_keys(KeyRing("1", {"an id\nof two lines": "secret"}))
    gate.revoke([Revocation(1, "a playback\ndown 1", 4e9)])
    gate.skew_seconds = -3
    lines = gate_lines(gate, paced=True).splitlines()
    assert [line.split()[0] for line in lines] == ["skew", "down", "paced", "name", "key", "revoked"]
    assert lines[:4] == ["skew -3", "down 0", "paced 1", "name one.example"]
    assert "secret" not in json.dumps(lines)


class _Tally:
    def __init__(self) -> None:
        self.heard: list[tuple[object, ...]] = []

    def __getattr__(self, name: str) -> object:
        return lambda *said: self.heard.append((name, *said))


def test_counts_are_booked_by_their_kind(tmp_path: Path) -> None:
    tally = _Tally()
    lines = ["s a b\tplaced 12", "s \tdemand 3", "f t/r/f 2", "t 1.5/a b 7", "r expired 1", "d bills 4"]
    (tmp_path / "7-1.counts").write_text("left\n" + "\n".join(lines) + "\n")
    (tmp_path / "8-1.counts.part").write_text("left\ns half")
    book_left(tmp_path, tally)  # type: ignore[arg-type]  # it takes whatever it is told
    expected = [
        ("sent", "a b", "placed", 12),
        ("sent", "", "demand", 3),
        ("hit", "t/r/f", 2),
        ("settle", "1.5/a b", 7),
        ("refused", "expired", 1),
        ("settle", "", 4),
    ]
    assert tally.heard == expected
    assert [file.name for file in tmp_path.iterdir()] == ["8-1.counts.part"]
    book(lines[:1], tally)  # type: ignore[arg-type]  # as above
    assert tally.heard[6:] == expected[:1]


def test_settings_name_a_plane_or_are_refused() -> None:
    from matinee.compose.edge_plane import is_nginx
    from matinee.model.errors import Invalid
    from matinee.settings import Settings

    assert not is_nginx(Settings())
    for good in ("nginx:", "nginx:///usr/sbin/nginx"):
        assert is_nginx(Settings(dataplane=good))
    for bad in ("nginx", "apache:", "nginx://elsewhere/nginx", ""):
        with pytest.raises(Invalid):
            is_nginx(Settings(dataplane=bad))
