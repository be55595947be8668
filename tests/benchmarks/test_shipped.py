"""What the README says of what ships is what the cards, the records and the points say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from benchmarks.report import shipped
from benchmarks.results.points import Points
from roboreg_core import paths
from roboreg_core.schedules.schedule import PRESETS
from roboreg_core.wording import fmt
from tests.benchmarks.test_results import QUICK, point
from tests.charts.records import make_record
from tests.shipped_runs import shipped_runs

RECIPE = {"recipe": "distilled", "epochs": 80}


def card(sha256: str, accuracy: float, seed: int, **more: Any) -> dict[str, Any]:
    return {
        "sha256": sha256,
        "accuracy": {"test": accuracy, "images": 10_000},
        "seed": seed,
        "images": "48,000 training images (full)",
        "recipe": {**RECIPE, "seed": seed},
        **more,
    }


TAUGHT = {"teacher": {"name": "old", "sha256": "t"}}
CARDS = {
    "dense": card("a", 0.9264, 0, **TAUGHT),
    "of-seed-1": card("b", 0.9250, 1, **TAUGHT),
    "of-seed-2": card("c", 0.9238, 2, **TAUGHT),
    "of-another-length": {**card("d", 0.5, 3, **TAUGHT), "recipe": {**RECIPE, "epochs": 1, "seed": 3}},
    "without-a-teacher": card("e", 0.5, 4),
    "old": {**card("t", 0.9243, 0), "recipe": {"recipe": "best", "epochs": 90, "seed": 0}},
}


def test_the_dense_network_is_told_with_its_other_seeds_and_its_teacher() -> None:
    told = shipped.dense(CARDS)
    assert "**92.64 %** of the 10,000 test images" in told
    assert "92.50 % (seed 1) and 92.38 % (seed 2): **92.51 %, the mean of 3 seeds** (goal 92.5 %: reached)" in told
    assert "`old`, 92.43 %, taught them" in told
    assert "50.00" not in told
    worse = shipped.dense({**CARDS, "of-seed-2": card("c", 0.9230, 2, **TAUGHT)})
    assert "**92.48 %, the mean of 3 seeds** (goal 92.5 %: missed)" in worse


def test_a_network_that_is_alone_has_no_mean() -> None:
    told = shipped.dense({"dense": CARDS["old"]})
    assert "**92.43 %**" in told
    assert "mean" not in told
    assert "taught" not in told


def test_one_network_with_a_teacher_was_taught_alone() -> None:
    told = shipped.dense({"dense": CARDS["dense"], "old": CARDS["old"]})
    assert "`old`, 92.43 %, taught it." in told


def test_what_ships_is_read_whole() -> None:
    cards = shipped.read_cards(paths.checkpoints())
    assert {"dense", "best-90-seed0"} <= cards.keys()
    parts = shipped.parts(Points())
    assert cards["dense"]["recipe"]["recipe"] in parts["dense"]
    assert parts["recorded"].count("\n| ") == len(shipped_runs())
    assert parts["good"] == f"{shipped.NOT_YET}\n"


def test_without_recorded_runs_there_is_no_table() -> None:
    assert shipped.recorded([]) == f"{shipped.NOT_YET}\n"


def test_recorded_runs_are_told_largest_first() -> None:
    quarter, moderate = make_record(PRESETS["quarter"]), make_record(PRESETS["moderate"])
    moderate = replace(moderate, spec={**moderate.spec, "method": "source", "distil": False})
    lines = shipped.recorded([quarter, moderate]).splitlines()
    assert "latency (dense: 4.00 to 4.00 ms)" in lines[0]
    assert [line.split(" | ")[:2] for line in lines[2:4]] == [
        ["| moderate", "source, labels alone"],
        ["| quarter", quarter.spec["method"]],
    ]
    assert "49.00 % | 89.00 %" in lines[2]
    assert lines[4:] == ["", f"Times on {fmt.plural(2, 'thread')}."]


def test_long_trainings_are_told_of_the_network_that_ships_alone() -> None:
    long = replace(QUICK, preset="good", epochs=26, training_set="full")
    found = point(pruned=0.875, tuned=0.914, tune=long)
    others = (
        replace(found, dense_sha256="another"),
        replace(found, tune=QUICK),
        replace(found, tune=replace(long, training_set="bundled")),
        replace(found, tune=replace(long, preset="quick")),
        replace(found, version=found.version - 1),
        replace(found, contestant="source"),
    )
    assert shipped.good(Points(points=others), "d") == f"{shipped.NOT_YET}\n"
    told = shipped.good(Points(points=(*others, found)), "d").splitlines()
    assert len(told) == 3
    assert told[2] == "| moderate | good, 26 epochs | full | 0 | 87.50 % | **91.40 %** |"
