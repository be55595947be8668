from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.results import points
from benchmarks.results.contestants import CONTESTANTS, chosen
from benchmarks.results.measure import Choice, Measurer, missing, planned_points
from benchmarks.results.points import Point, Points, Searched, Seconds, Tune
from benchmarks.results.searched import largest_uniform
from benchmarks.results.table import BESIDE, NOT_MEASURED, OLDER, PAGE, SCHEDULES, made, page
from roboreg_core.datasets import sources
from roboreg_core.datasets.images import Images
from roboreg_core.errors import SpecError
from roboreg_core.models import checkpoints
from roboreg_core.models.resnet import ResNet
from roboreg_core.pruning.methods import DEFAULT_CALIBRATION
from roboreg_core.runs.spec import METHOD_VERSION
from roboreg_core.schedules.schedule import presets
from roboreg_core.search.limits import Limits
from roboreg_core.store.store import Store

QUICK = Tune(preset="quick", epochs=4, distil=True, learning_rate=0.01, batch_size=128, training_set="bundled")


def point(contestant: str = "refit", seed: int = 0, pruned: float = 0.85, **changes: Any) -> Point:
    plain = Point(
        id=f"{contestant}-{seed}",
        contestant=contestant,
        schedule="moderate",
        seed=seed,
        version=METHOD_VERSION,
        dense_sha256="d",
        training_set="bundled",
        calibration=DEFAULT_CALIBRATION,
        parameters=135_754,
        macs=20_497_024,
        dense=0.9243,
        pruned=pruned,
        tuned=None,
        tune=None,
        seconds=5.0,
        environment={"device": "CPU", "machine": "x86_64", "torch": "2", "threads": 2},
    )
    return replace(plain, **changes)


