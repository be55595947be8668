"""Predictions on Design and Inspect, from synthetic points with known accuracies."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from roboreg_core.architecture import RESNET20
from roboreg_core.models.checkpoints import Checkpoint
from roboreg_core.prediction.forecast import PredictionSettings, ScoredPrediction
from roboreg_core.prediction.sensitivity import plan
from roboreg_core.runs.spec import RunSpec, spec_for
from roboreg_core.schedules.schedule import Schedule, presets
from roboreg_core.store.records import Job, Record
from roboreg_core.store.store import Store
from roboreg_core.sweeps.grid import Grid
from roboreg_core.sweeps.spec import point_record
from roboreg_core.ui import predictor_cache
from roboreg_core.ui.design import predictions
from roboreg_core.ui.inspect import predicted_accuracy
from roboreg_core.wording import fmt
from tests.charts.records import make_record
from tests.sweeps.synthetic_points import made, true_accuracy
from tests.ui.test_pages import Open, Put, said, slider
from tests.ui.test_saved_pages import html

RANDOM = Grid(
    kind="random", values=tuple((max(1, bound // 4), bound) for bound in RESNET20.bounds), n=40, seed=1
).schedules()
Fill = Callable[..., None]


@pytest.fixture
def fill(store: Store, dense: Checkpoint) -> Fill:
    """`fill(schedules)` puts their points into the store, as if measured under the page's settings."""

    def filled(schedules: list[Schedule], like: RunSpec | None = None) -> None:
        spec = like or spec_for(presets()["moderate"], dense, "bundled")
        setting = {name: getattr(spec, name) for name in ("dense_sha256", "training_set", "calibration")}
        for schedule in schedules:
            kind, identity, spec_json, result = point_record(replace(made(schedule), **setting))
            created = "2026-01-02T03:04:05+00:00"
            store.put_record(Record(kind=kind, id=identity, created=created, spec=spec_json, result=result))

    return filled


def known(app: AppTest) -> AppTest:
    """The page once its predictors are fitted."""
    predictor_cache.shared().wait()
    app.run()
    assert not app.exception, app.exception[0].message
    return app


def predicted(app: AppTest) -> tuple[str, str]:
    metric = next(each for each in app.metric if each.label == predictions.TITLE)
    return metric.value.replace(fmt.NBSP, " "), metric.delta


def test_design_predicts_any_schedule(open_page: Open, fill: Fill) -> None:
    fill([*plan(4).schedules(), *RANDOM])
    app = known(open_page("design", s="moderate"))
    share, between = predicted(app)
    assert float(share.split()[0]) == pytest.approx(100 * true_accuracy(presets()["moderate"]), abs=2.0)
    low, high = map(float, re.findall(r"[\d.]+", between))
    assert low <= float(share.split()[0]) <= high
    slider(app, 9).set_value(12).run()
    assert predicted(app)[0] != share, "it follows the slider"
    slider(app.run(), 1).set_value(1).run()
    app.run()
    assert len(re.findall(r"src=.data:image/svg", html(app))) == 9
    rows = re.findall(r"<tr><td[^>]*>(\d)</td>.*?</tr>", html(app))
    assert sorted(rows) == [str(block) for block in range(1, 10)]
    assert rows[-1] == "1", "where none can go comes last"
    assert "Removing one filter costs least in block" in said(app)


def test_an_extrapolation_is_marked(open_page: Open, fill: Fill) -> None:
    fill([*plan(4).schedules(), *RANDOM])
    app = known(open_page("design", s="1,1,1,1,1,1,1,1,2"))
    metric = next(each for each in app.metric if each.label == predictions.TITLE)
    assert metric.proto.delta_description == "extrapolated"
    assert "The prediction is an extrapolation: no measured schedule is near it." in said(app)


def test_without_enough_points_the_tile_says_what_is_missing(open_page: Open, fill: Fill) -> None:
    app = known(open_page("design", s="moderate"))
    assert predicted(app) == ("…", "too few measurements")
    assert "data:image" not in html(app)
    fill(list(plan(3).schedules()))
    app.run()
    app = known(app)
    assert predicted(app) == ("…", "too few measurements")
    assert len(re.findall(r"src=.data:image/svg", html(app))) == 9, "curves need no schedules that cut several blocks"


def test_another_method_needs_its_own_measurements(open_page: Open, fill: Fill) -> None:
    fill([*plan(4).schedules(), *RANDOM])
    app = known(open_page("design", s="moderate", method="source"))
    assert predicted(app) == ("…", "too few measurements")


def test_the_cache_refits_where_the_store_has_changed(open_page: Open, fill: Fill, dense: Checkpoint) -> None:
    open_page("design")
    fill([*plan(4).schedules(), *RANDOM[:30]])
    settings, cache = (
        PredictionSettings.of(spec_for(presets()["moderate"], dense, "bundled", epochs=7)),
        predictor_cache.shared(),
    )
    assert cache.get(settings) is None, "it never waits"
    cache.wait()
    first = cache.get(settings)
    assert first is not None
    assert cache.get(settings) is first
    assert first.score is not None
    assert first.score.n == 30
    fill(RANDOM[30:])
    assert cache.get(settings) is first, "the previous fit is used until the new one is ready"
    cache.wait()
    again = cache.get(settings)
    assert again is not None
    assert again.score is not None
    assert again.score.n == 40
    version = cache._store.version()
    cache._store.add_job(Job(id="job", kind="other", key="key", function="f:g", spec={}))
    assert cache._store.version() > version
    assert cache.get(settings) is again
    cache.wait()
    assert cache.get(settings) is again, "other changes of the store change no prediction"


def test_a_failed_fit_is_shown(open_page: Open, dense: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(predictor_cache.forecasts, "forecast", broken)
    app = known(open_page("design"))
    metric = next(each for each in app.metric if each.label == predictions.TITLE)
    assert "The predictor could not be fitted\\: the disk is gone." in metric.proto.help


def test_inspect_shows_predicted_beside_measured(open_page: Open, put: Put, fill: Fill) -> None:
    record = make_record(presets()["moderate"], rights=(930, 800, 900))
    spec = RunSpec.from_json(record.spec)
    run = put(replace(record, id=spec.id))
    fill([*plan(4).schedules(), *RANDOM], spec)
    app = known(open_page("inspect", run=run.id))
    assert re.search(
        r"Predicted without this run's measurement\\: right after pruning [\d.]+ % \([\d.]+ to [\d.]+\), "
        r"measured 79.0 % on the test images",
        said(app),
    )


def test_predicted_against_measured_in_words() -> None:
    row = ScoredPrediction(
        schedule=presets()["moderate"], stage="tuned", images="validation", predicted=0.881, low=0.86, high=0.9,
        measured=0.884, record="a", run=True,
    )  # fmt: skip
    assert predicted_accuracy.text([row]).replace(fmt.NBSP, " ") == (
        "Predicted without this run's measurement: after fine-tuning 88.1 % (86.0 to 90.0), measured 88.4 % on the "
        "validation images."
    )
    assert predicted_accuracy.text([]) == ""
