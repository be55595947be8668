"""Sensitivity curves: exact at measured counts, NaN outside the measured range."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roboreg_core.architecture import RESNET20
from roboreg_core.errors import SpecError
from roboreg_core.models.costs import cost
from roboreg_core.prediction.sensitivity import SensitivityCurves, curves, plan, removal_costs
from roboreg_core.schedules.schedule import Schedule, dense_schedule, presets
from tests.sweeps.synthetic_points import made, made_all, seen

POINTS = made_all(plan().schedules())
CURVES = curves(POINTS)

schedules = st.tuples(*(st.integers(1, bound) for bound in RESNET20.bounds)).map(Schedule)


def only_block_4(shares: dict[int, float], dense: float = 0.9) -> SensitivityCurves:
    cut = [made(dense_schedule().replace(4, count), share=share) for count, share in shares.items()]
    return curves(cut, seen(dense))


@given(st.integers(2, 15))
def test_the_plan_cuts_one_block_at_a_time_to_so_many_counts(values: int) -> None:
    grid = plan(values).schedules()
    assert len(grid) == 9 * values + 1
    for block, bound in enumerate(RESNET20.bounds):
        cut = [each.counts[block] for each in grid if each.counts[block] < bound]
        assert len(set(cut)) == values
        assert min(cut) == 1
    assert all(sum(count < bound for count, bound in zip(each, RESNET20.bounds, strict=True)) <= 1 for each in grid)


def test_the_plan_is_dense_where_the_curves_bend() -> None:
    counts = [each.counts[8] for each in plan().schedules() if each.counts[8] < 64]
    assert sorted(counts) == [1, 2, 3, 6, 10, 18, 32, 56]


@pytest.mark.parametrize("values", [0, 1, 16])
def test_a_plan_that_no_block_can_hold_is_refused(values: int) -> None:
    with pytest.raises(SpecError, match=r"2\.\.15"):
        plan(values)


def test_curves_are_exact_where_measured_and_cost_nothing_dense() -> None:
    for point in POINTS:
        for curve in CURVES:
            count = point.schedule.counts[curve.block - 1]
            if point.schedule == dense_schedule().replace(curve.block, count):
                assert point.validation is not None
                assert curve.accuracy(count) == point.validation.accuracy
    assert [curve.loss(curve.bound) for curve in CURVES] == [0.0] * 9
    assert [curve.loss_interval(curve.bound) for curve in CURVES] == [(0.0, 0.0)] * 9


def test_between_measured_values_a_curve_stays_between_them() -> None:
    for curve in CURVES:
        for low, high in zip(curve.counts, curve.counts[1:], strict=False):
            ends = sorted((curve.accuracy(low), curve.accuracy(high)))
            assert all(ends[0] <= curve.accuracy(count) <= ends[1] for count in range(low, high + 1))


def test_nothing_is_said_where_nothing_was_measured() -> None:
    found = only_block_4({8: 0.7, 16: 0.8})
    assert found.unmeasured == (1, 2, 3, 5, 6, 7, 8, 9)
    assert math.isnan(found[4].accuracy(7))
    assert all(map(math.isnan, (*found[4].interval(7), found[4].loss(7), found[1].accuracy(15))))
    assert not found[4].covers(7)
    assert found[4].covers(8)
    with pytest.raises(SpecError, match=r"1\.\.32, got 33"):
        found[4].accuracy(33)
    rows = {row.block: row for row in removal_costs(found, Schedule((1, 16, 16, 8, 32, 32, 64, 64, 64)))}
    assert not rows[4].known
    assert not rows[2].known


def test_intervals_hold_the_figure_and_narrow_with_more_images() -> None:
    for curve in CURVES:
        for count in range(1, curve.bound + 1):
            low, high = curve.interval(count)
            assert low <= curve.accuracy(count) <= high
            below, above = curve.loss_interval(count)
            assert below <= curve.loss(count) <= above
    # Two shares of 2,000 images near 93 %: about 1.96 * sqrt(2 * 0.93 * 0.07 / 2000).
    below, above = CURVES[1].loss_interval(14)
    assert above - below == pytest.approx(2 * 0.0158, rel=0.05)


def test_seeds_of_a_count_are_pooled() -> None:
    several = [
        made(dense_schedule().replace(4, 8), share=share, seed=seed) for seed, share in enumerate((0.6, 0.7, 0.8))
    ]
    assert curves(several, seen(0.9))[4].accuracy(8) == pytest.approx(0.7)


def test_points_of_two_settings_or_without_a_dense_network_are_refused() -> None:
    first, second = made(dense_schedule()), replace(made(dense_schedule().replace(1, 3)), method="source")
    with pytest.raises(SpecError, match="agree in method, got refit, source"):
        curves([first, second])
    with pytest.raises(SpecError, match="measure the schedule dense"):
        curves([made(dense_schedule().replace(1, 3))])


def test_points_that_cut_several_blocks_or_saw_no_validation_images_change_nothing() -> None:
    more = [made(presets()["moderate"], share=0.2), replace(made(dense_schedule().replace(1, 1)), validation=None)]
    assert curves([*POINTS, *more]) == CURVES


def test_noise_pays_no_block_for_losing_a_cluster() -> None:
    bent = only_block_4({2: 0.5, 4: 0.5, 8: 0.8, 12: 0.79, 16: 0.92})
    smoothed = bent[4].smoothed
    assert math.isnan(smoothed[0])
    assert (smoothed[2:] >= smoothed[1:-1]).all()
    assert smoothed[-1] == 0.9
    assert bent[4].accuracy(12) == 0.79
    for count in (3, 9, 12, 16, 32):
        row = next(each for each in removal_costs(bent, dense_schedule().replace(4, count)) if each.block == 4)
        assert row.loss >= 0


def test_without_noise_the_rising_curve_is_the_measured_one() -> None:
    for curve in CURVES:
        assert [curve.smoothed[count - 1] for count in curve.counts] == pytest.approx(
            [curve.accuracy(count) for count in curve.counts], abs=0.02
        )


@given(schedules)
def test_an_exchange_saves_what_the_costs_say_and_comes_sorted(schedule: Schedule) -> None:
    rows = removal_costs(CURVES, schedule)
    assert sorted(row.block for row in rows) == list(range(1, 10))
    for row in rows:
        count = schedule.counts[row.block - 1]
        assert row.count == count
        assert row.is_minimal == (count == 1)
        if not row.is_minimal:
            fewer = cost(schedule.replace(row.block, count - 1))
            assert row.macs == cost(schedule).macs - fewer.macs > 0
            assert row.parameters == cost(schedule).parameters - fewer.parameters > 0
            assert row.loss >= 0
    standing = [row.loss_per_million_macs for row in rows if not row.is_minimal]
    assert standing == sorted(standing)
    assert all(row.is_minimal for row in rows[len(standing) :])