def line_of(text: str, label: str, schedule: str = "moderate") -> list[str]:
    section = text.split(f"\n## {schedule}\n")[1].split("\n## ", maxsplit=1)[0]
    [line] = [line for line in section.splitlines() if line.startswith(f"| {label} |")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_page_agrees_with_the_points() -> None:
    assert PAGE.read_text(encoding="utf-8") == made(), "run: python -m benchmarks.report write"


def test_means_and_spreads_are_over_seeds_and_the_best_is_bold() -> None:
    accuracies = {0: 0.84, 1: 0.85, 2: 0.86}
    held = [point(seed=seed, pruned=accuracy) for seed, accuracy in accuracies.items()]
    text = page(Points(points=(*held, point("l1", pruned=0.25), point("torch-pruning:taylor", pruned=0.3))), "d")
    assert line_of(text, "`refit`")[4] == "**85.00 ± 1.00 (3)**"
    assert line_of(text, "`l1`")[1:5] == ["135,754", "20,497,024", "92.43", "25.00 (1)"]
    assert "`refit` 85.00 %, 55.0 pp above" in text
    assert "1 of 10 configurations measured" in text


def test_a_deterministic_method_has_one_value_before_fine_tuning_and_three_after() -> None:
    held = [point("l1", seed, 0.25, tuned=0.8 + seed / 100, tune=QUICK) for seed in range(3)]
    cells = line_of(page(Points(points=tuple(held)), "d"), "`l1`")
    assert cells[4:6] == ["**25.00 (1)**", "**81.00 ± 1.00 (3)**"]


def test_rows_are_sorted_by_the_accuracy_after_fine_tuning_then_before() -> None:
    held = [
        point("refit", pruned=0.8, tuned=0.88, tune=QUICK),
        point("l1", pruned=0.2, tuned=0.89, tune=QUICK),
        point("merge", pruned=0.9),
    ]
    text = page(Points(points=tuple(held)), "d").split("\n## moderate\n")[1]
    order = [line.split("|")[1].strip() for line in text.splitlines()[3:6]]
    assert order == ["`l1`", "`refit`", "`merge`"]


def test_missing_values_are_named() -> None:
    text = page(Points(), "d")
    for schedule in SCHEDULES:
        assert line_of(text, "`refit`", schedule)[3:] == [NOT_MEASURED] * 4
    assert page(Points(points=(point(),)), "another network") == text


def test_a_table_has_only_columns_with_values() -> None:
    good = replace(QUICK, preset="good", training_set="full")
    usual = [point(seed=seed, tuned=0.8, tune=QUICK) for seed in range(2)]
    text = page(Points(points=(*usual, point(seed=3, tuned=0.9, tune=good, training_set="full"))), "d")
    assert len(line_of(text, "`refit`")) == 9
    assert len(line_of(text, "`refit`", "quarter")) == 7


def test_seconds_taken_beside_other_work_are_marked() -> None:
    alone = Seconds(
        contestant="refit",
        schedule="moderate",
        version=METHOD_VERSION,
        seconds=3.2,
        repeats=3,
        environment={"threads": 2},
    )
    assert line_of(page(Points(points=(point(),)), "d"), "`refit`")[-1] == f"5.0 {BESIDE}"
    assert line_of(page(Points(points=(point(),), seconds=(alone,)), "d"), "`refit`")[-1] == "3.20"


def test_the_newest_version_counts_and_an_older_one_is_marked() -> None:
    old = point("l1", id="old", version=METHOD_VERSION - 1, pruned=0.1)
    assert line_of(page(Points(points=(point(), old)), "d"), f"`l1`{OLDER}")[4] == "10.00 (1)"
    assert line_of(page(Points(points=(point("l1", pruned=0.2), old)), "d"), "`l1`")[4] == "**20.00 (1)**"


def test_points_are_kept_in_order_and_replaced_by_newer_ones(tmp_path: Path) -> None:
    file, one, two = tmp_path / "points.jsonl", point("refit", tuned=0.9, tune=QUICK), point("l1")
    for each in (one, two, replace(one, seconds=4.0)):
        points.add(each, file)
    assert points.read(file) == Points(points=(two, replace(one, seconds=4.0)))
    assert len(file.read_text().splitlines()) == 2


@pytest.fixture
def dense(make_network: Callable[..., ResNet]) -> checkpoints.Checkpoint:
    return checkpoints.from_bytes(checkpoints.to_bytes(make_network()), "small")


def test_every_point_is_another_one(dense: checkpoints.Checkpoint) -> None:
    everything = Choice(contestants=tuple(CONTESTANTS.values()), schedules=SCHEDULES, preset="quick")
    ids = [each.id for each in planned_points(everything, dense)]
    assert len(set(ids)) == len(ids) == 3 * len(CONTESTANTS) * len(SCHEDULES)
    assert next(planned_points(replace(everything, preset=None), dense)).id not in ids


def test_a_point_that_is_there_is_not_measured_again(dense: checkpoints.Checkpoint) -> None:
    choice = Choice(contestants=(CONTESTANTS["refit"], CONTESTANTS["l1"]), schedules=("moderate",))
    todo = missing(planned_points(choice, dense), Points())
    assert [(each.contestant.name, each.run.seed) for each in todo] == [
        ("refit", 0),
        ("l1", 0),
        ("refit", 1),
        ("refit", 2),
    ]
    held = point(dense_sha256=dense.sha256, tuned=0.9, tune=QUICK)
    assert todo[0] not in missing(todo, Points(points=(held,)))
    assert missing(todo, Points(points=(replace(held, version=METHOD_VERSION - 1),))) == todo


def test_unknown_names_are_refused() -> None:
    with pytest.raises(SpecError, match="must be one of refit, refit-plus"):
        chosen("refit,magic")


def test_our_points_are_runs_in_the_store(
    dense: checkpoints.Checkpoint, images: Images, few_images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "training_images", lambda choice="auto": images)
    monkeypatch.setattr(sources, "test_images", lambda choice="auto": few_images)
    store = Store(tmp_path / "store")
    choice = Choice(contestants=(CONTESTANTS["l1"], CONTESTANTS["random"]), schedules=("aggressive",), seeds=(0,))
    for each in planned_points(choice, dense):
        found = Measurer(dense, store).measure(each)
        record = store.get_record(each.run.id)
        assert record is not None
        assert found.pruned == record.result["stages"]["pruned"]["accuracy"]
        assert Measurer(dense, store).measure(each) == found


def searched(source: str, pruned: float, seed: int = 0, **changes: Any) -> Searched:
    plain = Searched(
        id=f"{source}-{seed}",
        budget=0.5,
        source=source,
        trials=60 if source == "refined" else 0,
        schedule="7,6,10,7,3,10,31,53,64" if source == "refined" else "8,8,8,16,16,16,32,32,32",
        seed=seed,
        version=METHOD_VERSION,
        dense_sha256="d",
        training_set="bundled",
        calibration=DEFAULT_CALIBRATION,
        parameters=180_872,
        macs=20_257_408,
        validation=0.915 if source == "refined" else None,
        dense=0.9243,
        pruned=pruned,
        tuned=None,
        tune=None,
        environment={"device": "CPU"},
    )
    return replace(plain, **changes)


def test_searched_schedules_are_compared_with_uniform_ones() -> None:
    held = [
        searched("refined", 0.90, tuned=0.91, tune=QUICK),
        searched("refined", 0.91, seed=1, tuned=0.92, tune=QUICK),
        searched("moderate", 0.88, tuned=0.90, tune=QUICK),
        searched("uniform", 0.87, dense_sha256="another network"),
    ]
    text = page(Points(searched=tuple(held)), "d").split("\n## Search\n")[1]
    assert "`refined` compared with moderate: +2.50 pp pruned, +1.50 pp fine-tuned." in text
    rows = [line for line in text.splitlines() if line.startswith(("| refined", "| moderate"))]
    assert rows[0].endswith("| 60 | 180,872 | 20,257,408 | 91.50 | 90.50 ± 0.71 (2) | 91.50 ± 0.71 (2) |")
    assert rows[1].endswith("|  | 88.00 (1) | 90.00 (1) |")
    assert "compared with uniform:" not in text
    assert "Not measured." in page(Points(), "d").split("\n## Search\n")[1]


def test_searched_points_are_kept_beside_the_others(tmp_path: Path) -> None:
    file, one = tmp_path / "points.jsonl", searched("refined", 0.9, tuned=0.91, tune=QUICK)
    for each in (one, point(), replace(one, tuned=0.92), searched("uniform", 0.87)):
        points.add(each, file)
    assert points.read(file) == Points(
        points=(point(),), searched=(replace(one, tuned=0.92), searched("uniform", 0.87))
    )


def test_at_a_budget_the_largest_uniform_schedule_and_a_preset_of_that_size_are_rivals() -> None:
    assert str(largest_uniform(Limits(macs=0.5))) == "7,7,7,15,15,15,31,31,31"
    assert largest_uniform(Limits(macs=20_497_024)) == presets()["moderate"]
