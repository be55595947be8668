"""Folders of the project and of the user's store, and atomic writes."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

import platformdirs

PROJECT = Path(__file__).resolve().parent.parent
# Name of the default dense network in `checkpoints()`.
SHIPPED = "dense"
# First characters of the names of temporary files.
TEMPORARY = ".part-"


def home() -> Path:
    """Folder of the store and of downloaded images: `ROBOREG_HOME`, else `roboreg` in the user's data directory."""
    chosen = os.environ.get("ROBOREG_HOME")
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_data_dir("roboreg", appauthor=False))


def checkpoints() -> Path:
    """Folder of the example dense networks."""
    return PROJECT / "checkpoints"


def others() -> Path:
    """Folder of further example networks, which are found by name or SHA-256 but appear in no list."""
    return checkpoints() / "others"


def networks() -> tuple[Path, Path]:
    """All folders of example networks: `checkpoints()` and `others()`."""
    return checkpoints(), others()


def recorded() -> Path:
    """Folder of the example runs and sweeps."""
    return checkpoints() / "recorded"


def bundled_data() -> Path:
    """Folder of the part of CIFAR-10 that is in the project's repository."""
    return PROJECT / "data"


def local_data() -> Path:
    """Folder of the downloaded CIFAR-10 and CIFAR-100: `ROBOREG_DATA`, else `data` in `home()`."""
    chosen = os.environ.get("ROBOREG_DATA")
    return Path(chosen).expanduser() if chosen else home() / "data"


def datasets() -> Path:
    """Folder of the user's own data sets, one folder each."""
    return home() / "datasets"


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file into an existing folder by flushing a temporary file to disk and renaming it.

    Raises `OSError`: the folder is missing or not writable, or the disk is full.
    """
    handle, name = tempfile.mkstemp(prefix=TEMPORARY, dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Flush a rename to disk; not possible on Windows."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
