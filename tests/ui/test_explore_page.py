"""The Explore page without a browser: sweeps defined and steered, correlations read, schedules found and opened."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from roboreg_core.models.checkpoints import Checkpoint
from roboreg_core.models.costs import cost
from roboreg_core.prediction.forecast import PredictionSettings
from roboreg_core.prediction.sensitivity import plan
from roboreg_core.pruning.methods import DEFAULT_CALIBRATION
from roboreg_core.runs.spec import KIND, RunSpec
from roboreg_core.schedules.schedule import Schedule, by_stage, dense_schedule, presets
from roboreg_core.search.candidates import Candidate
from roboreg_core.search.spec import SEARCH
from roboreg_core.store.records import JobStatus, Record
from roboreg_core.store.row_mapping import now
from roboreg_core.store.store import Store
from roboreg_core.sweeps import control, sweep_store
from roboreg_core.sweeps.grid import source_grid
from roboreg_core.sweeps.spec import POINT, SWEEP_PART, SweepSpec, point_record, sweep_for
from roboreg_core.sweeps.sweep_store import Sweep
from roboreg_core.ui.explore import schedule_card
from roboreg_core.ui.explore.tabs import TABS
from roboreg_core.wording import fmt
from tests.charts.records import make_record
from tests.prediction.synthetic_store import RANDOM, put_points
from tests.sweeps.synthetic_points import made, true_accuracy
from tests.ui import test_pages
from tests.ui.conftest import FakeEngine
from tests.ui.test_pages import button, click

Open = Callable[..., AppTest]
EVERYTHING = [f"1-{bound}" for bound in (16,) * 3 + (32,) * 3 + (64,) * 3]


def said(app: AppTest) -> str:
    """All text of a page, without the signs that keep Markdown from reading it."""
    return test_pages.said(app).replace("\\", "")


@pytest.fixture
def asked(dense: Checkpoint) -> PredictionSettings:
    """The setting that the tabs begin with."""
    return PredictionSettings(
        dense_sha256=dense.sha256,
        training_set="bundled",
        method="refit",
        recalibrate=False,
        calibration=DEFAULT_CALIBRATION,
    )


@pytest.fixture
def source(store: Store, dense: Checkpoint) -> Sweep:
    """The source project's grid, all of it measured."""
    sweep = control.keep(store, sweep_for("the grid", source_grid(), dense, "bundled"))
    put_measured(store, sweep)
    return sweep


def put_measured(store: Store, sweep: Sweep, schedules: list[Schedule] | None = None) -> None:
    for schedule in schedules or sweep.spec.grid.schedules():
        point = replace(made(schedule), **sweep.spec.setting(0).to_json())
        kind, identity, spec, result = point_record(replace(point, test=point.validation))
        store.put_record(Record(kind=kind, id=identity, created="2026-01-02T03:04:05+00:00", spec=spec, result=result))


def test_nothing_measured_yet_every_tab_says_what_to_do(open_page: Open) -> None:
    expected = {
        "Sweeps": "No sweep yet. Use the original project's grid (27) below",
        "Correlation": "No measured points yet. Start a sweep under Sweeps",
        "Sensitivity": "Sensitivity is not measured with this method yet",
        "Search": "A search needs the sensitivity of all blocks",
        "Prediction": "No predictions for this method yet",
    }
    assert set(expected) == set(TABS)
    for tab, text in expected.items():
        assert text in said(open_page("explore", **{"explore-tab": tab}))


def test_the_source_s_grid_is_ready_and_starts(open_page: Open, store: Store, engine: FakeEngine) -> None:
    app = open_page("explore")
    assert [metric.value for metric in app.metric] == ["27"]
    text = said(app)
    assert "25.8 % to 75.3 % of the dense network's MACs" in text
    assert "Takes about" in text
    click(app, "sweep-start")
    (sweep,) = sweep_store.sweeps(store)
    (job,) = store.list_jobs(SWEEP_PART)
    assert sweep.spec.grid == source_grid()
    assert len(job.spec["schedules"]) == 27
    app.run()
    assert button(app, f"stop-{sweep.id}")
    assert "is running: 0 of 27 points" in said(app)
    click(app, f"stop-{sweep.id}")
    assert engine.cancelled == [job.id]


