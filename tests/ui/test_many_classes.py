"""Inspect, Compare and the report with a hundred classes: groups, the most confused or changed, and a search."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from roboreg_core.architecture import Architecture
from roboreg_core.charts import comparison_table, many_classes, palette, recall_slopes
from roboreg_core.datasets.dataset import Dataset
from roboreg_core.datasets.true_classes import test_labels as labels_of_test
from roboreg_core.errors import DataError
from roboreg_core.evaluation.metrics import report
from roboreg_core.models.costs import cost
from roboreg_core.report.comparison_report import comparison_html
from roboreg_core.report.run_report import run_html
from roboreg_core.runs.class_groups import group_names, grouped_changes, grouped_confusion
from roboreg_core.runs.comparison import compare_runs
from roboreg_core.runs.summary import Summary, summary
from roboreg_core.schedules.schedule import presets
from roboreg_core.store.records import Record
from roboreg_core.store.store import Store
from roboreg_core.ui.inspect import class_choice
from tests.charts.records import _cost, make_record
from tests.command_line import CommandLine
from tests.datasets.kept import keep_dataset
from tests.ui.test_pages import Open, Put, said

N_CLASSES, PER_CLASS = 100, 30


@pytest.fixture
def dataset(store: Store) -> Dataset:
    return keep_dataset("hundred", N_CLASSES, PER_CLASS)


def keep_run(store: Store, dataset: Dataset, seed: int = 0) -> Record:
    """A run on the data set whose tuned network confuses each class with the next, the last ones most."""
    import torch

    labels, generator = labels_of_test(dataset.id).copy(), np.random.default_rng(seed)
    schedule = presets(dataset.architecture(Architecture()))["moderate"]
    stages, artifacts = {}, {}
    for stage, most in (("dense", 0.2), ("pruned", 0.8), ("tuned", 0.5)):
        wrong = generator.random(len(labels)) < most * labels / N_CLASSES
        logits = 5 * np.eye(N_CLASSES, dtype=np.float32)[np.where(wrong, (labels + 1) % N_CLASSES, labels)]
        stages[stage] = report(torch.from_numpy(logits), torch.from_numpy(labels), dataset.classes).to_json()
        file = io.BytesIO()
        np.save(file, logits)
        artifacts[f"logits_{stage}"] = store.artifacts.put(file.getvalue())
    plain = make_record(identity=f"many{seed:012}")
    costs = {"cost": _cost(cost(schedule)), "dense_cost": _cost(cost(schedule.dense))}
    images = {"training": "3,000 training images", "test": f"{len(labels):,} test images"}
    result = {**plain.result, **costs, "stages": stages, "artifacts": artifacts, "images": images}
    spec = {**plain.spec, **schedule.stored(), "training_set": dataset.id, "seed": seed}
    record = replace(plain, spec=spec, result=result)
    store.put_record(record)
    return record


@pytest.fixture
def run(store: Store, dataset: Dataset) -> Record:
    return keep_run(store, dataset)


@pytest.fixture
def groups(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Ten groups of ten classes."""
    found = {name: f"group_{number // 10}" for number, name in enumerate(dataset.classes)}
    monkeypatch.setattr(class_choice, "groups_of", lambda record: found)
    return found


@pytest.fixture
def found(run: Record, store: Store) -> Summary:
    return summary(run, store)


@pytest.mark.parametrize("tab", ["Changed predictions", "Confusion", "Per-class metrics"])
def test_the_first_of_many_classes_are_shown_and_others_are_found(open_page: Open, run: Record, tab: str) -> None:
    app = open_page("inspect", run=run.id, tab=tab)
    assert f"The {many_classes.MOST} most" in said(app)
    find(app, "kind 00, 57")
    assert "11 of 100 classes match" in said(app)
    find(app, "nothing")
    assert "No class matches nothing" in said(app)


