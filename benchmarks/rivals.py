"""Packages that only benchmarks need, loaded from their own folder."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from roboreg_core import paths
from roboreg_core.errors import RoboRegError

# Not in .venv, so that the tested environment is the shipped one.
FOLDER = paths.PROJECT / ".rivals"
REQUIREMENTS = "requirements-rivals.txt"
INSTALL = f"python -m pip install --no-deps --target {FOLDER.name} -r {REQUIREMENTS}"


def load(module: str) -> Any:
    """Import a module by name from the environment or `.rivals`. Raises `RoboRegError` if it is missing."""
    # By name, because these packages have no types and are not dependencies.
    if FOLDER.is_dir() and str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise RoboRegError(f"this benchmark needs {module}, found no {error.name}; run: {INSTALL}") from None


def present(module: str) -> bool:
    """Return True if `load` finds the module."""
    try:
        load(module)
    except RoboRegError:
        return False
    return True
