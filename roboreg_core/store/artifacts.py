"""Content-addressed files, named by the SHA-256 of their bytes and written atomically."""

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from roboreg_core.errors import StoreError
from roboreg_core.paths import TEMPORARY, write_atomically

_NAME = re.compile(r"[0-9a-f]{64}")
# Age in seconds below which unreferenced files are kept: a record that refers to them may follow.
SWEEP_AGE = 3600.0


class Artifacts:
    """A folder of content-addressed files, with an optional read-only fallback folder."""

    def __init__(self, folder: Path, fallback: Path | None = None, author: Callable[[], object] = lambda: None) -> None:
        """Use `folder`, created by the first `put`; read files that it lacks from `fallback`.

        `author` is called before each `put`; see `store.Store`.
        """
        self.folder = folder
        self.fallback = fallback
        self._author = author

    def put(self, content: bytes) -> str:
        """Store the bytes as a file, unless it exists, and return their SHA-256, its name.

        Raises `StoreError`: the folder cannot be written.
        """
        self._author()
        name = hashlib.sha256(content).hexdigest()
        target = self.folder / name
        with _store_errors(self.folder):
            if _read(target) == content:
                os.utime(target)  # protects it from `sweep`
            else:
                self.folder.mkdir(parents=True, exist_ok=True)
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
        """True if either folder has the file, which is not read."""
        return any(path.is_file() for path in self._candidates(name))

    def discard(self, name: str) -> None:
        """Delete the file whose SHA-256 is `name`, if it exists; the fallback folder is never changed."""
        with _store_errors(self.folder), suppress(FileNotFoundError):
            (self.folder / _checked(name)).unlink()

    def sweep(self, keep: set[str], *, min_age: float = SWEEP_AGE) -> list[str]:
        """Delete files not in `keep`, and temporary files left by a crash; return their names.

        Files put less than `min_age` seconds ago are kept.
        """
        deleted = []
        for path in sorted(self.folder.iterdir()) if self.folder.is_dir() else []:
            unused = path.name.startswith(TEMPORARY) or (_NAME.fullmatch(path.name) and path.name not in keep)
            if unused and _age(path) >= min_age:
                with _store_errors(self.folder), suppress(FileNotFoundError):
                    path.unlink()
                    deleted.append(path.name)
        return deleted

    def _candidates(self, name: str) -> Iterator[Path]:
        yield self.folder / _checked(name)
        if self.fallback is not None:
            yield self.fallback / name


def _checked(name: str) -> str:
    """Validate a name before it becomes part of a path."""
    if not _NAME.fullmatch(name):
        raise StoreError(f"an artefact's name must be 64 hexadecimal digits, got {name!r}")
    return name


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StoreError(
            f"artefact {path} cannot be read ({error.strerror}): check its permissions and disk"
        ) from error


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


@contextmanager
def _store_errors(folder: Path) -> Iterator[None]:
    """Convert errors of the operating system into a `StoreError` with a remedy."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StoreError(
            f"cannot write to {folder} ({error.strerror}): free some space or permissions there, or set ROBOREG_HOME"
        ) from error
