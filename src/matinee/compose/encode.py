"""One source into one playable folder, without a database: ``matinee encode``."""

import json
import secrets
import shutil
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from matinee.adapters.compute_local import LocalCompute
from matinee.compose.fonts import display_font
from matinee.compose.objects import open_objects
from matinee.encoding.depot import Depot, Finished, identity_of
from matinee.encoding.ffmpeg import find_tools
from matinee.encoding.orders import LadderKind, Order, ladder_kind
from matinee.encoding.production import Production
from matinee.encoding.steps import Place, Source
from matinee.inspection.inspection import Film
from matinee.model.errors import Invalid, Unavailable
from matinee.model.media import Codec, Ladder, Presentation
from matinee.model.text import printable
from matinee.packaging.protection import Protection, Scheme, film_key
from matinee.reports.folder import folder_report
from matinee.reports.making import report_of
from matinee.web.reports import report_alone

REPORT, REPORT_PAGE = "report.json", "report.html"


def encode_folder(
    source: Path,
    output: Path,
    *,
    name: str | None = None,
    font: Path | None = None,
    codecs: tuple[Codec, ...] = (Codec.H264,),
    ladder: str = LadderKind.PER_TITLE,
    say: Callable[[str], None] | None = None,
    scheme: Scheme | None = None,
    key: Path | None = None,
) -> dict[str, Any]:
    """Fill a folder with a film that plays from there; returns what ``report.json`` in it says.

    ``font`` sets the poster's name; without it, the web's display face does. ``say`` hears sentences about what is
    done. With a ``scheme`` picture and sound are encrypted: by the key in the file ``key``, else by the one beside the
    output, which is made where there is none. Invalid if there is no source, the output holds other things, or the key
    file cannot be used; Refused if the source cannot be right.
    """
    kind = ladder_kind(ladder)
    # A name may hold what no report or terminal should be given; of bytes that are not UTF-8 Python makes such, too.
    shown = Path(printable(source.name))
    if not source.is_file():
        raise Invalid(f"There is no file {source}.")
    if output.exists() and (not output.is_dir() or (any(output.iterdir()) and not (output / REPORT).exists())):
        raise Invalid(f"{output} holds something else already: name a folder that is new or empty.")
    output.parent.mkdir(parents=True, exist_ok=True)
    protection = None if scheme is None else Protection(scheme, film_key(output, key, secrets.token_bytes))
    compute = LocalCompute()
    # Beside the output, so that the finished folder is moved and not copied.
    with tempfile.TemporaryDirectory(prefix=".matinee-", dir=output.parent.absolute()) as work:
        store = Path(work) / "store"
        store.mkdir()
        (store / "source").symlink_to(source.absolute())
        identity = identity_of(source.stat().st_size, str(source.stat().st_mtime_ns))
        order = Order(
            source=Source("source", identity, shown.name),
            title=name or shown.stem,
            place=Place(Depot(partial(open_objects, store.as_uri()), "encode", Path(work), store), find_tools()),
            prefix="made",
            font=font or display_font(),
            codecs=codecs,
            protection=protection,
            ladder=kind,
        )
        try:
            produced = Production(order, compute, _Teller(say or (lambda _: None))).run()
            told = json.dumps(folder_report(produced, protection), indent=2)
            (store / "made" / REPORT).write_text(f"{told}\n")
            (store / "made" / REPORT_PAGE).write_text(report_alone(report_of(produced)))
            shutil.rmtree(output, ignore_errors=True)
            (store / "made").replace(output)
        except OSError as error:
            raise Unavailable(f"{output} cannot be filled: {error.strerror or error}.") from error
        finally:
            compute.close()
    report: dict[str, Any] = json.loads(told)
    return report


class _Teller:
    """Says in sentences what a production is doing."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def begun(self, film: Film, early: Presentation) -> None:
        """Nobody waits for a folder."""

    def planned(self, film: Film, ladder: Ladder, names: tuple[str, ...]) -> None:  # noqa: ARG002 - a watcher's
        sizes = ", ".join(f"{rung.name} ({rung.width}x{rung.height})" for rung in ladder.rungs)
        self._say(f"{film.name}: {film.length_seconds:.1f} s at {float(film.shown_rate):g} frames/s; making {sizes}")
        for note in film.notes:
            self._say(f"  {note}")

    def progressed(self, stage: str, progress: float, renditions: Mapping[str, float]) -> None:
        """Too often for sentences."""

    def advanced(self) -> None:
        """Too often for sentences."""

    def made(self, finished: Finished) -> None:
        frames = "" if finished.frames is None else f"{finished.frames} frames, "
        self._say(f"  {finished.name}: {frames}{finished.size_bytes / 1e6:.2f} MB in {finished.seconds:.1f} s")
        for note in finished.notes:
            self._say(f"  {note}")
