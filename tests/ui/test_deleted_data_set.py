"""Runs whose data set was deleted keep their results; galleries say how to restore the pictures."""

from __future__ import annotations

import shutil

import pytest

from roboreg_core import paths
from roboreg_core.charts import palette
from roboreg_core.datasets import library, true_classes
from roboreg_core.datasets.dataset import Dataset
from roboreg_core.report.comparison_report import comparison_html
from roboreg_core.report.run_report import run_html
from roboreg_core.runs.comparison import compare_runs
from roboreg_core.runs.predicted_classes import predictions_csv
from roboreg_core.runs.summary import summary
from roboreg_core.store.store import Store
from roboreg_core.wording import run_facts
from tests.datasets.kept import keep_dataset
from tests.ui.test_many_classes import keep_run
from tests.ui.test_pages import Open, said


@pytest.fixture
def dataset(store: Store) -> Dataset:
    return keep_dataset("hundred", 100, 30)


def test_runs_keep_their_results_without_the_pictures(
    open_page: Open, store: Store, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [keep_run(store, dataset, seed) for seed in (0, 1)]
    before = summary(runs[0], store).to_json()
    true_classes._own.cache_clear()
    library.delete_dataset(dataset)
    assert "hundred" in run_facts.label(runs[0])
    for tab in ("Changed predictions", "History", "Files"):
        app = open_page("inspect", run=runs[0].id, tab=tab)
        assert not app.error, (tab, [each.value for each in app.error])
    cell = {"true": dataset.classes[-1], "predicted": dataset.classes[0]}
    app = open_page("inspect", run=runs[0].id, tab="Confusion", **cell)
    assert f"data restore {dataset.id}" in "".join(each.value for each in app.error).replace("\\", "")
    assert summary(runs[0], store).to_json() == before
    assert predictions_csv(runs[0], store)
    assert run_html(summary(runs[0], store))
    assert comparison_html(compare_runs(runs, store), palette.styles(runs))
    app = open_page("compare", runs=",".join(run.id for run in runs))
    assert not app.error
    # Thirty days later.
    monkeypatch.setattr(library, "RESTORE_DAYS", -1)
    library.delete_dataset(keep_dataset("other", 2))
    assert library.deleted_datasets() == []
    assert summary(runs[0], store).to_json() == before
    app = open_page("inspect", run=runs[0].id, tab="Confusion", **cell)
    assert "add its images again" in "".join(each.value for each in app.error)


@pytest.mark.parametrize("page", ["overview", "inspect", "compare", "jobs"])
def test_pages_open_without_the_files_of_a_data_set(open_page: Open, store: Store, dataset: Dataset, page: str) -> None:
    runs = [keep_run(store, dataset, seed) for seed in (0, 1)]
    shutil.rmtree(paths.datasets() / dataset.id)
    true_classes._own.cache_clear()
    query = {"inspect": {"run": runs[0].id}, "compare": {"runs": ",".join(run.id for run in runs)}}
    app = open_page(page, **query.get(page, {}))
    assert not app.exception
    assert ("add its images again" in said(app)) == (page in ("overview", "inspect", "compare"))
