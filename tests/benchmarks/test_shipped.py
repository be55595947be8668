"""The sections on shipped networks and runs agree with the model cards, records and points."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from benchmarks.results import shipped
from benchmarks.results.points import Points
from roboreg_core import paths
from roboreg_core.schedules.schedule import presets
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


def test_the_dense_network_has_its_other_seeds_and_its_teacher() -> None:
    text = shipped.dense(CARDS)
    assert "**92.64 %** (10,000 images" in text
    assert "92.50 % (seed 1), 92.38 % (seed 2); **mean of 3 seeds 92.51 %** (goal 92.5 %: reached)" in text
    assert "Teacher: `old`, 92.43 %." in text
    assert "50.00" not in text
    worse = shipped.dense({**CARDS, "of-seed-2": card("c", 0.9230, 2, **TAUGHT)})
    assert "**mean of 3 seeds 92.48 %** (goal 92.5 %: missed)" in worse


def test_a_single_network_has_no_mean_and_no_teacher() -> None:
    text = shipped.dense({"dense": CARDS["old"]})
    assert "**92.43 %**" in text
    assert "mean" not in text
    assert "Teacher" not in text


def test_a_single_network_may_have_a_teacher() -> None:
    text = shipped.dense({"dense": CARDS["dense"], "old": CARDS["old"]})
    assert "Teacher: `old`, 92.43 %." in text


def test_all_shipped_networks_and_runs_are_read() -> None:
    cards = shipped.read_cards(paths.checkpoints())
    assert {"dense", "best-90-seed0"} <= cards.keys()
    text = shipped.sections(Points())
    assert cards["dense"]["recipe"]["recipe"] in text
    assert text.count("\n| ") == len(shipped_runs()) + 1
    assert text.endswith(f"{shipped.NOT_YET}\n")


def test_without_example_runs_there_is_no_table() -> None:
    assert shipped.recorded([]) == f"{shipped.NOT_YET}\n"


def test_example_runs_have_a_row_each() -> None:
    quarter, moderate = make_record(presets()["quarter"]), make_record(presets()["moderate"])
    moderate = replace(moderate, spec={**moderate.spec, "method": "source", "distil": False})
    lines = shipped.recorded([moderate, quarter]).splitlines()
    assert "latency (dense network 4.00 to 4.00 ms)" in lines[0]
    assert [line.split(" | ")[:2] for line in lines[2:4]] == [
        ["| moderate", "source, labels only"],
        ["| quarter", quarter.spec["method"]],
    ]
    assert "49.00 % | 89.00 %" in lines[2]
    assert lines[4:] == ["", f"Times and latency on {fmt.plural(2, 'thread')}."]


def test_example_runs_are_sorted_by_macs() -> None:
    macs = [run.result["cost"]["macs"] for run in shipped.example_runs()]
    assert macs == sorted(macs, reverse=True)


def test_long_trainings_start_from_the_shipped_network() -> None:
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
    lines = shipped.good(Points(points=(*others, found)), "d").splitlines()
    assert len(lines) == 3
    assert lines[2] == "| moderate | good, 26 epochs | full | 0 | 87.50 % | **91.40 %** |"
