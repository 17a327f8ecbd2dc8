"""Brings the demo its films: yours from a folder, or the eight it draws, each taken in once."""

import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from matinee.catalogue.titles import Catalogue
from matinee.compose.films import FilmFile, drawn_file, ingest
from matinee.compose.fonts import display_font
from matinee.demo.supervisor import die_with_parent
from matinee.drawing.films import DRAWN_FILMS, draw_command
from matinee.drawing.lettering import title_card
from matinee.encodes.jobs import Jobs
from matinee.model.errors import EncodingFailed, MatineeError
from matinee.sources.sources import Sources

_NICE = ("/usr/bin/env", "nice", "-n", "10")


class Intake:
    """Takes films in, in a thread, until ``stop``. ``films`` is None for drawn ones, which are kept in ``drawn``."""

    def __init__(
        self,
        films: Sequence[FilmFile] | None,
        drawn: Path,
        ffmpeg: str,
        catalogue: Catalogue,
        jobs: Jobs,
        sources: Sources,
        say: Callable[[str], None],
    ) -> None:
        self._films, self._drawn_folder, self._ffmpeg = films, drawn, ffmpeg
        self._catalogue, self._jobs, self._sources, self._say = catalogue, jobs, sources, say
        self._stop = threading.Event()
        self._drawing: subprocess.Popen[bytes] | None = None

    def stop(self) -> None:
        """Take nothing more in; what is being drawn is given up."""
        self._stop.set()
        if self._drawing is not None:
            self._drawing.kill()

    def bring(self) -> None:
        """Take in every film that is not there yet; drawn ones are drawn first."""
        for priority, film in enumerate(self._drawn() if self._films is None else self._films):
            if self._stop.is_set():
                return
            try:
                ingest(film, self._catalogue, self._jobs, self._sources, priority)
            except (MatineeError, OSError) as error:
                self._say(f"{film.path.name} could not be taken in: {error}")

    def _drawn(self) -> Iterator[FilmFile]:
        self._drawn_folder.mkdir(exist_ok=True)
        for film in DRAWN_FILMS:
            path = self._drawn_folder / f"{film.slug}.mp4"
            if not path.exists():
                unfinished = path.with_name(f".{path.name}")
                card = path.with_suffix(".png")
                title_card(film.name, film.year, display_font(), card)
                if self._stop.is_set():
                    return
                # Niced: what is already being encoded for somebody to watch goes first.
                self._drawing = subprocess.Popen(
                    [*_NICE, *draw_command(film, self._ffmpeg, unfinished, card=card)],
                    stdin=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    preexec_fn=die_with_parent,  # noqa: PLW1509 - one call into libc, no Python lock is taken
                )
                _, said = self._drawing.communicate()
                if self._stop.is_set():
                    return
                if self._drawing.returncode:
                    raise EncodingFailed(f"{film.name} could not be drawn: {said.decode()[-300:]}")
                unfinished.rename(path)
            yield drawn_file(film, path)
