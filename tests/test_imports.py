"""Imports point downward, only the UI imports Streamlit, and importing the package loads nothing heavy."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from roboreg_core.paths import PROJECT

BASE = {"errors", "files", "paths", "user_input", "seeding", "device", "architecture"}
VALUES = BASE | {"schedules", "datasets", "models"}
STEPS = {"pruning", "training", "evaluation"}
ENGINE = {"store", "jobs"}
RECORDED = VALUES | STEPS | ENGINE | {"runs", "networks"}
ANALYSIS = {"sweeps", "prediction", "search", "correlation"}
LIBRARY = RECORDED | ANALYSIS | {"example_runs"}

# What each package may import besides itself; docs/architecture.md draws it.
MAY_IMPORT = {
    **dict.fromkeys(BASE, BASE),
    # Independent of pruning: records, files and the job engine.
    "store": {"errors", "files", "paths"},
    "jobs": {"errors", "paths", "store"},
    # Saved schedules are kept in the store.
    "schedules": BASE | {"store"},
    # Names of data sets are cleaned and compared as those of records.
    "datasets": BASE | {"store"},
    "models": BASE | {"schedules", "datasets"},
    **dict.fromkeys(STEPS, VALUES),
    # A dense network is trained, then evaluated.
    "training": VALUES | {"evaluation"},
    "runs": VALUES | STEPS | ENGINE,
    "networks": VALUES | STEPS | ENGINE | {"runs"},
    "sweeps": RECORDED - {"networks"},
    "prediction": RECORDED - {"networks"} | {"sweeps"},
    "search": RECORDED - {"networks"} | {"sweeps", "prediction"},
    "correlation": RECORDED - {"networks"} | {"sweeps"},
    "example_runs": RECORDED | ANALYSIS,
    "wording": LIBRARY,
    "user_store": LIBRARY | {"wording"},
    "charts": LIBRARY | {"wording"},
    "report": LIBRARY | {"wording", "charts"},
    "cli": LIBRARY | {"wording", "report", "user_store"},
    "ui": LIBRARY | {"wording", "charts", "report", "user_store"},
    "pages": LIBRARY | {"wording", "charts", "ui"},
    "app": LIBRARY | {"wording", "charts", "ui"},
    "__main__": {"cli"},
    "__init__": set(),
}
# Where a package is not installed under the name that it is imported by.
DISTRIBUTIONS = {"PIL": "pillow", "sklearn": "scikit-learn", "vl_convert": "vl-convert-python"}
MAY_USE_STREAMLIT = {"ui", "pages", "app"}


def sources() -> list[Path]:
    entry = [path for path in (PROJECT / "app.py",) if path.exists()]
    return [*sorted((PROJECT / "roboreg_core").rglob("*.py")), *sorted((PROJECT / "pages").glob("*.py")), *entry]


def package(path: Path) -> str:
    parts = path.relative_to(PROJECT).with_suffix("").parts
    return parts[1] if parts[0] == "roboreg_core" else parts[0]


def imported_modules(path: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every import in a file, those inside functions included."""
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            yield from ((node.lineno, f"{node.module}.{name.name}") for name in node.names)


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PROJECT)))
def test_imports_point_downwards(path: Path) -> None:
    here = package(path)
    assert here in MAY_IMPORT, f"{path} is in a package that docs/architecture.md does not know"
    for line, name in imported_modules(path):
        top, _, rest = name.partition(".")
        if top != "roboreg_core":
            assert top not in {"pages", "app", "tests", "benchmarks"}, f"{path}:{line} imports {name}"
            continue
        there = rest.partition(".")[0]
        if there in {"", "__version__"}:
            continue
        assert there == here or there in MAY_IMPORT[here], f"{path}:{line}: {here} must not import {there}"


def dotted(path: Path) -> str:
    parts = path.relative_to(PROJECT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_no_modules_import_each_other() -> None:
    """No cycle of imports, those inside functions and for the type checker included."""
    modules = {dotted(path): path for path in sources()}
    graph: dict[str, set[str]] = {}
    for module, path in modules.items():
        names = {name for _, name in imported_modules(path)}
        imported = {name if name in modules else name.rpartition(".")[0] for name in names}
        graph[module] = imported & modules.keys() - {module}
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the modules


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PROJECT)))
def test_only_the_ui_imports_streamlit(path: Path) -> None:
    if package(path) not in MAY_USE_STREAMLIT:
        names = [name for _, name in imported_modules(path) if name.partition(".")[0] == "streamlit"]
        assert not names, f"{path} imports {names[0]}"


def test_what_is_imported_is_pinned() -> None:
    pinned = {line.partition("==")[0] for line in (PROJECT / "requirements.txt").read_text().splitlines()}
    ours = {"roboreg_core", *sys.stdlib_module_names}
    names = {name.partition(".")[0] for path in sources() for _, name in imported_modules(path)}
    distributions = {DISTRIBUTIONS.get(name, name) for name in names - ours}
    assert distributions <= pinned


@pytest.mark.parametrize("module", ["roboreg_core", "roboreg_core.schedules.schedule", "roboreg_core.models.costs"])
def test_importing_costs_nothing(module: str) -> None:
    script = f"""
import sys, threading, {module}
heavy = {{"torch", "numpy", "pandas", "sklearn", "streamlit", "distributed"}} & set(sys.modules)
assert not heavy, f"loaded {{heavy}}"
assert threading.active_count() == 1
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