@pytest.mark.parametrize(
    ("kind", "fields", "why"),
    [
        ("blocks", {f"sweep-block-{place}": text for place, text in enumerate(EVERYTHING, 1)}, "at most 5,000"),
        ("stages", {"sweep-stage-2": ""}, "must have a count, got none"),
        ("random", {"sweep-bounds-1": "9-4"}, "must be at most the highest"),
        ("stages", {"sweep-seeds": "0-500"}, "seeds"),
    ],
)
def test_what_cannot_be_measured_says_why(open_page: Open, store: Store, kind: str, fields: dict, why: str) -> None:  # type: ignore[type-arg]
    app = open_page("explore", **{"sweep-kind": kind})
    for key, text in fields.items():
        app.text_input(key=key).set_value(text)
    app.run()
    assert why in said(app)
    assert not any(each.key == "sweep-start" for each in app.button)
    assert store.list_jobs() == []


def test_the_address_restores_what_was_typed(open_page: Open) -> None:
    app = open_page("explore", **{"sweep-stage-1": "4-6", "sweep-method": "l1", "sweep-seeds": "0-2"})
    assert app.metric[0].value == "81"
    assert app.selectbox(key="sweep-method").value == "l1"


def test_a_sweep_is_renamed(open_page: Open, store: Store, source: Sweep) -> None:
    app = open_page("explore")
    app.text_input(key=f"name-{source.id}").set_value("for Monday")
    click(app, f"rename-{source.id}")
    assert [sweep.name for sweep in sweep_store.sweeps(store)] == ["for Monday"]
    assert "This sweep already exists, as “for Monday”" in said(app)
    app.text_input(key=f"name-{source.id}").set_value(" ")
    click(app, f"rename-{source.id}")
    assert "must have 1..80" in app.error[0].value
    assert [sweep.name for sweep in sweep_store.sweeps(store)] == ["for Monday"]


def test_a_sweep_is_deleted_and_brought_back(open_page: Open, store: Store, source: Sweep) -> None:
    app = open_page("explore")
    assert "This sweep already exists, as “the grid”" in said(app)
    click(app, f"delete-{source.id}")
    assert sweep_store.sweeps(store) == []
    click(app, "undo")
    assert [sweep.id for sweep in sweep_store.sweeps(store)] == [source.id]


def extended(open_page: Open, sweep: Sweep, first: str) -> AppTest:
    """The page after Extend was pressed and the first stage's counts were typed."""
    app = open_page("explore", **{"sweep-stage-1": "16", "sweep-method": "l1"})
    click(app, f"extend-{sweep.id}")
    assert app.text_input(key="sweep-stage-1").value == "4, 8, 12"
    assert app.selectbox(key="sweep-method").value == "refit"
    app.text_input(key="sweep-stage-1").set_value(first).run()
    return app


def test_an_extended_sweep_keeps_its_name_its_settings_and_what_is_measured(
    open_page: Open, store: Store, dense: Checkpoint, asked: PredictionSettings
) -> None:
    spec = sweep_for("the grid", source_grid(), dense, "bundled", calibration=500, test=False)
    sweep = control.keep(store, spec)
    put_points(store, source_grid().schedules(), replace(asked, calibration=500))
    app = extended(open_page, sweep, "4, 8, 12, 16")
    assert app.selectbox(key="sweep-method").disabled
    assert "Extends “the grid”" in said(app)
    assert "27 of the points are measured already" in said(app)
    assert app.button(key="sweep-start").label == "Extend the sweep"
    click(app, "sweep-start")
    (job,) = store.list_jobs(SWEEP_PART)
    assert len(job.spec["schedules"]) == 9
    (wide,) = sweep_store.sweeps(store)
    assert (wide.name, wide.spec.size, wide.spec.calibration, wide.spec.test) == ("the grid", 36, 500, False)
    assert "Extends" not in said(app)


def test_an_extended_sweep_may_lose_no_point(open_page: Open, store: Store, source: Sweep) -> None:
    app = extended(open_page, source, "4, 8")
    assert "all points of the sweep; missing points: 9" in said(app)
    assert button(app, "sweep-start") is None
    click(app, "sweep-extend-leave")
    assert not app.selectbox(key="sweep-method").disabled
    click(app, "sweep-start")
    assert sorted(sweep.spec.size for sweep in sweep_store.sweeps(store)) == [18, 27]


