"""The task that looks for grain: a few frames of a few shots, as the encoders of a film's rungs get them."""

import json
from collections.abc import Sequence
from pathlib import Path

from matinee.commands.commands import glimpse_command
from matinee.commands.stretches import GLIMPSE_FRAMES, Stretch
from matinee.encoding.depot import Finished
from matinee.encoding.ffmpeg import run_ffmpeg
from matinee.encoding.steps import Place, Progress, Source, granted_threads, picture_of
from matinee.inspection.inspection import Film
from matinee.model.errors import EncodingFailed
from matinee.model.media import Rung


def look_for_grain(
    place: Place,
    source: Source,
    film: Film,
    copy: str | None,
    glimpses: Sequence[Stretch],
    rungs: Sequence[Rung],
    file: str,
    progress: Progress,
) -> tuple[float, ...]:
    """The noise of a film at the size of each rung (smallest first), of 255 levels; ``file`` is where it is kept."""
    from matinee.inspection.grain import film_noise  # noqa: PLC0415 - numpy, which other tasks do not need

    def make(part: Path) -> Finished:
        samples = []
        for number, glimpse in enumerate(glimpses):
            samples.append(_noise_in(place, source, film, copy, glimpse, rungs, part.parent))
            progress((number + 1) / len(glimpses))
        noise = [round(film_noise(by_rung), 2) for by_rung in zip(*samples, strict=True)]
        part.write_text(json.dumps(noise))
        return Finished("grain", file, len(glimpses), film.length_seconds, part.stat().st_size, 0.0)

    kept = place.depot.once(file, make)
    return tuple(json.loads(place.depot.rendition(kept.file).read_text()))


def _noise_in(
    place: Place,
    source: Source,
    film: Film,
    copy: str | None,
    glimpse: Stretch,
    rungs: Sequence[Rung],
    desk: Path,
) -> tuple[float | None, ...]:
    """By rung; None where it cannot be told, as where the container's index misleads: there are other places."""
    import numpy as np  # noqa: PLC0415 - as above

    from matinee.inspection.grain import noise_of  # noqa: PLC0415 - as above

    tools, path = place.find_tools(), picture_of(place, source, copy)
    outputs = [desk / f"{rung.name}.grey" for rung in rungs]
    command = glimpse_command(
        tools.ffmpeg, path, film, glimpse, rungs, outputs, is_copy=copy is not None, cores=granted_threads()
    )
    try:
        run_ffmpeg(command, tools, f"looking for grain in {film.name}")
    except EncodingFailed:
        return (None,) * len(rungs)
    found: list[float | None] = []
    for rung, output in zip(rungs, outputs, strict=True):
        light = np.fromfile(output, np.uint16)
        size = GLIMPSE_FRAMES * rung.height * rung.width
        shown = light[:size].reshape(GLIMPSE_FRAMES, rung.height, rung.width) if len(light) >= size else None
        found.append(None if shown is None else noise_of(shown))
    return tuple(found)
