"""Numbers of one architecture or data set stand in `Architecture` and `datasets` alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from roboreg_core.paths import PROJECT

SOURCES = [
    *sorted((PROJECT / "roboreg_core").rglob("*.py")),
    *sorted((PROJECT / "pages").glob("*.py")),
    PROJECT / "app.py",
]
# Nine blocks, three blocks per stage, ten classes, 32 pixels, 10,000 test images, as text or code.
TEXTS = (
    r"\bnine (residual )?blocks",
    r"\bten classes",
    r"\b10 classes",
    r"\b[01]\.\.9\b",
    r"\(n, (9|10)\)|\((9|10),\)|\(11,",
    r"\brange\((1, )?(9|10)\)",
    r"\b3, 32, 32\b|\b32, 32, 3\b|\b32 ?[x×] ?32\b",
    r"\b16, 32, 64\b",
    r"\bN_(BLOCKS|CLASSES)\b|\bBLOCKS_PER_STAGE\b|\bSTAGE_WIDTHS\b|(?<![A-Z_])(BOUNDS|PRESETS|IMAGE_SIZE)\b",
    r"\b(cifar10|CIFAR10)\.(CLASSES|IMAGE_SIZE|TEST_IMAGES|VALIDATION_IMAGES)\b",
    r"\b10_?000 test images|\b10,000 test",
)
# Where a text is about the default or about CIFAR-10 itself, with the number of such lines.
MAY_SAY = {
    "roboreg_core/architecture.py": 1,
    "roboreg_core/pruning/calibration.py": 1,
    "roboreg_core/pruning/filter_mixing.py": 1,
    "roboreg_core/ui/keys.py": 1,
    "roboreg_core/ui/overview/sections.py": 3,
}
DATA = "roboreg_core/datasets/"
# Functions with an optional architecture: number of positional arguments before it.
DEFAULTING = {
    "presets": 0, "dense_schedule": 0, "source_grid": 0, "smallest_schedule": 0, "uniform_counts": 0, "plan": 1,
    "Schedule": 1, "parse": 1, "from_json": 1, "by_stage": 1, "linear_cost": 1, "linear_costs": 1, "Limits": 9,
}  # fmt: skip
# What may take the default architecture: the default itself, the examples, the source's grid, what has no network.
MAY_DEFAULT = {
    "roboreg_core/schedules/schedule.py",
    "roboreg_core/example_runs.py",
    "roboreg_core/models/resnet.py",
    "roboreg_core/models/costs.py",
    "roboreg_core/sweeps/time_estimate.py",
    "roboreg_core/wording/sweep_facts.py",
    "roboreg_core/ui/overview/sections.py",
    "roboreg_core/ui/explore/sweep_choice.py",
    "roboreg_core/ui/design/editing_session.py",
}


def name_of(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


def lines_with_constants(path: Path) -> list[str]:
    found = re.compile("|".join(TEXTS))
    lines = enumerate(path.read_text().splitlines(), 1)
    return [f"{number}: {line.strip()}" for number, line in lines if found.search(line)]


def defaulting_calls(path: Path) -> Iterator[str]:
    """Calls that leave out the architecture, of functions that then take the default."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        owner, _, name = ast.unparse(node.func).rpartition(".")
        if owner != ("Schedule" if name in ("parse", "from_json") else ""):
            continue
        given = len(node.args) > DEFAULTING.get(name, 99) or any(
            each.arg in ("architecture", None) for each in node.keywords
        )
        if name in DEFAULTING and not given:
            yield f"{node.lineno}: {ast.unparse(node)[:80]}"


@pytest.mark.parametrize("path", [path for path in SOURCES if not name_of(path).startswith(DATA)], ids=name_of)
def test_no_number_of_one_architecture_or_data_set_is_left(path: Path) -> None:
    found = lines_with_constants(path)
    assert len(found) <= MAY_SAY.get(name_of(path), 0), found


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_the_architecture_is_never_left_out(path: Path) -> None:
    if name_of(path) not in MAY_DEFAULT:
        assert list(defaulting_calls(path)) == []


def test_the_search_finds_such_numbers(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("for _ in range(1, 10):\n    x = presets()\ny = Schedule.parse(text)\nz = Schedule((1,), some)\n")
    assert len(lines_with_constants(bad)) == 1
    assert len(list(defaulting_calls(bad))) == 2
