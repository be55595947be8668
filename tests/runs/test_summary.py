"""Summaries and comparisons of the example runs."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import classification_report, confusion_matrix

from roboreg_core import paths
from roboreg_core.errors import DataError, SpecError, StoreError
from roboreg_core.evaluation.prediction_changes import BANDS
from roboreg_core.runs.comparability import mismatches
from roboreg_core.runs.comparison import compare_runs
from roboreg_core.runs.metric_changes import COSTS
from roboreg_core.runs.predicted_classes import labels_of, predictions, predictions_csv
from roboreg_core.runs.results import STAGES
from roboreg_core.runs.spec import KIND, METHOD_VERSION, method_version
from roboreg_core.runs.summary import Summary, summary
from roboreg_core.store.records import Record
from roboreg_core.store.store import Store
from tests.command_line import CommandLine
from tests.shipped_runs import shipped_run

MINIMAL = shipped_run("minimal")


@pytest.fixture
def store(home: object) -> Store:
    return Store(paths.home(), shipped=paths.recorded())


@pytest.fixture
def records(store: Store) -> list[Record]:
    return store.list_records(KIND)


@pytest.fixture
def found(records: list[Record], store: Store) -> Summary:
    return summary(records[2], store)


def test_every_image_is_in_one_band_of_each_run(records: list[Record], store: Store) -> None:
    for record in records:
        each = summary(record, store)
        places = np.concatenate([each.stage_changes.images(band) for band in BANDS])
        assert np.array_equal(np.sort(places), np.arange(10_000))
        counts, stages = each.stage_changes.count, record.result["stages"]
        right = counts("kept") + counts("recovered") + counts("gained")
        assert right == round(stages["tuned"]["accuracy"] * 10_000)
        assert right - counts("gained") + counts("lost") + counts("broken") == round(
            stages["dense"]["accuracy"] * 10_000
        )
        assert each.flips.count("lost") == counts("lost") + counts("broken") == each.paired["tuned"].flips.lost


def test_confusion_and_report_are_those_that_the_run_measured(found: Summary) -> None:
    for stage in STAGES:
        report = found.record.result["stages"][stage]
        assert found.paired[stage].confusion.after.tolist() == report["confusion"]
        assert [row["recall"] for row in found.reports[stage][:10]] == [row["recall"] for row in report["per_class"]]
        for true, predicted in ((3, 5), (0, 0), (9, 1)):
            assert len(found.confused(stage, true, predicted)) == report["confusion"][true][predicted]
            entered, left = found.moved(stage, true, predicted)
            assert len(entered) - len(left) == found.paired[stage].confusion.difference[true, predicted]
    assert found.paired["dense"].verdict.kind == "no change"
    assert found.worst_class()["name"] == "cat"


def test_scikit_learn_finds_the_same_figures_in_the_exported_predictions(found: Summary, store: Store) -> None:
    table = pd.read_csv(io.StringIO(predictions_csv(found.record, store)))
    names = list(found.classes)
    for stage in STAGES:
        expected = classification_report(table["true"], table[stage], labels=names, output_dict=True)
        for row in found.reports[stage]:
            wanted = expected[row["name"].replace("average", "avg")]
            figures = (wanted["precision"], wanted["recall"], wanted["f1-score"])
            assert (row["precision"], row["recall"], row["f1"]) == pytest.approx(figures)
            assert row["support"] == wanted["support"]
        matrix = confusion_matrix(table["true"], table[stage], labels=names)
        assert np.array_equal(found.paired[stage].confusion.after, matrix)
    difference = matrix - confusion_matrix(table["true"], table["dense"], labels=names)
    assert np.array_equal(found.paired["tuned"].confusion.difference, difference)


def test_images_come_with_the_prediction_of_each_stage(found: Summary, store: Store) -> None:
    places = found.stage_changes.images("recovered", 3)[:5]
    assert len(places)
    assert (labels_of(found.record)[places] == 3).all()
    said = predictions(found.record, store)
    assert [(said[stage].classes[places] == 3).all() for stage in STAGES] == [True, False, True]
    assert not (said["pruned"].classes[places] == 3).any()
    assert all(((each.confidence >= 0.1) & (each.confidence <= 1)).all() for each in said.values())


def test_swapping_run_and_baseline_flips_every_sign(records: list[Record], store: Store) -> None:
    a, b = records[2:4]
    there, back = summary(a, store, b), summary(b, store, a)
    assert there.baseline.name == b.id
    assert there.paired["tuned"].verdict.difference == -back.paired["tuned"].verdict.difference
    assert there.paired["tuned"].verdict.p == back.paired["tuned"].verdict.p
    assert {name: pair.difference for name, pair in there.counts.items()} == {
        name: -pair.difference for name, pair in back.counts.items()
    }
    for row, other in zip(there.reports["tuned"], back.reports["tuned"], strict=True):
        assert row["recall_change"] == -other["recall_change"]
    assert there.flips.count("lost") == back.flips.count("gained")


def test_a_run_does_not_differ_from_itself(records: list[Record], store: Store) -> None:
    found = summary(records[0], store, records[0])
    verdict = found.paired["tuned"].verdict
    assert (verdict.difference, verdict.p, verdict.words) == (0.0, 1.0, "no change")
    assert not found.paired["tuned"].confusion.difference.any()
    assert all(pair.difference == 0 for pair in found.counts.values())
    assert found.unlike == ()


def test_a_comparison_against_dense_equals_the_summaries(records: list[Record], store: Store) -> None:
    compared = compare_runs(records, store)
    for row in compared.rows:
        alone = summary(row.record, store)
        assert row.paired.to_json() == alone.paired[alone.final].to_json()
        assert row.counts == alone.counts
        assert row.accuracy.difference == pytest.approx(row.paired.verdict.difference)
        for pair, flips in zip(row.recalls, row.paired.per_class, strict=True):
            assert pair.difference == pytest.approx(flips.verdict.difference)
    lost = [row.paired.flips.lost for row in compared.rows]
    assert compared.overlap.counts.diagonal().tolist() == lost
    assert np.array_equal(compared.overlap.counts, compared.overlap.counts.T)


def test_another_baseline_changes_signs_and_its_own_row_is_nothing(records: list[Record], store: Store) -> None:
    chosen = records[3]
    compared = compare_runs(records, store, chosen)
    assert compared.baseline == chosen.id
    for row in compared.rows:
        back = summary(chosen, store, row.record)
        assert row.paired.verdict.difference == -back.paired["tuned"].verdict.difference
        if row.record.id == chosen.id:
            assert (row.accuracy.difference, row.paired.verdict.p) == (0.0, 1.0)


def test_fronts_and_schedules(records: list[Record], store: Store) -> None:
    half = [record for record in records if record.result["cost"]["parameters"] == 135_754]
    compared = compare_runs(half, store)
    assert compared.differs == (False,) * 9
    better = max(half, key=lambda record: record.result["stages"]["tuned"]["accuracy"])
    for cost in ("parameters", "macs"):
        assert [row.record.id for row in compared.rows if row.front[cost]] == [better.id]
    everything = compare_runs(records, store)
    assert everything.differs == (True,) * 9
    assert all(any(row.front[cost] for row in everything.rows) for cost in COSTS)


def test_differences_between_runs_are_reported(records: list[Record]) -> None:
    refits = [record for record in records if record.spec["method"] == "refit"]
    assert mismatches(refits) == ()
    assert [method_version(record) for record in refits] == [METHOD_VERSION] * len(refits)
    first = refits[0]
    other = replace(
        first,
        id="f" * 16,
        spec={**first.spec, "seed": 1, "epochs": 20, "dense_sha256": "0" * 64},
        result={
            **first.result,
            "images": {**first.result["images"], "training": "48,000 training images (full)"},
            "environment": {**first.result["environment"], "threads": 9},
        },
    )
    found = {each.what: each for each in mismatches([*refits, other])}
    assert set(found) == {
        "training images", "dense network", "fine-tuning", "seed", "version of the method", "machine",
    }  # fmt: skip
    assert found["seed"].words == "The seed differs: 0 in 5 runs; 1 in 1 run"
    assert found["seed"].values["1"] == (other.id,)
    assert found["machine"].concerns == "latency"
    assert found["training images"].words.startswith("The training images differ: 10,000")


def test_too_few_too_many_and_twice_are_refused(records: list[Record], store: Store) -> None:
    for chosen, reason in (
        (records[:1], "2 to 16 runs, got 1"),
        (records * 3, "2 to 16 runs, got 18"),
        ([records[0], *records], f"{records[0].id} is listed twice"),
    ):
        with pytest.raises(SpecError, match=reason):
            compare_runs(chosen, store)


def test_missing_logits_and_other_images_are_errors(records: list[Record], store: Store) -> None:
    record = records[0]
    bare = replace(record, result={**record.result, "artifacts": {}})
    with pytest.raises(StoreError, match="has no logits of its dense network"):
        summary(bare, store)
    stages = {**record.result["stages"], "dense": {**record.result["stages"]["dense"], "images": 50}}
    with pytest.raises(DataError, match="must be measured on the 10,000 test images, got 50"):
        summary(replace(record, result={**record.result, "stages": stages}), store)


def test_the_command_line_prints_the_same_figures(roboreg: CommandLine, records: list[Record], store: Store) -> None:
    run, other = records[2], records[3]
    shown = roboreg.answer("runs", "show", run.id, "--baseline", other.id[:8], "--images")
    expected = json.loads(json.dumps(summary(run, store, other).to_json(images=True)))
    assert {name: shown[name] for name in expected} == expected
    assert sum(len(band["places"]) for band in shown["damage"].values()) == 10_000
    ids = [record.id for record in records]
    assert roboreg.answer("compare", *ids) == json.loads(json.dumps(compare_runs(records, store).to_json()))
    changed = roboreg.answer("compare", *ids, "--baseline", ids[0])
    assert changed == json.loads(json.dumps(compare_runs(records, store, records[0]).to_json()))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((MINIMAL,), "2 to 16 runs, got 1"),
        ((MINIMAL[:4], MINIMAL), "twice"),
        ((MINIMAL, "zz"), "no run begins with 'zz'"),
        ((MINIMAL, shipped_run("three-quarters"), "--baseline", "zz"), "no run begins with 'zz'"),
    ],
)
def test_bad_comparisons_end_with_one_line(roboreg: CommandLine, arguments: tuple[str, ...], reason: str) -> None:
    out, error = roboreg("compare", *arguments, code=2)
    assert reason in error
    assert (error.count("\n"), out) == (1, "")
