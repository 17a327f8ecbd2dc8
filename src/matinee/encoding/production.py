"""Makes one source into a playable folder: inspected, encoded rung by rung, packaged, checked.

Knows neither queue nor object store: the pipeline gives it a work folder and hears from it how far it is. Run again on
the same folder, it goes on where it was stopped.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from matinee.encoding import steps
from matinee.encoding.commands import AUDIO_BPS, CRF, PRESET
from matinee.encoding.ffmpeg import Tools, free_bytes
from matinee.encoding.inspection import Film
from matinee.encoding.ladder import fixed_ladder, groups
from matinee.encoding.packaging import AudioFile, VideoFile, mend_manifests, package_command, verify
from matinee.encoding.steps import Finished
from matinee.model.errors import EncodingFailed, Unavailable
from matinee.model.media import Ladder, Presentation, Rung
from matinee.ports import Compute, Needs, Task

_RECIPE = 1  # counts changes of the commands that make other renditions of the same source
_BEAT_SECONDS = 0.5
_ROOM = 1.2  # times what the renditions may weigh: packaging writes a second copy, but few films reach their caps
_TRUST_SECONDS = 1.0  # when the encoder's length differs by more from the container's, the encoder is right
# How the bar of progress is shared out: inspecting, encoding, and the rest.
_INSPECTED, _ENCODED = 0.02, 0.9
_SOUND_WEIGHT = 100_000.0  # pixels a frame that take as long


@dataclass(frozen=True, slots=True)
class Order:
    """What to make. ``name`` goes on the poster, ``source_name`` into sentences.

    ``identity`` changes when the source's bytes do. ``font`` is the poster's, or None.
    """

    source: Path
    source_name: str
    name: str
    identity: str
    work: Path
    tools: Tools
    preset: str = PRESET
    crf: float = CRF
    priority: int = 0
    font: Path | None = None


class Watcher(Protocol):
    """Who hears how far a production is. An error it raises ends the production."""

    def planned(self, film: Film, ladder: Ladder, names: tuple[str, ...]) -> None:
        """What will be made, by name, in order."""
        ...

    def progressed(self, stage: str, progress: float, renditions: Mapping[str, float]) -> None:
        """How far it is, from 0 to 1, about twice a second; ``renditions`` are those that run."""
        ...

    def made(self, finished: Finished) -> None:
        """A rendition is done, now or by an earlier run."""
        ...


@dataclass(frozen=True, slots=True)
class Produced:
    """A folder that plays. ``reused`` were found finished; ``seconds`` is what each stage took."""

    folder: Path
    presentation: Presentation
    film: Film
    ladder: Ladder
    finished: tuple[Finished, ...]
    reused: tuple[str, ...]
    seconds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Work:
    """A task, the renditions it makes, and what to do with its outcome."""

    task: Task
    names: tuple[str, ...] = ()
    done: Callable[[Any], None] | None = None


class Production:
    """One order on its way."""

    def __init__(self, order: Order, compute: Compute, watcher: Watcher) -> None:
        self._order = order
        self._compute = compute
        self._watcher = watcher
        self._weights: dict[str, float] = {}
        self._shares: dict[str, float] = {}
        self._finished: dict[str, Finished] = {}
        self._reused: list[str] = []
        self._seconds: dict[str, float] = {}

    def run(self) -> Produced:
        """Make the folder ``package`` in the work folder; errors of the tools and of compute come through."""
        order = self._order
        order.work.mkdir(parents=True, exist_ok=True)
        film = self._inspect()
        ladder = fixed_ladder(film.picture.display_width, film.picture.height, float(film.frame_rate))
        self._plan(film, ladder)
        film = self._encode(film, ladder)
        videos = [self._video(rung) for rung in ladder.rungs]
        audio = self._audio(film)
        if len({video.frames for video in videos}) != 1:
            counts = ", ".join(f"{video.rung.name}: {video.frames}" for video in videos)
            raise EncodingFailed(f"The renditions of {order.source_name} differ in their number of frames ({counts}).")
        folder = order.work / "package"
        colour = self._package(film, ladder, videos, audio, folder)
        presentation = verify(folder, videos, audio, film.frame_rate, colour, order.source_name)
        finished = tuple(self._finished.values())
        return Produced(folder, presentation, film, ladder, finished, tuple(self._reused), self._seconds)

    def _inspect(self) -> Film:
        order = self._order
        found: list[Film] = []
        arguments = (order.source, order.source_name, order.tools)
        self._do("inspecting", [_Work(self._task("inspecting", steps.inspect_source, *arguments), done=found.append)])
        return found[0]

    def _plan(self, film: Film, ladder: Ladder) -> None:
        bits = sum(rung.bitrate_bps for rung in ladder.rungs) + AUDIO_BPS
        needed, free = round(bits / 8 * film.length_seconds * _ROOM), free_bytes(self._order.work)
        if free < needed:
            raise Unavailable(
                f"The disk has {free // 2**20} MiB left, and encoding {film.name} may take {needed // 2**20} MiB."
            )
        self._weights = {rung.name: float(rung.width * rung.height) for rung in ladder.rungs}
        names = [rung.name for rung in ladder.rungs]
        if film.source.audio is not None:
            sound = _sound(film).name
            self._weights[sound] = _SOUND_WEIGHT
            names.insert(1, sound)
        self._watcher.planned(film, ladder, tuple(names))

    def _encode(self, film: Film, ladder: Ladder) -> Film:
        """The first rung, then the sound and the other rungs; the film, its length as the encoder found it.

        What is there already is taken as it is.
        """
        first, *others = groups(ladder, film.length_seconds)
        self._do("encoding", self._videos_to_make(film, first))
        measured = self._finished[first[0].name].length_seconds
        if abs(measured - film.length_seconds) > _TRUST_SECONDS:
            film = replace(film, length_seconds=measured)
        work = self._audio_to_make(film)
        for group in others:
            work += self._videos_to_make(film, group)
        self._do("encoding", work)
        return film

    def _videos_to_make(self, film: Film, rungs: Sequence[Rung]) -> list[_Work]:
        order = self._order
        files = {rung.name: self._file(film, rung.name, rung) for rung in rungs}
        left = tuple(rung for rung in rungs if not self._found(rung.name, files[rung.name]))
        if not left:
            return []
        names = tuple(rung.name for rung in left)
        chosen = tuple(files[name] for name in names)
        arguments = (film, order.source, left, chosen, order.work, order.preset, order.crf, order.tools)
        task = self._task(f"encoding to {', '.join(names)}", steps.encode_videos, *arguments)
        return [_Work(task, names, self._all_made)]

    def _audio_to_make(self, film: Film) -> list[_Work]:
        if film.source.audio is None:
            return []
        order, name = self._order, _sound(film).name
        file = self._file(film, name, film.source.audio)
        if self._found(name, file):
            return []
        arguments = (film, order.source, name, file, order.work, order.tools)
        return [_Work(self._task("encoding the sound", steps.encode_audio, *arguments), (name,), self._made)]

    def _package(
        self, film: Film, ladder: Ladder, videos: Sequence[VideoFile], audio: AudioFile | None, folder: Path
    ) -> str:
        """Package and draw pictures; the poster's colour."""
        order = self._order
        shutil.rmtree(folder, ignore_errors=True)  # of an earlier run
        folder.mkdir()
        command = package_command(order.tools.packager, videos, audio, ladder.segment_seconds)
        packaging = self._task("packaging", steps.run_packager, command, order.work, order.source_name, order.tools)
        colours: list[str] = []
        pictures = (videos[0].path, videos[-1].path, film, order.name or order.source_name, order.font, folder)
        drawing = self._task("drawing pictures", steps.draw_pictures, *pictures, order.tools)
        self._do("packaging", [_Work(packaging), _Work(drawing, done=colours.append)])
        mend_manifests(folder, film.frame_rate)
        return colours[0]

    def _video(self, rung: Rung) -> VideoFile:
        made = self._finished[rung.name]
        return VideoFile(rung, self._order.work / made.file, made.frames or 0)

    def _audio(self, film: Film) -> AudioFile | None:
        if film.source.audio is None:
            return None
        sound = _sound(film)
        return replace(sound, path=self._order.work / self._finished[sound.name].file)

    def _file(self, film: Film, name: str, content: Any) -> str:
        """The name of a rendition's file: all that decides its content is in it."""
        order = self._order
        words = (_RECIPE, order.identity, order.preset, order.crf, film.picture, film.shift_seconds, content)
        recipe = hashlib.sha256(repr(words).encode()).hexdigest()[:16]
        return f"{name}-{recipe}.mp4"

    def _found(self, name: str, file: str) -> bool:
        finished = steps.find_finished(self._order.work, file)
        if finished is None:
            return False
        self._reused.append(name)
        self._made(finished)
        return True

    def _made(self, finished: Finished) -> None:
        self._finished[finished.name] = finished
        self._shares[finished.name] = 1.0
        self._watcher.made(finished)

    def _all_made(self, finished: Sequence[Finished]) -> None:
        for one in finished:
            self._made(one)

    def _task(self, what: str, function: Callable[..., Any], *arguments: Any) -> Task:
        name = f"{what}: {self._order.source_name}"
        return Task(name, function, arguments, Needs(cores=2.0), self._order.priority)

    def _do(self, stage: str, work: Sequence[_Work]) -> None:
        """Have work done, telling the watcher how far it is; the first error stops the rest of it."""
        started = time.monotonic()
        futures: dict[Future[Any], _Work] = {}
        try:
            for piece in work:
                futures[self._submit(piece)] = piece
            waiting = set(futures)
            while waiting:
                done, waiting = wait(waiting, timeout=_BEAT_SECONDS, return_when=FIRST_COMPLETED)
                for future in done:
                    outcome = future.result()
                    finish = futures[future].done
                    if finish is not None:
                        finish(outcome)
                running = [name for future in waiting for name in futures[future].names]
                shares = {name: self._shares[name] for name in running if name in self._shares}
                self._watcher.progressed(stage, self._progress(stage), shares)
        finally:
            for future in futures:
                future.cancel()
            wait(futures)
        self._seconds[stage] = round(self._seconds.get(stage, 0.0) + time.monotonic() - started, 3)

    def _submit(self, piece: _Work) -> Future[Any]:
        try:
            return self._compute.submit(piece.task, self._listener(piece.names))
        except Unavailable as error:
            # Compute takes nothing any more: the work is not at fault, and goes on elsewhere or later.
            raise CancelledError(str(error)) from error

    def _listener(self, names: Sequence[str]) -> Callable[[float], None]:
        def listen(share: float) -> None:
            self._shares.update(dict.fromkeys(names, share))

        return listen

    def _progress(self, stage: str) -> float:
        if stage == "inspecting":
            return 0.0
        if stage != "encoding":
            return _ENCODED
        whole = sum(self._weights.values())
        share = sum(weight * self._shares.get(name, 0.0) for name, weight in self._weights.items())
        return _INSPECTED + (_ENCODED - _INSPECTED) * share / whole


def _sound(film: Film) -> AudioFile:
    """The rendition of a film's sound, without its path."""
    assert film.source.audio is not None
    return AudioFile(Path(), film.source.audio.language)


def identity_of(size_bytes: int, tag: str | None) -> str:
    """What tells one source from another: its size and the store's tag for its bytes."""
    return json.dumps([size_bytes, tag])
