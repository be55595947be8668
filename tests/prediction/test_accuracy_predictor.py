"""Accuracy predictor: error, interval coverage, leave-one-out predictions and extrapolation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from roboreg_core.architecture import RESNET20
from roboreg_core.errors import SpecError
from roboreg_core.prediction import accuracy_predictor
from roboreg_core.prediction.accuracy_predictor import LEVEL, MIN_POINTS, Predictor, fit
from roboreg_core.prediction.finetune_recovery import MIN_RUNS, fit_recovery
from roboreg_core.prediction.sensitivity import curves, plan
from roboreg_core.schedules.schedule import Schedule, dense_schedule, presets
from roboreg_core.sweeps.grid import Grid
from roboreg_core.sweeps.points import ClassCounts, Point
from tests.sweeps.synthetic_points import made, made_all, true_accuracy

BETWEEN = tuple((1, bound) for bound in RESNET20.bounds)


def random_schedules(n: int, seed: int) -> list[Schedule]:
    return Grid(kind="random", values=BETWEEN, n=n, seed=seed).schedules()


def noisy(schedules: list[Schedule], seed: int) -> list[Point]:
    """Points with the binomial noise of 2,000 images."""
    generator = np.random.default_rng(seed)
    return [made(each, share=generator.binomial(2_000, true_accuracy(each)) / 2_000) for each in schedules]


SENSITIVITY = made_all(plan().schedules())
CURVES = curves(SENSITIVITY)
MEASURED = noisy(random_schedules(120, 1), 1)
NEW = random_schedules(200, 2)


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return fit([*SENSITIVITY, *MEASURED], CURVES)


def test_new_schedules_are_predicted_within_two_points_and_the_interval_holds(predictor: Predictor) -> None:
    found = predictor.predict(NEW)
    measured = np.array([point.validation.accuracy for point in noisy(NEW, 2) if point.validation])
    assert np.abs(found.mean - measured).mean() < 0.02
    held = ((found.low <= measured) & (measured <= found.high)).mean()
    assert LEVEL - 0.07 <= held <= LEVEL + 0.08


def test_the_interval_holds_the_mean_and_small_networks_are_surer_guessed_wide(predictor: Predictor) -> None:
    found = predictor.predict([*NEW, dense_schedule(), presets()["minimal"], presets()["quarter"]])
    assert ((found.low <= found.mean) & (found.mean <= found.high)).all()
    width = found.high - found.low
    assert width[-3] < width[-2] * 1.5 < width[-1]


def test_the_dense_network_is_known(predictor: Predictor) -> None:
    found = predictor.predict([dense_schedule()])
    assert found.mean[0] == pytest.approx(CURVES.dense.accuracy, abs=0.005)
    assert not found.extrapolates[0]


def test_a_left_out_prediction_ignores_its_own_measurement() -> None:
    falsified = [replace(MEASURED[0], validation=made(dense_schedule(), share=0.15).validation), *MEASURED[1:]]
    honest, misled = fit([*SENSITIVITY, *MEASURED], CURVES), fit([*SENSITIVITY, *falsified], CURVES)
    schedule = MEASURED[0].schedule
    assert misled.predict_left_out([schedule]).mean[0] == pytest.approx(
        honest.predict_left_out([schedule]).mean[0], abs=0.05
    )
    assert misled.predict([schedule]).mean[0] < honest.predict([schedule]).mean[0] - 0.01


def test_one_left_out_equals_a_fit_without_it(predictor: Predictor) -> None:
    differences = []
    for place in range(0, 120, 20):
        without = fit([*SENSITIVITY, *MEASURED[:place], *MEASURED[place + 1 :]], CURVES)
        schedule = MEASURED[place].schedule
        differences.append(predictor.predict_left_out([schedule]).mean[0] - without.predict([schedule]).mean[0])
    # But for what one point changes of the kernel's sizes.
    assert np.abs(differences).mean() < 0.01
    assert predictor.predict_left_out([NEW[0]]).mean[0] == predictor.predict([NEW[0]]).mean[0]


def test_many_at_once_are_predicted_as_each_alone(predictor: Predictor) -> None:
    many = random_schedules(3_000, 5)
    found = predictor.predict(many)
    assert len(found) == len(many)
    one = predictor.predict([many[7]])
    assert (one.mean[0], one.low[0], one.high[0]) == pytest.approx((found.mean[7], found.low[7], found.high[7]))
    assert len(predictor.predict([])) == 0


def test_what_lies_far_from_all_that_was_measured_says_so(predictor: Predictor) -> None:
    found = predictor.predict([Schedule((1,) * 9), *(point.schedule for point in MEASURED)])
    assert found.reasons[0] == "no measured schedule is near it"
    assert not found.extrapolates[1:].any()


def test_a_block_that_was_not_measured_so_far_down_is_named() -> None:
    some = [point for point in SENSITIVITY if point.schedule.counts[3] >= 4 and point.schedule.counts[6] >= 6]
    few = fit([*some, *MEASURED], curves(some))
    found = few.predict(
        [dense_schedule().replace(4, 3), dense_schedule().replace(4, 3).replace(7, 1), dense_schedule().replace(4, 5)]
    )
    assert found.reasons == (
        "block 4 was not measured with so few filters",
        "blocks 4, 7 were not measured with so few filters",
        "",
    )


def test_too_few_points_and_mixed_settings_are_refused() -> None:
    with pytest.raises(SpecError, match=f"needs {MIN_POINTS} measured schedules that prune several blocks, got 0"):
        fit(SENSITIVITY, CURVES)
    with pytest.raises(SpecError, match="the sensitivity of every block, got none of 1, 2"):
        fit(MEASURED, curves(SENSITIVITY[-1:]))
    with pytest.raises(SpecError, match="agree in method"):
        fit([*SENSITIVITY, *MEASURED, replace(MEASURED[0], method="source")], CURVES)


def test_order_and_repeated_points_change_nothing(predictor: Predictor) -> None:
    again = fit([*MEASURED[::-1], *SENSITIVITY, *MEASURED[:5]], CURVES)
    assert again.predict(NEW[:9]).mean == pytest.approx(predictor.predict(NEW[:9]).mean)


def test_of_very_many_schedules_some_are_learnt_from_and_all_are_predicted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accuracy_predictor, "MAX_FITTED", 40)
    schedules = random_schedules(90, seed=6)
    points = noisy(schedules, seed=6)
    found = fit(points, CURVES)
    assert len(found.schedules) == len(set(found.schedules)) == len(found.measured) == 40
    assert set(found.schedules) <= set(schedules)
    errors = [abs(found.predict_left_out([each]).mean[0] - true_accuracy(each)) for each in schedules]
    assert sum(errors) / len(errors) < 0.03


def half_recovered(points: list[Point]) -> list[Point]:
    """Fine-tuning halves the loss in logits."""
    dense = CURVES.dense.accuracy
    odds = [np.sqrt(dense / (1 - dense) * each / (1 - each)) for each in (true_accuracy(p.schedule) for p in points)]
    return [replace(point, tuned_validation=each / (1 + each)) for point, each in zip(points, odds, strict=True)]


def test_tuned_accuracy_is_learnt_from_few_runs_and_refused_from_fewer(predictor: Predictor) -> None:
    tuned = half_recovered(MEASURED[:12])
    fitted = fit([*SENSITIVITY, *MEASURED[12:], *tuned], CURVES)
    after, before = fitted.predict_tuned(NEW), fitted.predict(NEW)
    assert after is not None
    expected = np.array([point.tuned_validation for point in half_recovered(made_all(NEW))])
    assert np.abs(after.mean - expected).mean() < 0.02
    assert (after.mean >= before.mean - 1e-9).all()
    assert ((after.low <= after.mean) & (after.mean <= after.high)).all()
    assert len(fitted.tuned_runs) == 12
    few = fit([*SENSITIVITY, *MEASURED[MIN_RUNS:], *half_recovered(MEASURED[: MIN_RUNS - 1])], CURVES)
    assert (few.predict_tuned(NEW), len(few.tuned_runs)) == (None, MIN_RUNS - 1)
    assert predictor.predict_tuned(NEW) is None


def test_a_left_out_prediction_after_tuning_ignores_its_own_run() -> None:
    tuned = half_recovered(MEASURED[:12])
    falsified = [replace(tuned[0], tuned_validation=0.12), *tuned[1:]]
    honest, misled = (fit([*SENSITIVITY, *MEASURED[12:], *each], CURVES) for each in (tuned, falsified))
    pair = [each.predict_tuned_left_out([tuned[0].schedule])[0] for each in (honest, misled)]
    assert pair[0] is not None
    assert pair[1] is not None
    assert pair[0].mean[0] == pair[1].mean[0]
    new = [each.predict_tuned_left_out([NEW[0]])[0] for each in (honest, misled)]
    assert new[0] is not None
    assert new[1] is not None
    assert new[0].mean[0] != new[1].mean[0]


def test_the_tuned_interval_holds_also_with_few_runs() -> None:
    dense, generator = CURVES.dense, np.random.default_rng(0)
    held = []
    for _ in range(200):
        pruned = generator.uniform(0.4, 0.92, 6)
        lost = np.log(dense.accuracy / (1 - dense.accuracy)) - np.log(pruned / (1 - pruned))
        left = lost * generator.normal(0.7, 0.1, 6)
        share = 1 / (1 + np.exp(left - np.log(dense.accuracy / (1 - dense.accuracy))))
        tuned = generator.binomial(2_000, share) / 2_000
        fitted = fit_recovery(pruned[:5], tuned[:5], dense)
        assert fitted is not None
        _, low, high = fitted.predict(pruned[5:])
        held.append(low[0] <= tuned[5] <= high[0])
    assert np.mean(held) >= LEVEL - 0.03


def test_a_dense_network_that_is_always_right_breaks_nothing() -> None:
    perfect = ClassCounts(right=(20,) * 10, images=(20,) * 10)
    fitted = fit_recovery(np.linspace(0.5, 0.9, 6), np.linspace(0.7, 0.95, 6), perfect)
    assert fitted is not None
    mean, low, high = fitted.predict(np.array([0.0, 0.6, 1.0]))
    assert np.isfinite([mean, low, high]).all()
    assert ((low <= mean) & (mean <= high)).all()