@pytest.mark.parametrize("values", ["count", "share", "difference"])
def test_classes_are_grouped_if_the_data_set_groups_them(
    open_page: Open, run: Record, groups: dict[str, str], values: str
) -> None:
    app = open_page("inspect", run=run.id, tab="Confusion", **{"confusion-values": values})
    assert "100 classes in 10 groups" in said(app)
    find(app, "group 3, group_9")
    assert "20 of 100 classes match" in said(app)


def find(app: AppTest, text: str) -> None:
    app.text_input(key="find-classes").set_value(text).run()
    assert not app.exception, app.exception[0].message


def test_groups_count_what_their_classes_do(found: Summary, groups: dict[str, str]) -> None:
    changes = grouped_changes(found.stage_changes, found.classes, groups)
    assert (changes.counts == found.stage_changes.counts.reshape(len(changes.bands), 10, 10).sum(2)).all()
    change = grouped_confusion(found, "tuned", groups)
    blocks = found.paired["tuned"].confusion.after.reshape(10, 10, 10, 10).sum((1, 3))
    assert (change.after == blocks).all()
    assert group_names(groups)[0] == "group_0"


def test_the_search_prefers_groups_to_parts_of_names() -> None:
    groups = {"apple": "fruit", "pear": "fruit", "oak_tree": "tree", "fruit bat": "animal"}
    classes = list(groups)
    assert many_classes.found_classes(classes, groups, "Fruit") == ["apple", "pear"]
    assert many_classes.found_classes(classes, {}, "fruit") == ["fruit bat"]
    assert many_classes.found_classes(classes, groups, "oak tree,PEAR,") == ["pear", "oak_tree"]


def test_reports_draw_some_classes_and_list_all(run: Record, dataset: Dataset, found: Summary, store: Store) -> None:
    html = run_html(found)
    assert "show 20 of 100" in html
    assert all(name in html for name in dataset.classes)
    comparison = compare_runs([run, keep_run(store, dataset, 1)], store)
    assert recall_slopes.shown_classes(recall_slopes.slopes_data(comparison))["class"].nunique() == many_classes.MOST
    assert "show 20 of 100" in comparison_html(comparison, palette.styles([row.record for row in comparison.rows]))


def test_runs_of_several_data_sets_are_compared_without_what_needs_the_same_images(
    open_page: Open, put: Put, run: Record, store: Store, roboreg: CommandLine
) -> None:
    plain = put()
    found = compare_runs([run, plain], store)
    assert found.to_json()["overlap"] is None
    assert found.classes == ()
    assert found.unlike[0].what == "data set"
    # Each run against its own dense network
    for row in found.rows:
        alone = summary(row.record, store)
        assert row.paired is not None
        assert row.paired.to_json() == alone.paired[alone.final].to_json()
    against = compare_runs([run, plain], store, plain).to_json()["runs"]
    assert [each["verdict"] is None for each in against] == [True, False]
    assert (against[0]["flips"], against[0]["recalls"]) == (None, [])
    frame = comparison_table.comparison_data(compare_runs([run, plain], store, plain))
    assert frame["accuracy_change"].isna().tolist() == [True, False]
    assert frame["parameters_change"].notna().all()
    for baseline in (None, plain):
        app = open_page("compare", runs=f"{run.id},{plain.id}", baseline=baseline.id if baseline else "dense")
        text = said(app)
        assert comparison_table.left_out_words("Shared errors") in text
        assert comparison_table.left_out_words("Per-class recall") in text
        other = compare_runs([run, plain], store, baseline)
        html = comparison_html(other, palette.styles([run, plain]))
        assert ("shared-errors" in html, comparison_table.OTHER_IMAGES in html) == (False, baseline is plain)
    assert roboreg.answer("compare", run.id, plain.id) == json.loads(json.dumps(found.to_json()))
    with pytest.raises(DataError, match="got two data sets"):
        summary(run, store, plain)


def test_a_hundred_classes_are_compared(open_page: Open, run: Record, dataset: Dataset, store: Store) -> None:
    other = keep_run(store, dataset, 1)
    app = open_page("compare", runs=f"{run.id},{other.id}")
    assert "The 20 classes that changed most" in said(app)
