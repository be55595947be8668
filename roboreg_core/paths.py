"""Where RoboReg keeps things: what ships with the project, and what a person's own runs leave behind."""

import os
from pathlib import Path

import platformdirs

PROJECT = Path(__file__).resolve().parent.parent
# The dense network in `checkpoints()` that everything starts from.
SHIPPED = "dense"


def home() -> Path:
    """Folder of the store and of fetched images: `ROBOREG_HOME`, else `roboreg` in the user's data directory."""
    chosen = os.environ.get("ROBOREG_HOME")
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_data_dir("roboreg", appauthor=False))


def checkpoints() -> Path:
    """Folder of the dense networks that ship with the project."""
    return PROJECT / "checkpoints"


def others() -> Path:
    """Folder of further dense networks that ship: found by name or SHA-256, but not offered to start from."""
    return checkpoints() / "others"


def networks() -> tuple[Path, Path]:
    """Both folders of dense networks that ship."""
    return checkpoints(), others()


def recorded() -> Path:
    """Folder of the recorded runs that ship with the project."""
    return PROJECT / "checkpoints" / "recorded"


def bundled_data() -> Path:
    """Folder of the part of CIFAR-10 that ships with the project."""
    return PROJECT / "data"


def local_data() -> Path:
    """Folder that holds `cifar-10-batches-py`: `ROBOREG_DATA`, else `data` in `home()`."""
    chosen = os.environ.get("ROBOREG_DATA")
    return Path(chosen).expanduser() if chosen else home() / "data"
