import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from roboreg_core.architecture import Architecture
from roboreg_core.datasets import sources
from roboreg_core.datasets.images import Images
from roboreg_core.errors import DataError, SpecError
from roboreg_core.jobs.task import LocalContext, Output, Stopped
from roboreg_core.models import checkpoints
from roboreg_core.models.costs import cost
from roboreg_core.models.resnet import ResNet
from roboreg_core.runs import predicted_classes
from roboreg_core.runs.execute import execute
from roboreg_core.runs.predicted_classes import predictions_csv
from roboreg_core.runs.results import STAGES, card_for
from roboreg_core.runs.spec import RunSpec, estimate_seconds, spec_for
from roboreg_core.schedules.schedule import Schedule, presets
from roboreg_core.store.records import Record
from roboreg_core.store.store import Store

SCHEDULE = Schedule((2, 3, 2, 2, 2, 2, 2, 2, 3))


@pytest.fixture(autouse=True)
def small_sets(few_images: Images, images: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every set is a handful of images: what is tested here is the order of steps, not the accuracy."""
    monkeypatch.setattr(sources, "training_images", lambda choice="auto": images)
    monkeypatch.setattr(sources, "validation_images", lambda choice="auto": few_images)
    monkeypatch.setattr(sources, "test_images", lambda choice="auto": few_images)
    monkeypatch.setattr(predicted_classes, "test_labels", lambda training_set: few_images.labels.numpy())


@pytest.fixture
def dense(make_network: Callable[..., ResNet]) -> checkpoints.Checkpoint:
    return checkpoints.from_bytes(checkpoints.to_bytes(make_network(presets()["quarter"])), "small")


@pytest.fixture
def spec(dense: checkpoints.Checkpoint) -> RunSpec:
    return spec_for(SCHEDULE, dense, "bundled", epochs=2)


class Listener(LocalContext):
    """Keeps the reports, and stops after `limit` reports."""

    def __init__(self, limit: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.reported: list[dict[str, Any]] = []
        self.states: list[bytes] = []
        self.on_report = self.reported.append
        self.on_save = self.states.append
        self.limit = limit

    def should_stop(self) -> bool:
        return self.limit is not None and len(self.states) >= self.limit


def do(spec: RunSpec, dense: checkpoints.Checkpoint, context: Listener | None = None) -> Output:
    context = context or Listener()
    context.inputs = {"dense": dense.content}
    return execute(spec.to_json(), context)


def stored(output: Output, spec: RunSpec, store: Store) -> Record:
    artifacts = {name: store.artifacts.put(content) for name, content in output.artifacts.items()}
    result = {**output.result, "artifacts": artifacts}
    record = Record(kind="run", id=spec.id, created="2026-01-01T00:00:00+00:00", spec=spec.to_json(), result=result)
    store.put_record(record)
    return record


def test_a_run_measures_three_stages_and_keeps_what_it_made(
    spec: RunSpec, dense: checkpoints.Checkpoint, few_images: Images, tmp_path: Path
) -> None:
    output = do(spec, dense)
    result = json.loads(json.dumps(output.result))
    assert list(result["stages"]) == list(STAGES)
    assert result["cost"]["parameters"] == cost(SCHEDULE).parameters
    assert [epoch["epoch"] for epoch in result["history"]] == [1, 2]
    assert checkpoints.from_bytes(output.artifacts["weights"]).model.schedule == SCHEDULE
    for stage in STAGES:
        values = np.load(io.BytesIO(output.artifacts[f"logits_{stage}"]))
        right = (values.argmax(1) == few_images.labels.numpy()).mean()
        assert result["stages"][stage]["accuracy"] == pytest.approx(right)


def test_progress_only_grows_and_names_its_stage(spec: RunSpec, dense: checkpoints.Checkpoint) -> None:
    context = Listener()
    do(spec, dense, context)
    fractions = [payload["fraction"] for payload in context.reported]
    assert fractions == sorted(fractions)
    assert fractions[-1] <= 1
    stages = list(dict.fromkeys(payload["stage"] for payload in context.reported))
    assert stages == ["load", "dense", "prune", "pruned", "tune", "tuned", "time"]
    assert sum("history" in payload for payload in context.reported) == 2


def test_a_run_that_was_stopped_goes_on_to_the_same_weights(spec: RunSpec, dense: checkpoints.Checkpoint) -> None:
    whole = do(spec, dense)
    first = Listener(limit=1)
    with pytest.raises(Stopped):
        do(spec, dense, first)
    second = Listener(state=first.states[-1])
    rest = do(spec, dense, second)
    assert len(second.states) == 1
    assert rest.artifacts["weights"] == whole.artifacts["weights"]


def test_no_epochs_means_no_tuned_stage(spec: RunSpec, dense: checkpoints.Checkpoint) -> None:
    output = do(replace(spec, epochs=0), dense)
    assert list(output.result["stages"]) == ["dense", "pruned"]
    assert output.result["history"] == []


def test_identity_is_what_determines_the_result(spec: RunSpec) -> None:
    assert replace(spec, device="cpu").id == spec.id
    assert replace(spec, dense="another name").id == spec.id
    changes: list[dict[str, Any]] = [
        {"schedule": SCHEDULE.replace(1, 4)}, {"method": "source"}, {"recalibrate": True}, {"epochs": 3}, {"seed": 1},
        {"dense_sha256": "0" * 64}, {"training_set": "full"}, {"learning_rate": 0.03}, {"batch_size": 64},
        {"calibration": 500}, {"preset": "good"}, {"distil": False},
    ]  # fmt: skip
    ids = {replace(spec, **change).id for change in changes}
    assert len(ids | {spec.id}) == len(changes) + 1
    assert RunSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


@pytest.mark.parametrize(
    "change", [{"epochs": -1}, {"epochs": 1.5}, {"learning_rate": 0}, {"batch_size": 0}, {"seed": -1}, {"method": "x"}]
)
def test_bad_settings_are_refused_before_anything_runs(spec: RunSpec, change: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match="must be"):
        replace(spec, **change)


def test_another_dense_network_than_named_is_refused(spec: RunSpec, make_network: Callable[..., ResNet]) -> None:
    other = checkpoints.from_bytes(checkpoints.to_bytes(make_network(presets()["quarter"], seed=9)), "other")
    with pytest.raises(SpecError, match="must have SHA-256"):
        do(spec, other)


def test_full_images_that_are_absent_are_refused_when_asked_for(dense: checkpoints.Checkpoint) -> None:
    with pytest.raises(DataError, match="data fetch"):
        spec_for(SCHEDULE, dense, "full")


def test_files_of_a_run_agree_with_it(
    spec: RunSpec, dense: checkpoints.Checkpoint, few_images: Images, home: Path
) -> None:
    store = Store(home)
    output = do(spec, dense)
    record = stored(output, spec, store)
    card = card_for(record, output.artifacts["weights"])
    assert card["accuracy"]["test"] == output.result["stages"]["tuned"]["accuracy"]
    assert card["reproduce"].startswith("python -m roboreg_core run 2,3,2,2,2,2,2,2,3 ")
    table = pd.read_csv(io.StringIO(predictions_csv(record, store)))
    assert len(table) == len(few_images)
    for stage in STAGES:
        assert (table[stage] == table["true"]).mean() == pytest.approx(output.result["stages"][stage]["accuracy"])
        assert table[f"{stage}_confidence"].between(0.1, 1).all()


def test_estimates_grow_with_epochs_and_use_what_was_measured(spec: RunSpec) -> None:
    short, long = estimate_seconds(spec), estimate_seconds(replace(spec, epochs=20))
    assert 0 < short < long
    fast = Record(
        kind="run", id="x", created="", spec={},
        result={"speed": {"dense_equivalent": 1e6, "evaluate": 1e6, "train": 1e6}},
    )  # fmt: skip
    assert estimate_seconds(spec, [fast]) < short


def test_known_logits_replace_the_evaluation_of_the_dense_network(spec: RunSpec, dense: checkpoints.Checkpoint) -> None:
    plain = do(replace(spec, epochs=0), dense)
    context = Listener()
    context.inputs = {"dense": dense.content, "logits_dense": plain.artifacts["logits_dense"]}
    known = execute(replace(spec, epochs=0).to_json(), context)
    assert known.result["stages"] == plain.result["stages"]
    assert known.artifacts == plain.artifacts


@pytest.mark.parametrize("epochs", [0, 1])
def test_a_run_of_single_weights_keeps_the_size_and_the_zeros(
    spec: RunSpec, dense: checkpoints.Checkpoint, epochs: int
) -> None:
    output = do(replace(spec, method="weights:sparsity=0.75", epochs=epochs), dense)
    zeros = output.result["zeros"]
    assert output.result["cost"] == output.result["dense_cost"]
    assert zeros["nonzeros"] == pytest.approx(zeros["weights"] / 4, abs=1)
    assert set(zeros["file_bytes"]) == {"plain", "dense", "sparse"}


def test_single_weights_are_not_recalibrated(spec: RunSpec) -> None:
    with pytest.raises(SpecError, match="does not support recalibration"):
        replace(spec, method="weights", recalibrate=True)


def test_the_default_architecture_is_not_part_of_a_runs_identity(dense: checkpoints.Checkpoint) -> None:
    plain = spec_for(presets()["quarter"], dense, "bundled")
    deep = replace(plain, schedule=presets(Architecture(depth=32, shortcut="B"))["moderate"])
    assert "architecture" not in plain.to_json()
    assert deep.to_json()["architecture"] == {"depth": 32, "shortcut": "B"}
    assert RunSpec.from_json(deep.to_json()) == deep
    assert deep.id != replace(deep, schedule=presets(Architecture(depth=32))["moderate"]).id
    assert estimate_seconds(deep) > estimate_seconds(plain)
