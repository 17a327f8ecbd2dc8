"""The task that reads a film's subtitles: each track becomes one WebVTT file in the depot, cues on the film's time.

Text never fails a film: what cannot be read is told in a sentence, and the film goes without.
"""

import time
from collections.abc import Sequence
from pathlib import Path

from matinee.encoding.depot import Depot, Finished
from matinee.encoding.steps import Place, Progress, Source
from matinee.inspection.inspection import Film
from matinee.inspection.reading import WEBVTT, TextReport, read_texts
from matinee.model.errors import Refused
from matinee.packaging.styled import Styles
from matinee.packaging.text import Cue, TextFile, read_webvtt, text_names, tidy, webvtt


def read_film_texts(
    place: Place, source: Source, film: Film, files: Sequence[str], _progress: Progress
) -> tuple[Finished, ...]:
    """Keep all subtitles of a film, each in its file, unless this machine has them."""
    made = [place.depot.shelved(file) for file in files]
    finished = tuple(one for one in made if one is not None)
    if len(finished) != len(files):
        finished = _read(place, source, film, files)
    for one in finished:
        place.depot.keep(one)
    return finished


def _read(place: Place, source: Source, film: Film, files: Sequence[str]) -> tuple[Finished, ...]:
    started, tracks = time.monotonic(), film.source.texts
    path, sandbox = place.depot.source(source.key, source.identity), place.find_tools().sandbox
    try:
        reports = read_texts(path, film.name, sandbox, [track.index for track in tracks])
    except Refused as error:
        reports = tuple(TextReport(track.index, failure=str(error)) for track in tracks)
    finished = []
    with place.depot.desk() as desk:
        for name, file, report in zip(text_names(tracks), files, reports, strict=True):
            cues, part = cues_of(report, film), desk / file
            part.write_text(webvtt(cues), encoding="utf-8")
            end = cues[-1].end_seconds if cues else 0.0
            seconds = time.monotonic() - started
            notes = text_notes(name, report, cues)
            one = Finished(name, file, None, end, part.stat().st_size, seconds, notes)
            place.depot.shelve(one, part)
            finished.append(one)
    return tuple(finished)


def cues_of(report: TextReport, film: Film) -> tuple[Cue, ...]:
    """The cues of a track on the film's time, which is the picture's."""
    if report.form == WEBVTT:
        cues = [Cue(line.start_seconds, line.end_seconds, line.text, line.settings) for line in report.lines]
    else:
        styles = Styles(report.header)
        cues = [styles.cue(line.start_seconds, line.end_seconds, line.text) for line in report.lines]
    return tidy(cues, film.shift_seconds, film.length_seconds)


def text_notes(name: str, report: TextReport, cues: Sequence[Cue]) -> tuple[str, ...]:
    """What there is to say of a track that was read, a sentence each."""
    which = f"The subtitles {name.removeprefix('t-')}"
    notes = []
    if report.failure:
        return (f"{which} were left out. {report.failure}",)
    if report.recoded:
        notes.append(f"{which} are not UTF-8: {report.recoded} line(s) were read as {report.code_page}.")
    if report.lost:
        notes.append(f"{which} have {report.lost} line(s) that cannot be read and were left out.")
    if not cues:
        notes.append(f"{which} show nothing and were left out.")
    return tuple(notes)


def text_files(depot: Depot, film: Film, files: Sequence[str]) -> tuple[TextFile, ...]:
    """A film's subtitles out of the depot, without those that show nothing."""
    tracks = film.source.texts
    texts = [
        TextFile(name, track, _kept(depot.rendition(file)))
        for name, track, file in zip(text_names(tracks), tracks, files, strict=True)
    ]
    return tuple(text for text in texts if text.cues)


def _kept(path: Path) -> tuple[Cue, ...]:
    return read_webvtt(path.read_text(encoding="utf-8"))
