"""What the tasks of one encode share, on whatever machine each of them runs: files by name, kept in the object store.

A depot is a value that travels with a task; the store is opened where the task runs, with that machine's credentials.
What a machine has fetched or made it finds again on its own shelf, also what the store did not take when it was made. A
store that is a folder which every machine sees is its own shelf: nothing is copied there, only linked.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import obstore
from obstore.store import ObjectStore

from matinee.model.errors import Unavailable

WORK = "work"
_UPLOADS = 8
_STALE_SECONDS = 86_400.0  # a shelf that no task of this machine has touched for so long is of an encode that ended


class StoreUnavailable(Unavailable):
    """The object store does not do what an encode needs, which is not the film's fault."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A rendition that is done. ``file`` is its name in the depot; ``frames`` is None for sound.

    ``length_seconds`` is what its media header says, ``seconds`` what making it took. ``notes`` are sentences on what
    was odd about it. Sound measured ``lufs`` before ``gain_db`` was added. ``cpu_seconds`` are those of processors that
    making it took; None: nobody counted. What several renditions took together is shared out among them.
    """

    name: str
    file: str
    frames: int | None
    length_seconds: float
    size_bytes: int
    seconds: float
    notes: tuple[str, ...] = ()
    lufs: float | None = None
    gain_db: float | None = None
    cpu_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Depot:
    """The files of the encode ``name``, under ``work/NAME``; ``shelves`` is a folder on each machine.

    ``folder`` is the store's own, where it is one.
    """

    open_store: Callable[[], ObjectStore]
    name: str
    shelves: Path
    folder: Path | None = None

    @property
    def shelf(self) -> Path:
        """This machine's part of it."""
        return self.shelves / self.name

    @contextmanager
    def desk(self) -> Iterator[Path]:
        """A folder to work in, for the body; Unavailable if the disk gives none."""
        self._touch()
        with TemporaryDirectory(dir=self.shelf, ignore_cleanup_errors=True) as desk:
            yield Path(desk)

    def source(self, key: str, identity: str) -> Path:
        """An object of the store as a file, fetched once on each machine; ``identity`` tells its bytes from others.

        Unavailable if the object has other bytes by now.
        """
        digest = hashlib.sha256(f"{key} {identity}".encode()).hexdigest()[:16]
        return self._fetch(key, f"source-{digest}", identity)

    def rendition(self, file: str) -> Path:
        """A rendition that was kept, as a file."""
        return self._fetch(f"{WORK}/{self.name}/{file}", file)

    def shelve(self, finished: Finished, part: Path) -> None:
        """Lay a whole rendition on this machine's shelf; its note comes last: a kill in between leaves none half."""
        note = part.with_suffix(".json")
        note.write_bytes(_note_of(finished))
        part.replace(self.shelf / finished.file)
        note.replace(self._note(finished.file))

    def shelved(self, file: str) -> Finished | None:
        """What is known of a rendition that lies whole on this machine's shelf, whether the store has it or not."""
        try:
            finished = _read_note(self._note(file).read_bytes())
            return finished if finished and (self.shelf / file).stat().st_size == finished.size_bytes else None
        except FileNotFoundError:
            return None

    def keep(self, finished: Finished) -> None:
        """Put a rendition that is shelved into the store, its note last.

        StoreUnavailable if the store does not take it; it stays on the shelf then.
        """
        key = f"{WORK}/{self.name}/{finished.file}"
        self._touch()
        with self._store() as store:
            self._put(store, self.shelf / finished.file, key)
            obstore.put(store, f"{key}.json", _note_of(finished))
        if self.folder is not None:
            self._note(finished.file).unlink(missing_ok=True)
            (self.shelf / finished.file).unlink(missing_ok=True)

    def once(self, file: str, make: Callable[[Path], Finished]) -> Finished:
        """A file that was made before, by anybody, or is made now: ``make`` writes it where it is told."""
        found = self.find(file)
        if found is None:
            found = self.shelved(file)
            if found is None:
                with self.desk() as desk:
                    found = make(desk / file)
                    self.shelve(found, desk / file)
            self.keep(found)
        return found

    def find(self, file: str) -> Finished | None:
        """What is known of a rendition, if it was kept and is whole."""
        key = f"{WORK}/{self.name}/{file}"
        with self._store() as store:
            try:
                finished = _read_note(bytes(obstore.get(store, f"{key}.json").bytes()))
                return finished if finished and obstore.head(store, key)["size"] == finished.size_bytes else None
            except FileNotFoundError:
                return None

    def find_all(self, files: Iterable[str]) -> dict[str, Finished]:
        """What is known of those of many renditions that were kept and are whole."""
        start = f"{WORK}/{self.name}/"
        with self._store() as store, ThreadPoolExecutor(_UPLOADS, thread_name_prefix="find") as pool:
            there = {entry["path"].removeprefix(start) for some in obstore.list(store, start) for entry in some}
            found = pool.map(self.find, (file for file in files if f"{file}.json" in there))
            return {one.file: one for one in found if one is not None}

    def publish(self, folder: Path, names: list[str], prefix: str, types: Mapping[str, str]) -> None:
        """Put files of a folder under a prefix of the store, the last name after all others; ``types`` by suffix."""
        with self._store() as store, ThreadPoolExecutor(_UPLOADS, thread_name_prefix="upload") as pool:

            def put(name: str) -> None:
                kind = types.get(Path(name).suffix, "application/octet-stream")
                self._put(store, folder / name, f"{prefix}/{name}", kind)

            uploads = [pool.submit(put, name) for name in names[:-1]]
            try:
                for upload in wait(uploads, return_when=FIRST_EXCEPTION).done:
                    upload.result()
                put(names[-1])
            finally:
                pool.shutdown(cancel_futures=True)

    def read(self, key: str) -> bytes | None:
        """An object of the store, of any name; None if there is none."""
        with self._store() as store:
            try:
                return bytes(obstore.get(store, key).bytes())
            except FileNotFoundError:
                return None

    def clear(self) -> None:
        """Forget all of it, in the store and on this machine."""
        shutil.rmtree(self.shelf, ignore_errors=True)
        if self.folder is not None:
            shutil.rmtree(self.folder / WORK / self.name, ignore_errors=True)
            return
        with self._store() as store:
            for objects in obstore.list(store, f"{WORK}/{self.name}/"):
                obstore.delete(store, [entry["path"] for entry in objects])

    def _put(self, store: ObjectStore, path: Path, key: str, kind: str = "video/mp4") -> None:
        if self.folder is None:
            obstore.put(store, key, path, attributes={"Content-Type": kind})
            return
        place = self.folder / key
        link = place.with_name(f".{place.name}.{os.getpid()}")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                link.unlink()
            link.hardlink_to(path)
            link.replace(place)
        except OSError:  # another disk
            obstore.put(store, key, path)

    def _fetch(self, key: str, name: str, identity: str | None = None) -> Path:
        if self.folder is not None:
            return self.folder / key
        place = self.shelf / name
        self._touch()
        with self._store() as store, (self.shelf / f"{name}.lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # another task of this machine may be fetching it
            if place.exists():
                return place
            self._sweep()
            found = obstore.get(store, key)
            if identity not in {None, identity_of(found.meta["size"], found.meta["e_tag"])}:
                raise Unavailable(f"The source {key} was replaced while it was encoded, which begins anew.")
            part = self.shelf / f"{name}.part"
            with part.open("wb") as file:
                for chunk in found.stream():
                    file.write(bytes(chunk))
            part.replace(place)
        return place

    def _note(self, file: str) -> Path:
        return self.shelf / f"{file}.json"

    def _touch(self) -> None:
        try:
            self.shelf.mkdir(parents=True, exist_ok=True)
            os.utime(self.shelf)
        except OSError as error:
            raise Unavailable(f"There is no place to work under {self.shelves}: {error.strerror}.") from error

    def _sweep(self) -> None:
        """Take away shelves of encodes that ended elsewhere."""
        now = self.shelf.stat().st_mtime  # it was just touched
        for shelf in self.shelves.iterdir():
            with suppress(OSError):
                if now - shelf.stat().st_mtime > _STALE_SECONDS:
                    shutil.rmtree(shelf, ignore_errors=True)

    @contextmanager
    def _store(self) -> Iterator[ObjectStore]:
        try:
            yield self.open_store()
        except obstore.exceptions.BaseError as error:
            raise StoreUnavailable(str(error).partition("\n")[0]) from error


def _note_of(finished: Finished) -> bytes:
    return json.dumps(asdict(finished)).encode()


def _read_note(note: bytes) -> Finished | None:
    try:
        values = json.loads(note)
        return Finished(**{**values, "notes": tuple(values.get("notes", ()))})
    except (ValueError, TypeError, AttributeError):  # another version's, or torn
        return None


def identity_of(size_bytes: int, tag: str | None) -> str:
    """What tells one source from another: its size and the store's tag for its bytes."""
    return json.dumps([size_bytes, tag])


def kept_work(store: ObjectStore) -> list[str]:
    """The names of the encodes of which the store keeps something."""
    found = obstore.list_with_delimiter(store, f"{WORK}/")["common_prefixes"]
    return [prefix.rstrip("/").rpartition("/")[2] for prefix in found]
