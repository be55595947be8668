"""Overview and Explore filter by architecture and data set, where there are several."""

from __future__ import annotations

from dataclasses import replace

import pytest

from roboreg_core.architecture import Architecture
from roboreg_core.datasets.dataset import Dataset
from roboreg_core.schedules.schedule import presets
from roboreg_core.store.store import Store
from roboreg_core.wording import run_facts
from roboreg_core.wording.run_filter import RunFilter, chosen
from tests.charts.records import make_record
from tests.datasets.kept import keep_dataset
from tests.ui.test_many_classes import keep_run
from tests.ui.test_pages import Open, Put, said


@pytest.fixture
def dataset(store: Store) -> Dataset:
    return keep_dataset("hundred", 100, 30)


def test_overview_filters_by_data_set_and_says_that_accuracies_do_not_compare(
    open_page: Open, put: Put, store: Store, dataset: Dataset
) -> None:
    plain = put()
    app = open_page("overview")
    assert "How accurate is a ResNet-20 on CIFAR-10" in said(app)
    assert not any(each.key == "show-data" for each in app.selectbox)
    other = keep_run(store, dataset)
    app = open_page("overview")
    assert "ResNet-20 on CIFAR-10" not in said(app)
    assert "of several data sets" in said(app)
    app.selectbox(key="show-data").select(dataset.id).run()
    assert not app.exception
    assert "of several data sets" not in said(app)
    assert "Showing 1 of 2 runs" in said(app)
    assert "hundred" in run_facts.label(other)
    assert "hundred" not in run_facts.label(plain)


def test_runs_are_filtered_by_architecture() -> None:
    plain, schedule = make_record(), presets(Architecture(depth=56, shortcut="B"))["quarter"]
    deep = replace(plain, id="deep", spec={**plain.spec, **schedule.stored()})
    assert chosen([plain, deep], RunFilter(architecture="resnet56-B")) == [deep]
    assert chosen([plain, deep], RunFilter(architecture="resnet20", data="cifar10")) == [plain]
    assert chosen([plain, deep], RunFilter(data="cifar100")) == []
    assert "ResNet-56, option B" in run_facts.label(deep)
    assert "ResNet" not in run_facts.label(plain)
