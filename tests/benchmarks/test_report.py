"""docs/performance.md and the table in README.md agree with the stored measurements."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.common import family
from benchmarks.report import measurements
from benchmarks.report.__main__ import PAGE, README, chosen, readme_parts
from benchmarks.report.catalogue import BENCHMARKS, BY_NAME, HEADLINE_CONTENDER, MISSED, REACHED, Benchmark
from benchmarks.report.costs import ACTIVITIES, DONE, GENERAL, done, largest
from benchmarks.report.headline import headlines, speeds
from benchmarks.report.measurements import Measurement
from benchmarks.report.page import NO_GPU, NOT_YET, page, with_parts
from benchmarks.results import points
from roboreg_core import paths
from roboreg_core.errors import RoboRegError, SpecError
from roboreg_core.wording import fmt

MACHINE = {
    "device": "CPU",
    "processor": "abacus",
    "family": "Intel, AVX2",
    "cores": 2,
    "threads": 2,
    "torch": "2.0",
}
CONTENDERS = [
    {"name": name, "median": rate, "low": rate, "high": rate, "ratio": ratio, "ratio_low": ratio, "ratio_high": ratio}
    for name, rate, ratio in (("usual: PIL", 100.0, 1.0), (HEADLINE_CONTENDER, 400.0, 4.0), ("other", 500.0, 5.0))
]
# A small example of the figures of each benchmark.
FIGURES: dict[str, dict[str, Any]] = {
    "training": {"rows": CONTENDERS, "goal": 3.0},
    "evaluation": {"rows": CONTENDERS, "goal": 4.5},
    "augmentation": {
        "rows": CONTENDERS,
        "goal": 3.0,
        "share_goal": 0.05,
        "shares": [{"precision": "float32", "steps": 7, "share": 0.0512}],
    },
    "torch_pruning": {
        "schedule": "moderate",
        "rival": {"version": "1", "importance": "l2", "recalibrated": True, "accuracy": 0.4, "seconds": 0.2},
        "ours": {"method": "refit", "accuracy": 0.874, "seconds": 4.0},
    },
    "sweep": {"title": "Pruning", "seconds": {"one by one": [9.0], "walk": [3.0, 4.0]}, "ratio": 2.5, "goal": 3.0},
    "prediction": {"held_out": 20, "mean_error_points": 0.83, "largest_error_points": 2.0, "interval_held": 17},
    "sensitivity": {"counts": 8, "schedules": 73, "seconds": 81.2},
    "slider": {"presses": 40, "median_ms": 90.0, "p10_ms": 80.0, "p90_ms": 99.0, "target_ms": 150.0},
    "preview": {
        "changes": 9,
        "first_s": 5.0,
        "median_s": 1.8,
        "p10_s": 1.0,
        "p90_s": 2.6,
        "target_s": 2.0,
        "by_block_s": {str(block): 1.0 for block in range(1, 10)},
    },
    "startup": {"server_s": 0.4, "first_page_s": 2.1, "usable_s": 5.7, "memory_mb": 900.0, "rest_share": 0.02},
    "many_runs": {
        "runs": 10_000,
        "goal_first": 2.0,
        "goal_again": 0.3,
        "script": {"first_s": 1.5, "first_processor_s": 1.4, "again_s": 0.1, "again_processor_s": 0.1},
        "browser": {"first_s": 3.5, "first_processor_s": 2.4, "again_s": 1.1, "again_processor_s": 0.1},
        "list": {"once_s": 1.5, "once_processor_s": 1.4, "memory_mb": 100.0},
    },
    "pages": {
        "goal_seconds": 1.5,
        "goal_runs": 200,
        "views": [{"view": "compare", "runs": runs, "first": 0.2, "median": 0.04} for runs in (6, 200)],
    },
}


def measured(name: str, figures: dict[str, Any]) -> Measurement:
    return Measurement(name=name, date="2026-01-02", seconds=1.0, busy=0.0, machine=MACHINE, figures=figures)


ALL = {name: measured(name, figures) for name, figures in FIGURES.items()}


def test_page_and_readme_agree_with_the_stored_figures() -> None:
    found = measurements.read()
    assert PAGE.read_text(encoding="utf-8") == page(found), "run: python -m benchmarks.report write"
    readme = README.read_text(encoding="utf-8")
    assert readme == with_parts(readme, readme_parts()), "run: python -m benchmarks.report write"


def test_stored_figures_belong_to_known_benchmarks_and_full_runs() -> None:
    for name, found in measurements.read().items():
        assert name in BY_NAME
        assert found.name == name
        assert not found.figures.get("quick", False)
        assert {"processor", "cores", "threads", "torch", "python"} <= set(found.machine)


def test_every_benchmark_has_lines_and_at_most_one_headline() -> None:
    with_lines = {each.name for each in BENCHMARKS if each.lines is not None and not each.gpu}
    assert with_lines == set(FIGURES)
    for name in with_lines:
        lines = BY_NAME[name].lines
        assert lines is not None
        found = lines(FIGURES[name])
        assert found
        assert sum(line.headline for line in found) == BY_NAME[name].headline or name == "augmentation"


def test_gpu_figures_have_their_own_section() -> None:
    figures = {"copy within the device, bytes/s": 4.0e12, "training best, share of the matrix product, %": 12.34}
    text = page({"gpu": measured("gpu", {"quick": False, "figures": figures})}).partition("## GPU\n")[2]
    assert "| copy within the device | 4e+12 bytes/s |" in text
    assert "| training best, share of the matrix product | 12.34 % |" in text
    assert "`python -m benchmarks.gpu`, 2026-01-02, abacus" in text


def test_a_figure_has_its_reference_goal_and_machine() -> None:
    text = page({"training": ALL["training"], "evaluation": ALL["evaluation"]})
    row = next(line for line in text.splitlines() if "six augmentations: RoboReg" in line)
    assert "400 images/s" in row
    assert "4.0 times" in row
    assert "PIL, 100 images/s" in row
    assert row.endswith(f"3 times: {REACHED} |")
    assert f"4.5 times: {MISSED}" in text
    assert "2026-01-02, abacus (Intel, AVX2), 2 cores, torch 2.0 on 2 threads." in text


def test_a_reference_is_no_headline_and_has_no_goal() -> None:
    assert "other" not in {each.what.rpartition(": ")[2] for each in speeds(ALL)}
    assert "six augmentations: other" in page(ALL)
    assert next(line for line in page(ALL).splitlines() if ": other" in line).endswith("|  |")


def test_a_share_above_its_goal_is_missed() -> None:
    assert f"| 5.1 % |  |  | under 5 %: {MISSED} |" in page(ALL)


def test_headline_figures_have_command_and_machine() -> None:
    found = {each.command: each for each in speeds(ALL)}
    values = {
        "training": "400 images/s (400 to 400); 4.0 times (4.0 to 4.0); reference: PIL, 100 images/s",
        "evaluation": "400 images/s (400 to 400); 4.0 times (4.0 to 4.0); reference: PIL, 100 images/s",
        "prediction": "mean absolute error 0.83 pp (largest 2.00 pp); 17 of 20 intervals (90 %) contain the measured "
        "value",
        "preview": "median 1.8 s (1.0 to 2.6; block 9 1.0 s, block 1 1.0 s)",
    }
    assert {name: found[BY_NAME[name].command].value for name in values} == values
    assert set(found) == {each.command for each in BENCHMARKS if each.headline}
    assert {each.machine for each in found.values()} == {f"CPU (Intel, AVX2), {fmt.plural(2, 'thread')}"}
    assert not list(speeds({}))


def test_the_readme_has_at_most_ten_headline_figures() -> None:
    found = headlines(points.read(), ALL)
    assert 5 <= len(found) <= 10
    assert all(each.machine for each in found)


def test_missing_measurements_are_named() -> None:
    text = page({})
    for benchmark in (each for each in BENCHMARKS if each.name != "faults"):  # a document of its own
        assert benchmark.command in text or f"measure {benchmark.name}" in text
    assert text.count(NOT_YET) == len(FIGURES) + 2
    assert text.count(NO_GPU) == sum(each.gpu for each in BENCHMARKS) > 0


def test_load_by_other_processes_is_named() -> None:
    assert "other processes used 60 % of the cores" in page({"slider": replace(ALL["slider"], busy=0.6)})
    assert "other processes" not in page(ALL)


def test_missing_parts_of_growth_are_named() -> None:
    figures = {"images": [{"images": 1000, "seconds": 0.2}], "quick": False}
    text = page({"growth": measured("growth", figures)}).partition("## How cost grows")[2].partition("\n## ")[0]
    assert "| 1,000 | 0.2 |" in text
    assert text.count(NOT_YET) == 4


def test_each_of_the_largest_costs_has_a_measure() -> None:
    kinds = [{"kind": kind, "seconds": 1.0, "share": 0.25} for kind in list(GENERAL)[:4]]
    figures = {activity: {"seconds": 4.0, "costs": kinds} for activity in ACTIVITIES}
    text = page({"profile": measured("profile", figures)})
    assert len(largest(figures)) == 3 * len(ACTIVITIES)
    assert all(done(*cost) in text for cost in largest(figures))
    stored = measurements.read().get("profile")
    assert stored is None or all(done(*cost) for cost in largest(stored.figures))
    assert {activity for activity, _ in DONE} <= set(ACTIVITIES)


def test_each_kind_of_work_has_a_measure() -> None:
    from benchmarks.profile import KINDS, OTHER, REST, kind_of

    assert {kind for kind, _ in KINDS} | {OTHER, REST} == set(GENERAL)
    assert {kind for _, kind in DONE} <= set(GENERAL)
    assert kind_of("aten::convolution_backward") == "convolutions, backward"
    assert kind_of("aten::mkldnn_convolution") == "convolutions"
    assert kind_of("aten::native_batch_norm_backward") == "batch norm and ReLU"
    assert kind_of("aten::linalg_lu_solve") == "linear systems"
    assert kind_of("aten::mm") == "products of matrices"
    assert kind_of("aten::mul") == OTHER


def test_only_text_between_markers_changes() -> None:
    readme = "before\n<!-- one -->\nold\n<!-- /one -->\nafter <!-- two --><!-- /two -->\n"
    changed = with_parts(readme, {"one": "new\n", "two": "2\n"})
    assert changed == "before\n<!-- one -->\nnew\n<!-- /one -->\nafter <!-- two -->\n2\n<!-- /two -->\n"
    with pytest.raises(RoboRegError, match="must have <!-- three -->"):
        with_parts(readme, {"three": "new"})


def test_stored_figures_include_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measurements, "FOLDER", tmp_path)
    file = measurements.keep("slider", FIGURES["slider"], seconds=12.34, busy=0.123)
    assert json.loads(file.read_text())["seconds"] == 12.3
    found = measurements.read()["slider"]
    assert found.figures == FIGURES["slider"]
    assert found.busy == 0.12
    assert found.machine["torch"]


def test_benchmarks_are_chosen_by_name() -> None:
    assert [each.name for each in chosen(["slider", "training"])] == ["slider", "training"]
    with pytest.raises(SpecError, match=r"a benchmark must be one of training, .* got 'spede'"):
        chosen(["spede"])


@pytest.mark.parametrize("benchmark", BENCHMARKS, ids=lambda each: each.name)
def test_modules_of_benchmarks_exist(benchmark: Benchmark) -> None:
    base = paths.PROJECT / "benchmarks" / benchmark.module
    assert base.with_suffix(".py").is_file() or (base / "__main__.py").is_file()


@pytest.mark.parametrize(
    ("vendor", "flags", "expected"),
    [
        ("GenuineIntel", "sse avx2 avx512f avx512bw avx512_bf16 amx_bf16", "Intel, AMX"),
        ("AuthenticAMD", "avx2 avx512f avx512bw avx512_bf16", "AMD, AVX-512 with bfloat16"),
        ("GenuineIntel", "avx2 avx512f avx512bw", "Intel, AVX-512"),
        ("AuthenticAMD", "sse avx2", "AMD, AVX2"),
        ("Other", "", "Other, x86_64"),
    ],
)
def test_a_family_is_vendor_and_widest_vectors(
    vendor: str, flags: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert family(vendor, flags) == expected
