"""A search as a job: measures within the limits, stores points, continues after an interruption."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from roboreg_core.errors import SpecError
from roboreg_core.jobs.task import Stopped
from roboreg_core.models import checkpoints
from roboreg_core.models.checkpoints import Checkpoint
from roboreg_core.models.costs import cost
from roboreg_core.models.resnet import ResNet
from roboreg_core.pruning.prune import Pruner
from roboreg_core.runs.spec import PruneSettings
from roboreg_core.schedules.schedule import Schedule, presets
from roboreg_core.search import execute
from roboreg_core.search.candidates import Candidate
from roboreg_core.search.limits import Limits
from roboreg_core.search.spec import SEARCH, SearchSpec, known, latency_fields
from roboreg_core.store.store import Store
from roboreg_core.sweeps import sweep_store
from roboreg_core.sweeps.spec import POINT
from tests.search.helpers import points_of_curves
from tests.sweeps.helpers import put_point
from tests.sweeps.test_execute import RecordingContext

pytestmark = pytest.mark.usefixtures("small_sets")
LIMITS = Limits(macs=0.2)


@pytest.fixture
def dense(make_network: Callable[..., ResNet]) -> Checkpoint:
    """A dense network with all filters."""
    return checkpoints.from_bytes(checkpoints.to_bytes(make_network(presets()["dense"])), "dense")


@pytest.fixture
def setting(dense: Checkpoint) -> PruneSettings:
    return PruneSettings(
        method="l1", recalibrate=False, calibration=20, seed=0, dense_sha256=dense.sha256, training_set="bundled"
    )


@pytest.fixture
def store(store: Store, setting: PruneSettings) -> Store:
    """A store with the sensitivity of every block."""
    for point in points_of_curves():
        put_point(store, replace(point, **setting.to_json()))
    return store


@pytest.fixture
def spec(setting: PruneSettings) -> SearchSpec:
    return SearchSpec(limits=LIMITS, setting=setting, trials=9, device="cpu")


def job_context(spec: SearchSpec, dense: Checkpoint, store: Store, **settings: Any) -> RecordingContext:
    return RecordingContext(inputs=execute._inputs(spec, dense, store), **settings)


def test_it_measures_within_the_limits_and_hands_every_point_over(
    spec: SearchSpec, dense: Checkpoint, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    pruned: list[Schedule] = []
    prune = Pruner.prune
    monkeypatch.setattr(
        Pruner, "prune", lambda self, schedule, **more: (pruned.append(schedule), prune(self, schedule, **more))[1]
    )
    context = job_context(spec, dense, store)
    result = execute.search(spec.to_json(), context).result
    found = [Candidate.from_json(each) for each in result["candidates"]]
    assert len(found) == result["measured"] == len(set(context.put_ids)) == 9
    assert all(each.measured is not None and cost(each.schedule).macs <= LIMITS.caps["macs"] for each in found)
    assert {spec.setting.point_id(each.schedule) for each in found} == set(context.put_ids)
    answers = [Candidate.from_json(each) for each in result["answers"]]
    assert answers
    assert len(pruned) == 9, "no answer is pruned again to be timed"
    assert all(each.timed is not None and each.timed > 0 for each in answers)
    assert context.reported[-1]["done"] == context.reported[-1]["total"] == 9
    shares = [each["fraction"] for each in context.reported]
    assert shares == sorted(shares)
    assert shares[-1] < 1, "the answers are still to be timed"


def test_one_that_was_stopped_goes_on_where_it_was(spec: SearchSpec, dense: Checkpoint, store: Store) -> None:
    whole = execute.search(spec.to_json(), job_context(spec, dense, store)).result
    first = job_context(spec, dense, store, stop_after=7)
    with pytest.raises(Stopped):
        execute.search(spec.to_json(), first)
    second = job_context(spec, dense, store, state=first.state)
    rest = execute.search(spec.to_json(), second).result
    assert len(first.put_ids) == 7
    assert rest["measured"] == len(second.put_ids) == 2
    assert rest["trials"] == whole["trials"]


def test_here_it_is_kept_as_a_record_and_opened_when_asked_again(
    spec: SearchSpec, dense: Checkpoint, store: Store
) -> None:
    record = execute.search_here(spec, dense, store)
    assert (record.kind, record.id) == (SEARCH, spec.id)
    assert [each.id for each in store.list_records(SEARCH)] == [spec.id]
    assert execute.search_here(spec, dense, store, on_report=pytest.fail) == store.get_record(spec.id)
    trials = {tuple(each["schedule"]) for each in record.result["trials"]}
    assert trials <= {point.schedule.counts for point in sweep_store.points(store, **spec.setting.to_json())}
    # A wider search measures nothing twice.
    longer = execute.search_here(replace(spec, trials=10), dense, store)
    assert longer.result["measured"] < 10
    assert len(store.list_records(POINT)) == 73 + len(
        trials | {tuple(each["schedule"]) for each in longer.result["trials"]}
    )


def test_the_engine_gets_all_that_a_worker_needs(spec: SearchSpec, dense: Checkpoint, store: Store) -> None:
    task = execute.task_for(spec, dense, store)
    assert (task.kind, task.key, task.function) == (SEARCH, spec.id, "roboreg_core.search.execute:search")
    assert SearchSpec.from_json(task.spec) == spec
    assert store.artifacts.get(task.inputs["dense"]) == dense.content
    assert len(store.artifacts.get(task.inputs["points"]).splitlines()) == 73


def test_identity_is_of_limits_setting_and_trials(spec: SearchSpec) -> None:
    others = [
        replace(spec, trials=10),
        replace(spec, limits=Limits(macs=0.3)),
        replace(spec, setting=replace(spec.setting, seed=1)),
    ]
    assert len({each.id for each in (spec, *others)}) == 4
    assert replace(spec, device="cuda", dense="other", latency=(0.1, *[1e-3] * 9)).id == spec.id


def test_nonsense_is_refused_before_anything_starts(spec: SearchSpec, store: Store) -> None:
    with pytest.raises(SpecError, match="trials must be"):
        replace(spec, trials=0)
    with pytest.raises(SpecError, match="limit latency needs networks that were timed"):
        replace(spec, limits=Limits(latency=0.1))
    with pytest.raises(SpecError, match="a search needs the sensitivity of each block"):
        known(store, replace(spec.setting, method="random"))


def test_latency_is_estimated_from_the_stores_runs(spec: SearchSpec, store: Store) -> None:
    assert known(store, spec.setting).latency is None
    assert latency_fields(None) == ()
