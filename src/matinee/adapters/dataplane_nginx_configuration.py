"""nginx's configuration, as a pure function of what it is to serve."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

OWN_FILES = Path(__file__).parent / "nginx"
"""The template and the Lua that nginx runs."""

PLACED, DEMAND = "placed", "demand"
"""The folders of the cache that hold whole files, in the order in which they are tried."""

Headers = Sequence[tuple[str, str]]

_CONNECTIONS = 16_384
_BACKLOG = 2048
_COUNTS = "32m"
# Said by nginx itself.
_GIVEN = {"content-length", "content-type", "etag", "accept-ranges", "x-cache", "date"}


@dataclass(frozen=True, slots=True)
class Sentence:
    """A short answer that nginx gives by itself."""

    status: int
    headers: Headers
    body: str


@dataclass(frozen=True, slots=True)
class Words:
    """What both data planes say alike: headers of a held file, content types by file ending, refusals by name.

    Refusals: ``refused``, ``methods``, ``misdirected``, ``body``, ``down``, ``away``.
    """

    held_headers: Headers
    content_types: Mapping[str, str]
    sentences: Mapping[str, Sentence]


@dataclass(frozen=True, slots=True)
class Configuration:
    """What nginx is to serve, where, and with how much. ``user``: whose workers they are, where nginx may choose.

    ``run``: folder of this nginx alone, for its sockets; ``left``: where workers that end leave what they counted.
    """

    address: str
    port: int
    cache: Path
    run: Path
    left: Path
    words: Words
    workers: int
    files: int
    modules: Sequence[Path] = ()
    user: str | None = None
    certificate: Path | None = None
    key: Path | None = None


def rendered(configuration: Configuration) -> str:
    """The configuration as nginx reads it."""
    over_tls = configuration.certificate is not None
    address = f"[{configuration.address}]" if ":" in configuration.address else configuration.address
    # HTTP/2 over TLS alone, as browsers have it; without, HTTP/1.1.
    listen = f"{address}:{configuration.port} backlog={_BACKLOG}" + (" ssl http2" if over_tls else "")
    values = {
        "USER": f"user {configuration.user};" if configuration.user else "",
        "WORKERS": str(configuration.workers),
        "FILES": str(configuration.files),
        "CONNECTIONS": str(min(_CONNECTIONS, configuration.files)),
        "RUN": str(configuration.run),
        "LEFT": str(configuration.left),
        "LUA": str(OWN_FILES),
        "COUNTS": _COUNTS,
        "OVER_TLS": "true" if over_tls else "false",
        "CACHE": _quoted(str(configuration.cache)),
        "PLACED": PLACED,
        "DEMAND": DEMAND,
        "MODULES": "\n".join(f"load_module {module};" for module in configuration.modules),
        "TYPES": "\n".join(
            f"    {_quoted(kind)} {ending};" for ending, kind in sorted(configuration.words.content_types.items())
        ),
        "LISTEN": listen,
        "TLS": _tls(configuration),
        "HELD_HEADERS": _headers(configuration.words.held_headers, 6),
        "SENTENCES": "".join(_sentence(name, said) for name, said in configuration.words.sentences.items()),
    }
    text = (OWN_FILES / "nginx.conf.template").read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


def _tls(configuration: Configuration) -> str:
    if configuration.certificate is None or configuration.key is None:
        return ""
    return "\n".join(
        (
            f"    ssl_certificate {_quoted(str(configuration.certificate))};",
            f"    ssl_certificate_key {_quoted(str(configuration.key))};",
            # Televisions of some age know nothing newer than 1.2.
            "    ssl_protocols TLSv1.2 TLSv1.3;",
            "    ssl_session_cache shared:sessions:10m;",
            "    ssl_session_timeout 1h;",
            # As large as a frame may be without being asked for (RFC 9113 §6.5.2).
            "    http2_chunk_size 16k;",
        )
    )


def _headers(headers: Headers, indent: int) -> str:
    space = " " * indent
    return "\n".join(
        f"{space}add_header {name} {_quoted(value)} always;" for name, value in headers if name not in _GIVEN
    )


def _sentence(name: str, said: Sentence) -> str:
    kind = dict(said.headers).get("content-type", "text/plain")
    return f"""
    location @{name} {{
      types {{ }}
      default_type {_quoted(kind)};
{_headers(said.headers, 6)}
      return {said.status} {_quoted(said.body)};
    }}
"""


def _quoted(text: str) -> str:
    # A dollar sign would begin a variable, and nginx has no way to write one.
    assert "$" not in text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
