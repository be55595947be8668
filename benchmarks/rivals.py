"""Packages that benchmarks compare with and nothing else needs: loaded from a folder of their own, or missed aloud."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from roboreg_core import paths
from roboreg_core.errors import RoboRegError

# Beside .venv and not in it, so that the environment that is tested and shipped is not the one of the rivals.
FOLDER = paths.PROJECT / ".rivals"
REQUIREMENTS = "requirements-rivals.txt"
INSTALL = f"python -m pip install --no-deps --target {FOLDER.name} -r {REQUIREMENTS}"


def load(module: str) -> Any:
    """A rival's module by name, from the environment or from `.rivals`. Raises `RoboRegError` where it is missing."""
    # By name, because rivals come without types and are no dependencies of the project itself.
    if FOLDER.is_dir() and str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise RoboRegError(f"this benchmark needs {module}, found no {error.name}; run: {INSTALL}") from None


def present(module: str) -> bool:
    """Whether `load` would find it."""
    try:
        load(module)
    except RoboRegError:
        return False
    return True
