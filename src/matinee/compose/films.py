"""Where a service's first films come from: a folder of yours, or the eight that the demo draws."""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from matinee.catalogue.titles import Catalogue, TitleDraft, TitleState
from matinee.drawing.films import DrawnFilm
from matinee.encodes.jobs import Jobs
from matinee.model.errors import Invalid
from matinee.sources.sources import Sources

SUFFIXES = frozenset(
    ".3gp .avi .flv .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .mxf .ogv .ts .webm .wmv".split()  # noqa: SIM905 - a list of words
)
_YEAR = re.compile(r"[\s._-]*[(\[]?\b((?:18|19|20)\d\d)\b[)\]]?")
# "Series S01E02 Name", as almost everybody names files of episodes.
_EPISODE = re.compile(
    r"^(?P<series>.*?)(?<![^\W_])S(?P<season>\d{1,4})[\s._-]*E(?P<episode>\d{1,5})(?![^\W_])(?P<name>.*)$",
    re.IGNORECASE,
)
_LONGEST_NAME = 120
_CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class FilmFile:
    """A source on this machine and what is known of it. ``fingerprint`` is the same for the same file unchanged."""

    path: Path
    draft: TitleDraft
    fingerprint: str

    @property
    def source_key(self) -> str:
        """Where its mezzanine lies in the object store."""
        return f"sources/{self.fingerprint}{self.path.suffix.lower()}"


def find_films(folder: Path) -> list[FilmFile]:
    """The films under a folder, by name; folders inside it name genres. Invalid if there is no folder or no film."""
    if not folder.is_dir():
        raise Invalid(f"There is no folder {folder}.")
    found = [film_file(path, folder) for path in sorted(_files(folder))]
    if not found:
        raise Invalid(f"The folder {folder} holds no films: looked for {' '.join(sorted(SUFFIXES))}.")
    return found


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())


def film_file(path: Path, folder: Path | None = None) -> FilmFile:
    """What a file's own name says: ``Metropolis (1927).mkv`` is Metropolis of 1927."""
    name, year = name_and_year(path.stem)
    genres = () if folder is None else tuple(part.replace("_", " ") for part in path.relative_to(folder).parts[:-1])
    status = path.stat()
    identity = f"{path.absolute()}|{status.st_size}|{status.st_mtime_ns}"
    return FilmFile(
        path=path,
        draft=TitleDraft(name=name, year=year, genres=genres),
        fingerprint=hashlib.sha256(identity.encode()).hexdigest()[:32],
    )


def name_and_year(stem: str) -> tuple[str, int | None]:
    """A film's name and year out of a file name without its suffix; always a name."""
    text = stem.encode("utf-8", "replace").decode()
    match = _YEAR.search(text, pos=1) if len(text) > 1 else None
    year = int(match.group(1)) if match else None
    if match:
        text = text[: match.start()]
    words = re.sub(r"[._]+", " ", text).split()
    name = " ".join(words).strip(" -") or stem
    return (name[:1].upper() + name[1:])[:_LONGEST_NAME], year


@dataclass(frozen=True, slots=True)
class EpisodeName:
    """What a file's name says of an episode; ``name`` and ``series`` are empty where it says none."""

    series: str
    season: int
    episode: int
    name: str


def episode_name(stem: str) -> EpisodeName | None:
    """The episode that a file name without its suffix speaks of; None if it speaks of none."""
    match = _EPISODE.match(stem.encode("utf-8", "replace").decode())
    if match is None:
        return None
    series, name = (" ".join(re.sub(r"[._]+", " ", match[part]).split()).strip(" -") for part in ("series", "name"))
    return EpisodeName(series[:_LONGEST_NAME], int(match["season"]), int(match["episode"]), name[:_LONGEST_NAME])


def drawn_file(film: DrawnFilm, path: Path) -> FilmFile:
    """A drawn film with all that is known of it."""
    draft = TitleDraft(
        name=film.name,
        synopsis=film.synopsis,
        year=film.year,
        genres=film.genres,
        moods=film.moods,
        maturity=film.maturity,
    )
    return FilmFile(path=path, draft=draft, fingerprint=f"drawn-{film.slug}")


@dataclass(frozen=True, slots=True)
class Taken:
    """A film in the catalogue; not ``new`` if it was taken in before."""

    title_id: str
    new: bool


def ingest(
    film: FilmFile,
    catalogue: Catalogue,
    jobs: Jobs,
    sources: Sources,
    priority: int = 100,
    tell: Callable[[int], None] | None = None,
) -> Taken:
    """Bring the mezzanine into the object store, make its title and queue its encode, once.

    Whoever was killed over it begins again here: what is whole in the store stays, the title is the same, and a film
    that was taken in before is left alone. ``tell`` hears how many bytes have gone up.
    """
    name = film.path.name.encode("utf-8", "replace").decode()[-_LONGEST_NAME:]
    source = sources.promise(name, film.path.stat().st_size, key=film.source_key)
    if source.taken_at is None and sources.arrived_bytes(source) != source.size_bytes:
        with film.path.open("rb") as file:
            sources.receive(source, _read(file, tell or (lambda _: None)))
    claim = sources.claim(source.id)
    if claim.source.taken_at is not None:
        return Taken(claim.title_id, new=False)
    title = catalogue.create(film.draft, title_id=claim.title_id)
    jobs.submit(claim.title_id, film.source_key, name, priority, film.draft.name, claim.job_id)
    if title.state is TitleState.DRAFT:
        catalogue.mark_encoding(title.id)
    sources.taken(claim.source)
    return Taken(title.id, new=True)


def _read(file: BinaryIO, tell: Callable[[int], None]) -> Iterator[bytes]:
    sent = 0
    while chunk := file.read(_CHUNK_BYTES):
        yield chunk
        sent += len(chunk)
        tell(sent)
