"""Content-addressed files, named by the SHA-256 of their bytes and written atomically."""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from roboreg_core.errors import StorageError, StoreError
from roboreg_core.files import writing
from roboreg_core.paths import write_atomically
from roboreg_core.store.row_mapping import ARTIFACT_NAME

# Age in seconds below which unreferenced files are kept: a record that refers to them may follow.
SWEEP_AGE = 3600.0


class Artifacts:
    """A folder of content-addressed files, with an optional read-only fallback folder."""

    def __init__(self, folder: Path, fallback: Path | None = None, author: Callable[[], object] = lambda: None) -> None:
        """Use a folder.

        Args:
            folder: created by the first `put` if its parent exists.
            fallback: folder to read files from that `folder` lacks.
            author: called before each `put`; may raise to refuse it, see `store.Store`.
        """
        self.folder = folder
        self.fallback = fallback
        self._author = author

    def put(self, content: bytes) -> str:
        """Write the bytes to a file named by their SHA-256, unless it exists; return that name.

        Raises `StorageError`: the folder cannot be written.
        """
        self._author()
        name = hashlib.sha256(content).hexdigest()
        target = self.folder / name
        with self._writing():
            if _read(target) == content:
                with suppress(FileNotFoundError):  # deleted meanwhile
                    os.utime(target)  # protects it from `maintenance.collect`
                    return name
            self.folder.mkdir(exist_ok=True)  # without parents: a home that is gone must not be made again
            write_atomically(target, content)
        return name

    def get(self, name: str) -> bytes:
        """The bytes whose SHA-256 is `name`. Raises `StoreError`: the file is missing or damaged."""
        damaged: Path | None = None
        for path in self._candidates(name):
            content = _read(path)
            if content is None:
                continue
            if hashlib.sha256(content).hexdigest() == name:
                return content
            damaged = path
        if damaged is not None:
            raise StoreError(f"artefact {name} is damaged: delete {damaged} and make it again")
        raise StoreError(f"artefact {name} is missing from {self.folder}: make it again")

    def path(self, name: str) -> Path:
        """Path of the file whose SHA-256 is `name`; the file is not read.

        Raises `StoreError`: the file is missing.
        """
        for path in self._candidates(name):
            if path.is_file():
                return path
        raise StoreError(f"artefact {name} is missing from {self.folder}: make it again")

    def __contains__(self, name: str) -> bool:
        """True if the folder or the fallback folder has a file of this name; its content is not checked."""
        return any(path.is_file() for path in self._candidates(name))

    def discard(self, name: str) -> None:
        """Delete the file with this SHA-256 if it exists, but never from the fallback folder."""
        with self._writing():
            (self.folder / _checked(name)).unlink(missing_ok=True)

    def _writing(self) -> AbstractContextManager[None]:
        return writing(self.folder, StorageError, remedy="set ROBOREG_HOME to another folder")

    def _candidates(self, name: str) -> Iterator[Path]:
        yield self.folder / _checked(name)
        if self.fallback is not None:
            yield self.fallback / name


def _checked(name: str) -> str:
    """Validate a name before it becomes part of a path."""
    if not ARTIFACT_NAME.fullmatch(name):
        raise StoreError(f"an artefact's name must be 64 hexadecimal digits, got {name!r}")
    return name


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StorageError(
            f"artefact {path} cannot be read ({error.strerror}): check its permissions and disk"
        ) from error
