"""Folders of the project and of the user's store."""

import os
from pathlib import Path

import platformdirs

PROJECT = Path(__file__).resolve().parent.parent
# Name of the default dense network in `checkpoints()`.
SHIPPED = "dense"


def home() -> Path:
    """Folder of the store and of downloaded images: `ROBOREG_HOME`, else `roboreg` in the user's data directory."""
    chosen = os.environ.get("ROBOREG_HOME")
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_data_dir("roboreg", appauthor=False))


def checkpoints() -> Path:
    """Folder of the dense networks shipped with the project."""
    return PROJECT / "checkpoints"


def others() -> Path:
    """Folder of further shipped dense networks, found by name or SHA-256 but not listed."""
    return checkpoints() / "others"


def networks() -> tuple[Path, Path]:
    """Both folders of shipped dense networks."""
    return checkpoints(), others()


def recorded() -> Path:
    """Folder of the recorded runs shipped with the project."""
    return checkpoints() / "recorded"


def bundled_data() -> Path:
    """Folder of the part of CIFAR-10 shipped with the project."""
    return PROJECT / "data"


def local_data() -> Path:
    """Parent folder of `cifar-10-batches-py`: `ROBOREG_DATA`, else `data` in `home()`."""
    chosen = os.environ.get("ROBOREG_DATA")
    return Path(chosen).expanduser() if chosen else home() / "data"
