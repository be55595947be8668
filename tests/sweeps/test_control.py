"""Sweeps as jobs. The worker is kept busy with something else, so that a test sees what is queued and when."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest

from roboreg_core.errors import JobError, SpecError, StoreError
from roboreg_core.jobs.engine import Engine
from roboreg_core.models import checkpoints
from roboreg_core.models.checkpoints import Checkpoint
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.store.records import JobStatus, Record
from roboreg_core.store.store import Store
from roboreg_core.sweeps import control
from roboreg_core.sweeps.control import SweepState, status
from roboreg_core.sweeps.grid import STAGES, Grid, of_schedules
from roboreg_core.sweeps.spec import SweepSpec
from roboreg_core.sweeps.sweep_jobs import STOPPING, parts
from roboreg_core.sweeps.sweep_store import find_sweep, missing, points_of, sweeps
from tests.jobs.helpers import done, running, task, until
from tests.sweeps.helpers import GRID, point_of, put_point, put_run, sweep_of

FIRST, SECOND = GRID.schedules()[:2]
WIDER = Grid(kind=STAGES, values=((2, 4, 6), (4, 8), (8, 16)))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("ROBOREG_SCHEDULER", raising=False)
        engine = Engine(Store(tmp_path_factory.mktemp("home")), grace=1.0)
        yield engine
        engine.close()


@pytest.fixture
def engine(shared: Engine) -> Iterator[Engine]:
    """An engine with an empty store but for one job, which the worker is at."""
    blocker = shared.submit(task("busy", steps=10**6))
    yield shared
    store = shared.store
    for job in store.list_jobs():
        if not job.status.is_ended:
            with suppress(JobError):  # it ended meanwhile
                shared.cancel(job.id)
    until(lambda: all(job.status.is_ended for job in store.list_jobs()))
    for job in store.list_jobs():
        store.delete_job(job.id)
    for record in store.list_records():
        store.delete_record(record.id)
    STOPPING.clear()
    assert store.get_job(blocker.id) is None


def state(engine: Engine, sweep) -> SweepState:
    return status(engine.store, find_sweep(engine.store, sweep.id)).state


def queued(engine: Engine) -> list[list[Schedule]]:
    jobs = [job for job in engine.store.list_jobs("sweep-part") if not job.status.is_ended]
    return [[Schedule.from_json(each) for each in job.spec["schedules"]] for job in jobs[::-1]]


def test_a_part_a_seed_and_only_what_is_missing(engine: Engine, dense: Checkpoint) -> None:
    spec = sweep_of(dense, seeds=(0, 1))
    put_point(engine.store, point_of(spec, FIRST, seed=1))
    sweep = control.start(engine, spec, dense)
    assert queued(engine) == [GRID.schedules(), GRID.schedules()[1:]]
    found = status(engine.store, sweep)
    assert (found.state, found.done, found.total, len(found.jobs)) == (SweepState.RUNNING, 1, 16, 2)
    assert found.remaining_seconds > 0
    assert control.start(engine, spec, dense) == sweep
    assert len(queued(engine)) == 2, "what is asked for again is already under way"


def test_stopped_and_resumed(engine: Engine, dense: Checkpoint) -> None:
    spec = sweep_of(dense)
    sweep = control.start(engine, spec, dense)
    control.stop(engine, sweep)
    until(lambda: state(engine, sweep) is SweepState.STOPPED)
    assert queued(engine) == []
    for schedule in GRID.schedules()[:5]:
        put_point(engine.store, point_of(spec, schedule))
    assert len(control.resume(engine, sweep, dense)) == 1
    assert queued(engine) == [GRID.schedules()[5:]]
    assert len(engine.store.list_jobs("sweep-part")) == 1, "the job that was stopped is forgotten"
    for schedule in GRID.schedules()[5:]:
        put_point(engine.store, point_of(spec, schedule))
    assert state(engine, sweep) is SweepState.COMPLETE
    control.stop(engine, sweep)


def test_one_whose_job_was_resumed_by_hand_is_not_stopping(engine: Engine, dense: Checkpoint) -> None:
    sweep = control.start(engine, sweep_of(dense), dense)
    (job,) = status(engine.store, sweep).jobs
    control.stop(engine, sweep)
    until(lambda: state(engine, sweep) is SweepState.STOPPED)
    assert engine.resume(job.id).id == job.id
    assert state(engine, sweep) is SweepState.RUNNING
    assert control.resume(engine, sweep, dense) == [], "its job is at all of its points"


def test_points_that_another_sweep_measures_are_not_queued(engine: Engine, dense: Checkpoint) -> None:
    first = control.start(engine, sweep_of(dense), dense)
    other = control.start(engine, sweep_of(dense, of_schedules([FIRST, Schedule((1,) * 9)]), name="other"), dense)
    assert queued(engine) == [GRID.schedules(), [Schedule((1,) * 9)]]
    assert len(status(engine.store, other).jobs) == 2
    control.stop(engine, other)
    until(lambda: len(queued(engine)) == 1)
    assert state(engine, first) is SweepState.RUNNING
    lean = control.start(engine, sweep_of(dense, name="lean", test=False), dense)
    assert status(engine.store, lean).jobs, "whoever measures test images measures validation images too"
    assert len(queued(engine)) == 1


def test_one_without_test_images_does_not_do_for_one_with(engine: Engine, dense: Checkpoint) -> None:
    control.start(engine, sweep_of(dense, name="lean", test=False), dense)
    control.start(engine, sweep_of(dense), dense)
    assert queued(engine) == [GRID.schedules(), GRID.schedules()]


def test_extended_under_its_name(engine: Engine, dense: Checkpoint) -> None:
    store, spec = engine.store, sweep_of(dense)
    narrow = control.start(engine, spec, dense)
    wide = control.extend(engine, narrow, replace(spec, grid=WIDER), dense)
    assert [(each.name, each.id) for each in sweeps(store)] == [("small", wide.id)]
    assert queued(engine) == [GRID.schedules(), [each for each in WIDER.schedules() if each not in GRID.schedules()]]
    control.stop(engine, wide)
    until(lambda: state(engine, wide) is SweepState.STOPPED)
    assert queued(engine) == [], "the narrower one's job is stopped with it"
    assert len(store.list_jobs("sweep-part")) == 2
    (job,) = control.resume(engine, wide, dense)
    assert [each.id for each in store.list_jobs("sweep-part")] == [job.id], "and forgotten with its own"
    control.stop(engine, wide)
    until(lambda: state(engine, wide) is SweepState.STOPPED)
    for schedule in GRID.schedules():
        put_point(store, point_of(spec, schedule))
    deeper = control.extend(engine, wide, replace(spec, grid=WIDER, seeds=(0, 7)), dense)
    assert status(store, deeper).done == 8
    assert [len(each) for each in queued(engine)] == [4, 12]
    assert control.extend(engine, deeper, deeper.spec, dense) == deeper


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"grid": of_schedules([FIRST])}, "must contain all its 8 points, got 7 fewer"),
        ({"seeds": (1,)}, "got 8 fewer"),
        ({"method": "random"}, "got another method"),
        ({"test": False, "grid": WIDER}, "got another test"),
    ],
)
def test_an_extension_holds_all_there_was(dense: Checkpoint, changes, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        control.check_wider(sweep_of(dense), replace(sweep_of(dense), **changes))


def test_names_of_sweeps_are_unique(dense: Checkpoint, store: Store) -> None:
    sweep = control.keep(store, sweep_of(dense))
    assert control.keep(store, sweep_of(dense, name="same points")) == sweep
    with pytest.raises(StoreError, match="choose another name, extend that one, or delete it"):
        control.keep(store, sweep_of(dense, name="Small", seeds=(1,)))
    control.delete(store, sweep)
    other = control.keep(store, sweep_of(dense, name="Small", seeds=(1,)))
    back = control.restore(store, "small")
    assert (back.name, back.id) == ("small (2)", sweep.id)
    assert {each.id for each in sweeps(store)} == {other.id, sweep.id}
    with pytest.raises(StoreError, match="no deleted sweep is called 'small'"):
        control.restore(store, "small")


def test_renamed_it_keeps_its_points_and_its_age(dense: Checkpoint, store: Store) -> None:
    sweep = control.keep(store, sweep_of(dense))
    other = control.keep(store, sweep_of(dense, name="other", seeds=(1,)))
    put_point(store, point_of(sweep.spec, FIRST))
    renamed = control.rename(store, sweep, " Large\n one ")
    assert (renamed.name, renamed.id, renamed.created) == ("Large one", sweep.id, sweep.created)
    assert status(store, renamed).done == 1
    assert {each.name for each in sweeps(store)} == {"Large one", "other"}
    assert control.rename(store, renamed, "LARGE one").name == "LARGE one", "its own name is not taken"
    with pytest.raises(StoreError, match="the name 'Other' is taken by another sweep"):
        control.rename(store, renamed, "Other")
    with pytest.raises(SpecError, match=r"must have 1\.\.80"):
        control.rename(store, other, " ")
    with pytest.raises(StoreError, match="is an example and keeps its name"):
        control.rename(store, replace(other, recorded=True), "mine")


def test_of_two_deleted_sweeps_with_one_name_an_id_is_required(dense: Checkpoint, store: Store) -> None:
    found = []
    for seed in (1, 2):
        found.append(control.keep(store, sweep_of(dense, seeds=(seed,))))
        control.delete(store, found[-1])
    with pytest.raises(StoreError, match="2 deleted sweeps are called 'small'"):
        control.restore(store, "small")
    assert control.restore(store, found[0].id).id == found[0].id


def test_deleting_needs_a_stop_and_keeps_the_points(engine: Engine, dense: Checkpoint) -> None:
    sweep = control.start(engine, sweep_of(dense), dense)
    put_point(engine.store, point_of(sweep.spec, FIRST))
    with pytest.raises(StoreError, match="stop it first"):
        control.delete(engine.store, sweep)
    control.stop(engine, sweep)
    until(lambda: state(engine, sweep) is SweepState.STOPPED)
    control.delete(engine.store, sweep)
    assert sweeps(engine.store) == []
    assert len(engine.store.list_records("point")) == 1


def test_a_shipped_sweep_cannot_be_extended(dense: Checkpoint, store: Store, tmp_path) -> None:
    spec = sweep_of(dense, name="shipped")
    control.keep(store, spec)
    store.export_record(spec.id, tmp_path / "shipped")
    engine = Engine(Store(tmp_path / "home", shipped=tmp_path / "shipped"))
    sweep = find_sweep(engine.store, "shipped")
    assert sweep.recorded
    with pytest.raises(StoreError, match="under another name"):
        control.extend(engine, sweep, replace(spec, grid=WIDER), dense)
    engine.close()


def test_another_dense_network_is_refused(engine: Engine, dense: Checkpoint) -> None:
    before = sweeps(engine.store)
    with pytest.raises(SpecError, match="uses the dense network"):
        control.start(engine, replace(sweep_of(dense), dense_sha256="0" * 64), dense)
    assert sweeps(engine.store) == before, "what cannot be measured is not kept"


def test_with_fine_tuning_it_is_made_of_runs(engine: Engine, dense: Checkpoint) -> None:
    store, spec = engine.store, sweep_of(dense, preset="quick")
    put_run(store, spec.run_spec(FIRST, 0), tuned=80)
    sweep = control.start(engine, spec, dense)
    jobs = [job for job in store.list_jobs("run") if not job.status.is_ended]
    assert {job.key for job in jobs} == {spec.record_id(*point) for point in spec.points()[1:]}
    assert len(status(store, sweep).jobs) == 7
    control.stop(engine, sweep)
    until(lambda: state(engine, sweep) is SweepState.STOPPED)
    again = control.resume(engine, sweep, dense)
    assert {job.id for job in again} == {job.id for job in jobs}, "each goes on from its last epoch"
    assert state(engine, sweep) is SweepState.RUNNING
    control.stop(engine, sweep)


def test_a_record_of_a_part_does_not_imply_its_points(engine: Engine, dense: Checkpoint) -> None:
    store = engine.store
    sweep = control.start(engine, sweep_of(dense), dense)
    (job,) = store.list_jobs("sweep-part")
    control.stop(engine, sweep)
    until(lambda: state(engine, sweep) is SweepState.STOPPED)
    store.put_record(Record(kind="sweep-part", id=job.key, created="2026-01-01", spec=job.spec, result={}))
    control.resume(engine, sweep, dense)
    assert queued(engine) == [GRID.schedules()]


def test_on_a_cluster_subtrees_are_sent_out(dense: Checkpoint, store: Store) -> None:
    sweep = control.keep(store, sweep_of(dense, WIDER, seeds=(0, 1)))
    found = parts(sweep, missing(store, sweep.spec), store, remote=True)
    assert 8 <= len(found) <= 16
    assert sorted(each for part in found for each in part.ids) == sorted(
        sweep.spec.record_id(*point) for point in sweep.spec.points()
    )
    assert all(part.go_on and part.seconds > 0 for part in found)


@pytest.mark.slow
def test_a_worker_measures_stops_and_resumes(shared: Engine) -> None:
    """The real dense network and the real validation images, the cheapest method."""
    store, dense = shared.store, checkpoints.load("dense")
    spec: SweepSpec = sweep_of(dense, test=False, name="real")
    sweep = control.start(shared, spec, dense)
    (job,) = store.list_jobs("sweep-part")
    until(running(store, job))
    until(lambda: status(store, sweep).done >= 2)
    control.stop(shared, sweep)
    assert status(store, sweep).state in (SweepState.STOPPING, SweepState.STOPPED)
    if status(store, sweep).state is SweepState.STOPPING:
        with pytest.raises(JobError, match="still stopping"):
            control.resume(shared, sweep, dense)
    until(lambda: status(store, sweep).state is SweepState.STOPPED)
    before = {point.record: point for point in points_of(store, sweep)}
    assert 2 <= len(before) < 8
    (job,) = control.resume(shared, sweep, dense)
    ended = done(shared, job)
    assert ended.status is JobStatus.FINISHED, ended.error
    after = {point.record: point for point in points_of(store, sweep)}
    assert len(after) == 8
    assert all(after[record] == point for record, point in before.items()), "not one was measured again"
    assert status(store, sweep).state is SweepState.COMPLETE