def test_a_stopped_sweep_resumes_with_what_is_missing(open_page: Open, store: Store, dense: Checkpoint) -> None:
    sweep = control.keep(store, sweep_for("half", source_grid(), dense, "bundled"))
    put_measured(store, sweep, source_grid().schedules()[:20])
    app = open_page("explore")
    assert "1 sweep with 20 measured points; nothing is running. 1 sweep can be resumed." in said(app)
    click(app, f"resume-{sweep.id}")
    (job,) = store.list_jobs(SWEEP_PART)
    assert len(job.spec["schedules"]) == 7


def test_correlation_says_its_finding_and_follows_a_cell_to_a_point(
    open_page: Open, source: Sweep, store: Store, put: Callable[..., Record]
) -> None:
    app = open_page("explore", **{"explore-tab": "Correlation"})
    text = said(app)
    assert "width correlates most with accuracy after pruning (test images)" in text
    assert "This is correlation within these runs" in text
    assert "gained per million MACs" in text
    app.selectbox(key="one").set_value("i").run()
    assert "Stage 1 (i) and accuracy after pruning (test images)" in said(app)
    schedule = source_grid().schedules()[0]
    record = source.spec.record_id(schedule, 0)
    app.selectbox(key="point").set_value(record).run()
    assert "on 2,000 test images" in said(app)
    assert not any(each.key == "card-inspect-point" for each in app.button)
    click(app, "card-run-point")
    (job,) = store.list_jobs(KIND)
    run = RunSpec.from_json(job.spec)
    assert (run.schedule, run.method, run.seed) == (schedule, "refit", 0)
    made_run = make_record(schedule)
    put(replace(made_run, id=run.id, spec=run.to_json()))
    app.run()
    assert button(app, "card-inspect-point")
    assert not button(app, "card-run-point")


def test_parameters_held_equal_stay_in_the_address(open_page: Open, source: Sweep) -> None:
    app = open_page("explore", **{"explore-tab": "Correlation", "given": "parameters", "sweep": source.id})
    assert "Pearson: controlling for parameters" in said(app)
    assert "partial correlation controlling for parameters (linear)" in said(app)


def test_sensitivity_sorts_what_a_cluster_costs(open_page: Open, store: Store, asked: PredictionSettings) -> None:
    put_points(store, plan().schedules(), asked)
    app = open_page("explore", **{"explore-tab": "Sensitivity", "at": "quarter"})
    text = said(app)
    assert "Keeping a quarter of a block's filters costs most in block 4" in text
    assert text.count("Removing one filter saves") == 9
    assert not any(each.key.startswith("measure-") for each in app.button if each.key)
    app.text_input(key="at").set_value("1,2,3").run()
    assert "A schedule must have 9 filter counts" in said(app)


def test_sensitivity_measures_what_it_lacks(open_page: Open, store: Store, asked: PredictionSettings) -> None:
    put_points(store, plan().schedules()[:40], asked)
    app = open_page("explore", **{"explore-tab": "Sensitivity"})
    click(app, "measure-sensitivity")
    (job,) = store.list_jobs(SWEEP_PART)
    assert len(job.spec["schedules"]) == plan().size - 40
    assert not job.spec["test"], "what chooses needs no test images"


def test_search_answers_at_once_and_opens_in_design(open_page: Open, store: Store, asked: PredictionSettings) -> None:
    put_points(store, [*plan().schedules(), *RANDOM], asked)
    app = open_page("explore", **{"explore-tab": "Search", "limit-macs": "40"})
    assert "With at most 16,220,416 MACs" in said(app)
    assert "Test images are not used" in said(app)
    assert store.list_jobs() == []
    assert button(app, "card-design-answer-1")
    click(app, "card-run-answer-1")
    (job,) = store.list_jobs(KIND)
    schedule = Schedule.from_json(job.spec["schedule"])
    assert cost(schedule).macs <= 16_220_416
    assert true_accuracy(schedule) > true_accuracy(by_stage((6, 12, 25)))


