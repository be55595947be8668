"""The verbs `sensitivity` and `predict`, on synthetic points of the shipped dense network."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from roboreg_core import paths
from roboreg_core.architecture import RESNET20
from roboreg_core.cli.verbs import app
from roboreg_core.errors import SpecError
from roboreg_core.models import checkpoints
from roboreg_core.prediction.forecast import PredictionSettings
from roboreg_core.prediction.sensitivity import plan
from roboreg_core.schedules.schedule import dense_schedule
from roboreg_core.store.store import Store
from roboreg_core.sweeps.sweep_store import sweeps
from tests.prediction.synthetic_store import CALIBRATION, RANDOM, SETTINGS, put_points

SETTING = ("--images", "bundled", "--calibration", str(CALIBRATION))


@pytest.fixture(scope="module")
def settings() -> PredictionSettings:
    return replace(SETTINGS, dense_sha256=checkpoints.load("dense").sha256)


@pytest.fixture
def store(home: object) -> Store:
    return Store(paths.home(), shipped=paths.recorded())


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    app([*arguments, *SETTING, "--json"], standalone_mode=False)
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_predict_needs_points_then_answers_with_interval_and_score(
    store: Store, settings: PredictionSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SpecError, match="measure the schedule dense"):
        app(["predict", "moderate", *SETTING], standalone_mode=False)
    put_points(store, [*plan(3).schedules(), *RANDOM], settings)
    found = answer(capsys, "predict", "moderate", "--score")
    low, high = found["pruned"]["interval"]
    assert low < found["pruned"]["accuracy"] < high
    assert not found["pruned"]["extrapolates"]
    assert found["tuned"] is None
    assert found["score"]["points pruned"]["n"] == len(RANDOM)
    assert found["score"]["runs tuned"] is None
    far = answer(capsys, "predict", ",".join(["1"] * 9))["pruned"]
    assert (far["extrapolates"], far["reason"]) == (True, "no measured schedule is near it")
    app(["predict", "moderate", *SETTING], standalone_mode=False)
    said = capsys.readouterr().out
    assert f"pruned      {found['pruned']['accuracy']:.1%} ({low:.1%} to {high:.1%})\n" in said
    assert "runs fine-tuned with these settings, got 0" in said


@pytest.mark.slow
def test_sensitivity_measures_what_is_missing_and_prices_a_cluster(
    store: Store, settings: PredictionSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = dense_schedule().replace(9, 1)
    put_points(store, [each for each in plan(3).schedules() if each != missing], settings)
    found = answer(capsys, "sensitivity", "--values", "3", "--schedule", "aggressive")
    assert [len(curve["measured"]) for curve in found["curves"]] == [4] * 9
    measured = found["curves"][8]["measured"][0]
    assert measured["count"] == 1
    assert 0.1 < measured["accuracy"] < found["dense_accuracy"]
    assert sorted(row["block"] for row in found["exchange"]) == list(range(1, 10))
    assert all(row["count"] == 2 and row["macs_saved"] > 0 for row in found["exchange"])
    # Another one of that name may ship with the project.
    assert [each.name[:11] for each in sweeps(store) if not each.recorded] == ["sensitivity"]
    again = answer(capsys, "sensitivity", "--values", "3", "--schedule", "dense")
    assert again["curves"] == found["curves"]
    assert [row["count"] for row in sorted(again["exchange"], key=lambda row: row["block"])] == list(RESNET20.bounds)


def test_a_method_that_keeps_all_filters_is_refused() -> None:
    for verb in (["sensitivity"], ["predict", "moderate"]):
        with pytest.raises(SpecError, match="must drop filters, got weights"):
            app([*verb, "--method", "weights"], standalone_mode=False)
