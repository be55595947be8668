"""A part of a sweep: its points equal pruning and evaluation from scratch, each stored at once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from roboreg_core.datasets.images import Images
from roboreg_core.errors import SpecError
from roboreg_core.evaluation.logits import logits
from roboreg_core.jobs.task import LocalContext, Stopped
from roboreg_core.models.checkpoints import Checkpoint
from roboreg_core.pruning.prune import prune
from roboreg_core.store.records import Record
from roboreg_core.store.store import Store
from roboreg_core.sweeps import execute
from roboreg_core.sweeps.execute import PartSpec, measure, task_for
from roboreg_core.sweeps.points import ClassCounts, Point
from roboreg_core.sweeps.sweep_store import points
from tests.sweeps.helpers import GRID, sweep_of

pytestmark = pytest.mark.usefixtures("small_sets")


def part_of(dense: Checkpoint, **settings: Any) -> PartSpec:
    sweep = sweep_of(dense, **settings)
    return PartSpec(sweep=sweep.id, setting=sweep.setting(0), schedules=tuple(GRID.schedules()), test=sweep.test)


@dataclass(kw_only=True)
class RecordingContext(LocalContext):
    """Keeps what it is reported; asks to stop once so many records were put."""

    put_ids: list[str] = field(default_factory=list)
    reported: list[dict[str, Any]] = field(default_factory=list)
    stop_after: int = 10**6

    def put(self, *record: Any) -> None:
        super().put(*record)
        self.put_ids.append(record[1])

    def report(self, payload: dict[str, Any]) -> None:
        self.reported.append(payload)

    def should_stop(self) -> bool:
        return len(self.put_ids) >= self.stop_after


def into(store: Store) -> Any:
    return lambda *parts: store.put_record(
        Record(**dict(zip(("kind", "id", "spec", "result"), parts, strict=True)), created="2026-01-01")
    )


@pytest.mark.parametrize(("method", "recalibrate"), [("l1", False), ("merge", True), ("refit", False)])
def test_points_are_those_of_a_plain_prune_and_evaluation(
    dense: Checkpoint, store: Store, few_images: Images, images: Images, method: str, recalibrate: bool
) -> None:
    part = part_of(dense, method=method, recalibrate=recalibrate)
    context = RecordingContext(inputs={"dense": dense.content}, on_put=into(store))
    output = measure(part.to_json(), context)
    assert (output.result["measured"], output.result["points"]) == (8, 8)
    assert context.put_ids == part.ids
    found = {point.schedule: point for point in points(store)}
    for schedule in (GRID.schedules()[0], GRID.schedules()[5]):
        fresh = prune(dense.model, schedule, part.setting.pruning(), calibration=few_images).model
        for name, where in (("validation", few_images), ("test", images)):
            wanted = ClassCounts.of(logits(fresh, where).argmax(1), where.labels, 10)
            assert getattr(found[schedule], name) == wanted
        assert found[schedule].kept == fresh.schedule
    assert {(point.dense_sha256, point.training_set, point.method) for point in found.values()} == {
        (dense.sha256, "bundled", method)
    }


def test_without_test_images_none_are_evaluated(dense: Checkpoint, store: Store, monkeypatch) -> None:
    monkeypatch.setattr("roboreg_core.datasets.sources.test_images", lambda choice: pytest.fail("loaded test images"))
    measure(part_of(dense, test=False).to_json(), RecordingContext(inputs={"dense": dense.content}, on_put=into(store)))
    assert {point.test for point in points(store)} == {None}


def test_a_stopped_part_resumes(dense: Checkpoint, store: Store) -> None:
    part = part_of(dense)
    first = RecordingContext(inputs={"dense": dense.content}, on_put=into(store), stop_after=3)
    with pytest.raises(Stopped):
        measure(part.to_json(), first)
    assert first.put_ids == part.ids[:3]
    second = RecordingContext(inputs={"dense": dense.content}, on_put=into(store), state=first.state)
    assert measure(part.to_json(), second).result["measured"] == 5
    assert second.put_ids == part.ids[3:]
    assert len(points(store)) == 8
    third = RecordingContext(inputs={"dense": dense.content}, state=second.state)
    assert measure(part.to_json(), third).result["measured"] == 0
    unreadable = RecordingContext(inputs={"dense": dense.content}, state=b'["of an earlier version"]')
    assert measure(part.to_json(), unreadable).result["measured"] == 8


def test_a_point_is_stored_before_the_state(dense: Checkpoint) -> None:
    order: list[str] = []
    context = LocalContext(
        inputs={"dense": dense.content},
        on_put=lambda *record: order.append(record[1]),
        on_save=lambda state: order.append(f"saved {int(state, 16).bit_count()}"),
    )
    part = part_of(dense)
    measure(part.to_json(), context)
    assert order == [each for number, point in enumerate(part.ids, 1) for each in (point, f"saved {number}")]


def test_it_reports_progress(dense: Checkpoint) -> None:
    context = RecordingContext(inputs={"dense": dense.content})
    measure(part_of(dense).to_json(), context)
    milestones = [each for each in context.reported if each.get("milestone") and "schedule" in each]
    assert [each["done"] for each in milestones] == list(range(1, 9))
    assert {each["total"] for each in context.reported} == {8}
    assert milestones[-1]["fraction"] == 1.0
    assert all(each["remaining_seconds"] >= 0 for each in context.reported)


def test_the_memory_is_freed_unless_another_part_follows(dense: Checkpoint, monkeypatch) -> None:
    made: list[Any] = []
    from roboreg_core.pruning import prune as module

    original = module.Pruner.__init__
    monkeypatch.setattr(module.Pruner, "__init__", lambda self, *a, **k: (made.append(1), original(self, *a, **k))[1])
    one, other = part_of(dense), part_of(dense, seeds=(1,))
    for part in (replace(one, go_on=True), replace(one, go_on=True)):
        measure(part.to_json(), RecordingContext(inputs={"dense": dense.content}))
    assert len(made) == 1
    assert execute._CACHE._pruner is not None
    measure(other.to_json(), RecordingContext(inputs={"dense": dense.content}))
    assert execute._CACHE._pruner is None


def test_another_dense_network_is_refused(dense: Checkpoint) -> None:
    wrong = replace(part_of(dense), setting=replace(part_of(dense).setting, dense_sha256="0" * 64))
    with pytest.raises(SpecError, match="SHA-256"):
        measure(wrong.to_json(), RecordingContext(inputs={"dense": dense.content}))


def test_a_task_names_the_points_that_it_makes(dense: Checkpoint) -> None:
    part = part_of(dense)
    task = task_for(part, "key", "sha")
    assert task.spec["ids"] == part.ids
    assert PartSpec.from_json(task.spec) == part
    assert (task.kind, task.inputs) == ("sweep-part", {"dense": "sha"})


def test_seeds_are_kept_apart(dense: Checkpoint, store: Store) -> None:
    sweep = sweep_of(dense, method="random", seeds=(0, 1))
    for seed in (0, 1):
        part = PartSpec(sweep=sweep.id, setting=sweep.setting(seed), schedules=(GRID.schedules()[0],))
        measure(part.to_json(), RecordingContext(inputs={"dense": dense.content}, on_put=into(store)))
    found: list[Point] = points(store)
    assert sorted(point.seed for point in found) == [0, 1]
