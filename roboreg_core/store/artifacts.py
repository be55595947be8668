"""Files named by the SHA-256 of their bytes.

A file appears under its name whole or not at all: it is written under a temporary name, forced to disk, then renamed.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from roboreg_core.errors import StoreError

_NAME = re.compile(r"[0-9a-f]{64}")
_TEMPORARY = ".part-"

# A file may be written a while before the record that refers to it: a sweep spares what is younger than this.
SWEEP_AGE = 3600.0


class Artifacts:
    """A folder of files named by their content, in front of an optional second folder that is only read."""

    def __init__(self, folder: Path, fallback: Path | None = None) -> None:
        """Use `folder` (made at the first `put`) and read what it lacks from `fallback`."""
        self.folder = folder
        self.fallback = fallback

    def put(self, content: bytes) -> str:
        """Keep the bytes and return their SHA-256; the same bytes are kept once.

        Raises:
            StoreError: the folder cannot be written, e.g. because the disk is full.
        """
        name = hashlib.sha256(content).hexdigest()
        target = self.folder / name
        with _explained(self.folder):
            if _intact(target, name):
                os.utime(target)  # young again, so that a sweep spares it
            else:
                self.folder.mkdir(parents=True, exist_ok=True)
                _write_whole(target, content)
        return name

    def get(self, name: str) -> bytes:
        """The bytes whose SHA-256 is `name`.

        Raises:
            StoreError: there is no such file, or its bytes no longer have that sum.
        """
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
        """Where the file lies, without reading it.

        Raises:
            StoreError: there is no such file.
        """
        for path in self._candidates(name):
            if path.is_file():
                return path
        raise StoreError(f"artefact {name} is missing from {self.folder}: make it again")

    def __contains__(self, name: str) -> bool:
        """True where a file of that name lies in either folder; its bytes are not read."""
        return any(path.is_file() for path in self._candidates(name))

    def discard(self, name: str) -> None:
        """Delete the file where it lies in the own folder; the second folder is never touched."""
        with _explained(self.folder), suppress(FileNotFoundError):
            (self.folder / _checked(name)).unlink()

    def sweep(self, keep: set[str], *, min_age: float = SWEEP_AGE) -> list[str]:
        """Delete the files that `keep` does not name, and temporary files left by a crash; return their names.

        Only files last put more than `min_age` seconds ago go: a younger one may be about to be referred to.
        """
        deleted = []
        for path in self._own_files():
            old = _age(path) >= min_age
            if old and (path.name.startswith(_TEMPORARY) or path.name not in keep):
                with _explained(self.folder), suppress(FileNotFoundError):
                    path.unlink()
                    deleted.append(path.name)
        return deleted

    def _own_files(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        return sorted(path for path in self.folder.iterdir() if _is_ours(path.name))

    def _candidates(self, name: str) -> Iterator[Path]:
        yield self.folder / _checked(name)
        if self.fallback is not None:
            yield self.fallback / name


def _checked(name: str) -> str:
    """The name itself where it is a SHA-256 in hexadecimal: nothing else may become part of a path."""
    if not _NAME.fullmatch(name):
        raise StoreError(f"an artefact's name must be 64 hexadecimal digits, got {name!r}")
    return name


def _is_ours(name: str) -> bool:
    """True for an artefact and for what a crash left of one; other files in the folder are none of our business."""
    return bool(_NAME.fullmatch(name)) or name.startswith(_TEMPORARY)


def _write_whole(target: Path, content: bytes) -> None:
    """Write under a temporary name, force to disk, rename; the temporary file goes if anything fails."""
    handle, name = tempfile.mkstemp(prefix=_TEMPORARY, dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Force the new name to disk where the system can (not on Windows)."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _intact(path: Path, name: str) -> bool:
    content = _read(path)
    return content is not None and hashlib.sha256(content).hexdigest() == name


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
def _explained(folder: Path) -> Iterator[None]:
    """Turn the system's refusals into a `StoreError` that says what to do."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StoreError(
            f"cannot write to {folder} ({error.strerror}): free some space or permissions there, or set ROBOREG_HOME"
        ) from error