def test_a_limited_size_is_shown_per_answer(open_page: Open, store: Store, asked: PredictionSettings) -> None:
    put_points(store, [*plan().schedules(), *RANDOM], asked)
    text = said(open_page("explore", **{"explore-tab": "Search", "limit-on-size_bytes": "true"})).replace(fmt.NBSP, " ")
    sizes = [int(each) for each in re.findall(r"of the parameters, (\d+) kB\. Accuracy", text)]
    assert sizes
    assert max(sizes) * 1_000 <= cost(dense_schedule()).size_bytes / 2 + 500


def test_a_search_is_refined_as_a_job_and_its_answers_are_measured(
    open_page: Open, store: Store, asked: PredictionSettings, engine: FakeEngine
) -> None:
    put_points(store, [*plan().schedules(), *RANDOM], asked)
    app = open_page("explore", **{"explore-tab": "Search", "trials": "12"})
    assert "up to 12 promising schedules on 2,000 validation images" in said(app)
    click(app, "refine")
    (job,) = store.list_jobs(SEARCH)
    assert job.spec["trials"] == 12
    store.update_job(job.id, status=JobStatus.RUNNING)
    app.run()
    click(app, "refine-stop")
    assert engine.cancelled == [job.id]
    store.update_job(job.id, status=JobStatus.CANCELLED)
    app.run()
    click(app, "refine")
    assert engine.resumed == [job.id]
    # It ends: what it measured takes the place of what was predicted.
    best = made(by_stage((7, 14, 40)))
    dense = made(presets()["dense"])
    assert best.validation
    assert dense.validation
    answer = Candidate(schedule=best.schedule, dense=dense.validation, measured=best.validation)
    store.put_record(
        Record(kind=SEARCH, id=job.key, created=now(), spec=job.spec, result={"answers": [answer.to_json()]})
    )
    app.run()
    assert f"{100 * best.validation.accuracy:.1f} % measured" in said(app)
    assert not button(app, "refine")


def test_an_impossible_budget_is_refused_with_the_reason(
    open_page: Open, store: Store, asked: PredictionSettings
) -> None:
    put_points(store, plan().schedules(), asked)
    app = open_page("explore", **{"explore-tab": "Search", "limit-macs": "1"})
    assert "must be at least 1,936,000" in said(app)
    app.toggle(key="limit-on-macs").set_value(False).run()
    assert "A search needs a limit, got none" in said(app)


def test_prediction_shows_its_score(open_page: Open, store: Store, asked: PredictionSettings) -> None:
    put_points(store, [*plan().schedules(), *RANDOM], asked)
    app = open_page("explore", **{"explore-tab": "Prediction"})
    assert "Mean absolute error" in said(app)
    assert {metric.label for metric in app.metric} == {"Mean absolute error", "Interval coverage", "Scored predictions"}
    assert app.metric[2].value == str(len(RANDOM))


def test_points_of_another_setting_are_not_mixed_in(open_page: Open, store: Store, asked: PredictionSettings) -> None:
    put_points(store, plan().schedules(), replace(asked, calibration=17))
    app = open_page("explore", **{"explore-tab": "Sensitivity"})
    assert "Sensitivity is not measured with this method yet" in said(app)
    assert len(store.list_records(POINT)) == plan().size


def test_specs_are_those_of_the_command_line(open_page: Open, store: Store, dense: Checkpoint) -> None:
    app = open_page("explore", **{"sweep-tune": "quick", "sweep-stage-2": "8", "sweep-stage-3": "16"})
    click(app, "sweep-start")
    (sweep,) = sweep_store.sweeps(store)
    wanted = sweep_for(sweep.name, sweep.spec.grid, dense, "bundled", preset="quick")
    assert isinstance(wanted, SweepSpec)
    assert sweep.id == wanted.id
    assert len(store.list_jobs(KIND)) == 3


def test_a_card_opens_design_with_its_setting() -> None:
    point = replace(made(RANDOM[0]), method="merge", seed=3, recalibrate=True)
    query = schedule_card.design_query(point)
    assert query == {"s": str(RANDOM[0]), "method": "merge", "seed": "3", "recalibrate": "true"}
