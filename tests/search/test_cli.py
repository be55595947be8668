"""The verb `search`: predicted, measured with --refine, and refused limits."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from typer.testing import CliRunner

from roboreg_core.cli.verbs import app
from roboreg_core.errors import SpecError
from roboreg_core.models import checkpoints
from roboreg_core.models.costs import cost
from roboreg_core.runs.spec import PruneSettings
from roboreg_core.schedules.schedule import Schedule, dense_schedule
from roboreg_core.store.store import Store
from tests.search.helpers import points_of_curves
from tests.sweeps.helpers import put_point

pytestmark = pytest.mark.usefixtures("small_sets")
SMALL = ["--method", "l1", "--calibration", "20", "--images", "bundled", "--device", "cpu"]


@pytest.fixture
def known(store: Store) -> Store:
    setting = PruneSettings(
        method="l1",
        recalibrate=False,
        calibration=20,
        seed=0,
        dense_sha256=checkpoints.load("dense").sha256,
        training_set="bundled",
    )
    for point in points_of_curves():
        put_point(store, replace(point, **setting.to_json()))
    return store


def run(*arguments: str) -> tuple[str, str]:
    done = CliRunner().invoke(app, ["search", *arguments, *SMALL])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.stdout, done.stderr


def facts(*arguments: str) -> dict[str, Any]:
    return json.loads(run(*arguments, "--json")[0])


def test_it_answers_from_sensitivity(known: Store) -> None:
    found = facts("--max-macs", "0.5", "--max-drop", "0.05")
    assert found["limits"] == {"macs": 0.5, "drop": 0.05}
    assert found["limits_kept"]
    assert found["measured"] == 0
    for each in found["answers"]:
        assert each["macs"] == cost(Schedule.from_json(each["schedule"])).macs <= 0.5 * cost(dense_schedule()).macs
        assert each["drop"] <= 0.05
    assert found["front"]
    assert len(found["uniform"]) == 64
    text = run("--max-macs", "0.5")[0]
    assert "at most 20,275,520 MACs; predicted from sensitivity, not measured" in text
    assert "pp on 2,000 validation images" in text


def test_a_limited_latency_is_printed_per_schedule(known: Store) -> None:
    lines = run("--max-latency", "60")[0].splitlines()[1:-1]
    shown = [float(re.findall(r"([\d.]+) ms per batch of 256 \(estimated\)", line)[0]) for line in lines]
    assert shown
    assert max(shown) <= 60
    assert "estimated" not in run("--max-macs", "0.5")[0]


def test_it_measures_when_asked(known: Store) -> None:
    found = facts("--max-macs", "0.1", "--refine", "3")
    assert found["measured"] == 3
    assert all(each["measured"] is not None and each["timed"] > 0 for each in found["answers"])
    assert facts("--max-macs", "0.1", "--refine", "3")["record"] == found["record"]


def test_it_refuses_with_the_reason(known: Store) -> None:
    for arguments, reason in {
        ("--max-macs", "0.01"): "limit macs must be at least 1,936,000",
        (): "a search needs a limit",
        ("--max-macs", "0.1", "--max-drop", "0.001"): "no schedule is predicted to meet these limits",
        ("--max-latency", "30"): "limit latency",
    }.items():
        with pytest.raises(SpecError, match=reason):
            run(*arguments)
