"""An FFmpeg that keeps a list of what it has made, for tests that ask what was made twice, or first."""

import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import imageio_ffmpeg

_RENDITION = re.compile(r"([a-z0-9-]+)-[0-9a-f]{16}\.mp4$")


@dataclass(frozen=True, slots=True)
class Runs:
    """``program`` stands in for FFmpeg; each run that ends well adds a line to ``notes``.

    Parts of renditions are named ``240p-00000``. A run that makes one of the rendition in ``held`` waits until there is
    a file ``go``.
    """

    program: Path
    notes: Path
    held: str = ""

    @property
    def go(self) -> Path:
        """Lets held runs go on."""
        return self.program.with_name("go")

    def order(self) -> list[tuple[str, str]]:
        """What was made, in order: where, and which part of which rendition."""
        return [(str(path.parent), match[1]) for path in self._outputs() if (match := _RENDITION.search(path.name))]

    def surveyed(self) -> list[tuple[str, int]]:
        """Where a source was surveyed, and how many parts had been made anywhere before that ended."""
        lines = self.notes.read_text().splitlines() if self.notes.exists() else []
        found, parts = [], 0
        for words in map(str.split, lines):
            parts += sum(bool(_RENDITION.search(word)) for before, word in pairwise(words) if before != "-i")
            if any(word.endswith("first.mp4") or "first.mp4|" in word for word in words):
                found.append((words[words.index("-stats_enc_pre") + 1], parts))
        return found

    def made(self) -> Counter[str]:
        """How often each file was made, over all films; a part that came out otherwise is made by another name."""
        return Counter(path.name for path in self._outputs() if _RENDITION.search(path.name))

    def _outputs(self) -> list[Path]:
        lines = self.notes.read_text().splitlines() if self.notes.exists() else []
        return [Path(word) for line in lines for before, word in pairwise(line.split()) if before != "-i"]


def counted_ffmpeg(folder: Path, held: str = "") -> Runs:
    """Such an FFmpeg, its program in a folder."""
    runs = Runs(folder / "ffmpeg", folder / "ffmpeg.list", held)
    hold = f'case "$*" in *{held}-*) while [ ! -e {runs.go} ]; do sleep 0.05; done;; esac\n' if held else ""
    real = f'{imageio_ffmpeg.get_ffmpeg_exe()} "$@" || exit $?\n'
    runs.program.write_text(f'#!/bin/sh\n{hold}{real}echo "$*" >>{runs.notes}\n')
    runs.program.chmod(0o755)
    return runs
