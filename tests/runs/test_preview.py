"""A preview equals pruning and evaluation from scratch, whatever is cached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from roboreg_core.architecture import Architecture
from roboreg_core.datasets import sources
from roboreg_core.datasets.images import Images
from roboreg_core.errors import SpecError
from roboreg_core.evaluation.logits import logits
from roboreg_core.jobs.task import LocalContext, Stopped
from roboreg_core.models import checkpoints
from roboreg_core.models.resnet import ResNet
from roboreg_core.pruning.prune import prune
from roboreg_core.runs import preview
from roboreg_core.runs.preview import Preview, PreviewSpec, measure, precision_on, preview_request
from roboreg_core.runs.spec import spec_for
from roboreg_core.schedules.schedule import Schedule, presets
from tests.conftest import random_network

START = presets()["quarter"]
WALK = (START.replace(9, 5), START.replace(9, 7), START.replace(2, 3), presets()["aggressive"], START)


@pytest.fixture(autouse=True)
def small_sets(few_images: Images, images: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "training_images", lambda choice="auto": few_images)
    monkeypatch.setattr(sources, "validation_images", lambda choice="auto": images)
    monkeypatch.setattr(preview, "_STATE", preview._PreviewState())


@pytest.fixture
def dense(make_network: Callable[..., ResNet]) -> checkpoints.Checkpoint:
    return checkpoints.from_bytes(checkpoints.to_bytes(make_network(START)), "small")


def spec_of(dense: checkpoints.Checkpoint, schedule: Schedule = START, **settings: Any) -> PreviewSpec:
    return PreviewSpec.of(spec_for(schedule, dense, "bundled", calibration=20, **settings))


def preview_of(spec: PreviewSpec, dense: checkpoints.Checkpoint, context: LocalContext | None = None) -> Preview:
    context = context or LocalContext()
    context.inputs = {"dense": dense.content}
    return Preview(**measure(spec.to_json(), context).result)


def right(model: ResNet, images: Images) -> int:
    return int((logits(model, images, precision=precision_on(torch.device("cpu"))).argmax(1) == images.labels).sum())


@pytest.mark.parametrize(("method", "recalibrate"), [("refit", False), ("merge", True), ("l1", False)])
def test_it_equals_a_fresh_prune_and_evaluation(
    dense: checkpoints.Checkpoint, few_images: Images, images: Images, method: str, recalibrate: bool
) -> None:
    for schedule in WALK:
        spec = spec_of(dense, schedule, method=method, recalibrate=recalibrate)
        found = preview_of(spec, dense)
        fresh = prune(dense.model, schedule, spec.pruning(), calibration=few_images).model
        assert (found.right, found.images) == (right(fresh, images), 300)
        assert found.dense_right == right(dense.model, images)
        assert found.calibration == (0 if method == "l1" else 20)


def test_a_changed_block_costs_only_what_follows(dense: checkpoints.Checkpoint) -> None:
    preview_of(spec_of(dense, START.replace(9, 5)), dense)
    reported: list[dict[str, Any]] = []
    preview_of(spec_of(dense, START.replace(9, 5).replace(8, 6)), dense, LocalContext(on_report=reported.append))
    assert [each["block"] for each in reported if each["stage"] == "prune"] == [8, 9]


def test_one_that_is_stopped_leaves_nothing_wrong(
    dense: checkpoints.Checkpoint, few_images: Images, images: Images
) -> None:
    preview_of(spec_of(dense, START.replace(9, 5)), dense)

    class Impatient(LocalContext):
        def should_stop(self) -> bool:
            return len(seen) >= 4

    seen: list[dict[str, Any]] = []
    with pytest.raises(Stopped):
        preview_of(spec_of(dense, presets()["aggressive"]), dense, Impatient(on_report=seen.append))
    assert [each.get("block") for each in seen] == [None, 1, 2, 3]
    schedule = presets()["aggressive"].replace(3, 4)
    spec = spec_of(dense, schedule)
    fresh = prune(dense.model, schedule, spec.pruning(), calibration=few_images).model
    assert preview_of(spec, dense).right == right(fresh, images)


def test_what_is_kept_is_bounded(dense: checkpoints.Checkpoint) -> None:
    for seed in range(3):
        preview_of(spec_of(dense, seed=seed), dense)
        assert [key[-1].seed for key in preview._STATE._pruners] == [seed], "activations are large"
    for seed in range(3):
        preview_of(spec_of(dense, method="l1", seed=seed), dense)
        assert len(preview._STATE._pruners) == preview.KEPT


def test_what_does_not_change_pruning_does_not_change_a_preview(dense: checkpoints.Checkpoint) -> None:
    run = spec_for(START, dense, "bundled", epochs=3)
    assert PreviewSpec.of(run) == PreviewSpec.of(replace(run, epochs=9, learning_rate=0.3, distil=False))
    spec = PreviewSpec.of(run)
    assert PreviewSpec.from_json(spec.to_json()) == spec
    assert preview_request(spec, dense, "me").inputs == {"dense": dense.content}


def test_another_network_than_the_one_named_is_refused(dense: checkpoints.Checkpoint) -> None:
    with pytest.raises(SpecError, match="SHA-256"):
        preview_of(replace(spec_of(dense), dense_sha256="0" * 64), dense)


def test_it_computes_with_the_threads_it_was_given(dense: checkpoints.Checkpoint) -> None:
    before = torch.get_num_threads()
    try:
        assert preview_of(spec_of(dense, method="l1"), dense, LocalContext(threads=2)).threads == 2
    finally:
        torch.set_num_threads(before)


def test_in_a_network_of_another_architecture_it_equals_a_fresh_one(few_images: Images, images: Images) -> None:
    # Twice the activations of the default: they are kept after every second block.
    architecture = Architecture(depth=20, base_width=32, shortcut="B")
    dense = checkpoints.from_bytes(checkpoints.to_bytes(random_network(presets(architecture)["quarter"])))
    start = presets(architecture)["aggressive"]
    visited: list[int] = []
    for schedule in (start, start.replace(8, 1), start.replace(9, 1)):
        reported: list[dict[str, Any]] = []
        found = preview_of(spec_of(dense, schedule), dense, LocalContext(on_report=reported.append))
        visited.append(next(each["block"] for each in reported if each["stage"] == "prune"))
        fresh = prune(dense.model, schedule, spec_of(dense, schedule).pruning(), calibration=few_images).model
        assert found.right == right(fresh, images)
    assert visited == [1, 7, 7]
