"""Latency model: exact for linear latencies, never decreasing with more MACs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from roboreg_core.architecture import RESNET20
from roboreg_core.models.linear_costs import linear_cost
from roboreg_core.prediction import latency_model
from roboreg_core.prediction.latency_model import FEWEST_BY_STAGE, fit_latency_model
from roboreg_core.schedules.schedule import Schedule, presets
from tests.search.helpers import point_of


def drawn(n: int) -> list[Schedule]:
    rows = np.random.default_rng(0).integers(1, RESNET20.bounds, size=(n, 9), endpoint=True)
    return [Schedule(tuple(row)) for row in rows.tolist()]


def truth(schedule: Schedule) -> float:
    """0.02 s, and stage 1's MACs cost three times those of the others."""
    rates = np.array([3.0] * 3 + [1.0] * 6) * linear_cost("macs").each * 1e-9
    return 0.02 + float(np.array(schedule.counts) @ rates)


def test_a_line_is_found_again() -> None:
    points = [replace(point_of(each), latency=truth(each)) for each in drawn(FEWEST_BY_STAGE + 4)]
    found = fit_latency_model(points)
    assert found is not None
    assert found.n == len(points)
    assert found.error is not None
    assert found.error < 1e-6
    schedules = drawn(40)[20:]
    values = found.line(np.array([each.counts for each in schedules]))
    assert values == pytest.approx([truth(each) for each in schedules])


def test_few_schedules_give_one_rate_and_several_timings_of_one_count_by_their_median() -> None:
    dense, quarter = (point_of(presets()[name]) for name in ("dense", "quarter"))
    points = [replace(dense, latency=seconds) for seconds in (0.10, 0.11, 0.90)] + [replace(quarter, latency=0.05)]
    found = fit_latency_model(points)
    assert found is not None
    assert (found.n, found.error) == (2, None)
    assert found.line(np.array([RESNET20.bounds]))[0] == pytest.approx(0.11)


def test_more_work_never_takes_less_time() -> None:
    noise = np.random.default_rng(1)
    points = [replace(point_of(each), latency=float(noise.uniform(0.05, 0.1))) for each in drawn(12)]
    found = fit_latency_model(points)
    assert found is not None
    assert (found.line.each >= 0).all()
    assert found.line.base >= 0
    assert found.error is not None
    assert found.error > 0.01


def test_a_limited_number_of_schedules_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    fits: list[int] = []
    fit = latency_model._fit
    monkeypatch.setattr(
        latency_model,
        "_fit",
        lambda counts, seconds, architecture: (fits.append(len(counts)), fit(counts, seconds, architecture))[1],
    )
    monkeypatch.setattr(latency_model, "MOST_LEFT_OUT", 5)
    points = [replace(point_of(each), latency=truth(each)) for each in drawn(20)]
    found = fit_latency_model(points)
    assert found is not None
    assert found.error == pytest.approx(0, abs=1e-6)
    assert fits == [20, *[19] * 5]


def test_nothing_timed_says_nothing() -> None:
    assert fit_latency_model([point_of(presets()["dense"])]) is None
    assert fit_latency_model([]) is None
