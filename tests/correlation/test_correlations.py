"""Correlations: exact cases, agreement with scipy, and invariances."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from roboreg_core.architecture import RESNET20
from roboreg_core.correlation.correlations import KINDS, PEARSON, SPEARMAN, Correlation, bootstrap, correlate, pearson
from roboreg_core.correlation.variables import STAGE_NAMES, kind_of
from roboreg_core.errors import SpecError
from roboreg_core.schedules.schedule import Schedule, by_stage, presets
from roboreg_core.seeding import numpy_generator
from roboreg_core.sweeps.grid import Grid, source_grid
from roboreg_core.sweeps.points import Point, frame
from roboreg_core.wording.correlation_findings import LIMITS, finding, number, strongest_correlation
from tests.sweeps.noisy_points import points

RANDOM = Grid(kind="random", values=tuple((1, bound) for bound in RESNET20.bounds), n=40).schedules()


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return frame(points(tuned=True))


@pytest.fixture(scope="module")
def found(table: pd.DataFrame) -> Correlation:
    return correlate(table)


def matrix(found: Correlation, kind: str, field: str = "value") -> np.ndarray:
    return np.array([[getattr(found.cells[kind][one][other], field) for other in found.names] for one in found.names])


@pytest.mark.parametrize("accuracy", [lambda _: 0.5, lambda schedule: sum(schedule) / 400])
def test_with_parameters_the_source_grid_gives_the_source_projects_figures(
    accuracy: Callable[[Schedule], float],
) -> None:
    found = correlate(frame(points(accuracy=accuracy)))
    values = {kind: [found.cells[kind][name]["parameters"].value for name in STAGE_NAMES] for kind in KINDS}
    assert [f"{value:.6f}" for value in values[PEARSON]] == ["0.066326", "0.242432", "0.967899"]
    assert [f"{value:.6f}" for value in values[SPEARMAN]] == ["0.104828", "0.314485", "0.943456"]


def test_fishers_interval_is_that_of_scipy_and_the_values_too(table: pd.DataFrame, found: Correlation) -> None:
    for one in ("k", "parameters", "macs", "tuned test"):
        x, y = (_column(table, name) for name in (one, "pruned test"))
        cell = found.cells[PEARSON][one]["pruned test"]
        theirs = stats.pearsonr(x, y)
        assert cell.value == pytest.approx(theirs.statistic, abs=1e-12)
        assert (cell.low, cell.high) == pytest.approx(tuple(theirs.confidence_interval()), abs=1e-6)
        ranked = found.cells[SPEARMAN][one]["pruned test"]
        assert ranked.value == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-12)
        assert cell.n == ranked.n == 27


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("control", ["", "parameters", "macs"])
def test_matrices_are_symmetric_with_ones_and_every_interval_holds_its_value(
    table: pd.DataFrame, kind: str, control: str
) -> None:
    found = correlate(table, control=control)
    values, low, high = (matrix(found, kind, field) for field in ("value", "low", "high"))
    assert np.array_equal(values, values.T)
    assert (np.diag(values) == 1).all()
    assert np.isfinite([values, low, high]).all()
    assert ((low >= -1) & (low <= values) & (values <= high) & (high <= 1)).all()


def test_the_order_of_points_does_not_matter_and_the_bootstrap_is_seeded(
    table: pd.DataFrame, found: Correlation
) -> None:
    assert correlate(table.sample(frac=1, random_state=3).reset_index(drop=True)) == found
    values = np.column_stack([_column(table, name) for name in ("k", "pruned test")])
    first, again, other = (bootstrap(values, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert np.array_equal(first[0], other[0])
    assert not np.array_equal(first[1], other[1])


@given(
    seed=st.integers(0, 1000), scale=st.sampled_from([-7.0, 1e-6, 0.3, 1e6]), shift=st.sampled_from([0.0, 5.0, -100.0])
)
def test_lines_change_no_pearson_and_orders_no_spearman(seed: int, scale: float, shift: float) -> None:
    values = np.random.default_rng(seed).normal(size=(12, 3))
    line = np.sign(scale) * pearson(np.column_stack([scale * values[:, 0] + shift * scale, values[:, 1:]]))
    assert line[0, 1:] == pytest.approx(pearson(values)[0, 1:], abs=1e-9)
    bent = np.column_stack([np.exp(values[:, 0]), values[:, 1] ** 3, values[:, 2]])
    for ours, theirs in zip(bootstrap(bent, resamples=200), bootstrap(values, resamples=200), strict=True):
        assert np.array_equal(ours, theirs)


@given(
    st.integers(4, 9).flatmap(
        lambda n: st.lists(
            st.lists(st.sampled_from([0.0, 1.0, 2.0]), min_size=n, max_size=n).filter(
                lambda column: len({*column}) > 1
            ),
            min_size=2,
            max_size=3,
        )
    )
)
def test_few_rows_and_ties_have_an_interval_that_holds_the_value(columns: list[list[float]]) -> None:
    values = np.array(columns).T
    value, low, high = bootstrap(values, resamples=100)
    assert value == pytest.approx(np.corrcoef(stats.rankdata(values, axis=0).T), abs=1e-12)
    assert ((low >= -1) & (low <= value) & (value <= high) & (high <= 1)).all()
    ordered = np.abs(value) == 1
    assert (low[ordered] == high[ordered]).all()
    assert (low[~ordered] < high[~ordered]).all()


def test_without_a_correction_the_interval_is_all_there_is() -> None:
    # Four rows that any one of them could stand for: leaving one out gives the same correlation whichever it is.
    value, low, high = bootstrap(np.array([[1.0, 2], [2, 1], [3, 4], [4, 3]]))
    assert (value[0, 1], low[0, 1], high[0, 1]) == (pytest.approx(0.6), -1, 1)


def test_columns_that_most_resamples_hold_constant_say_nothing() -> None:
    _, low, high = bootstrap(np.eye(9)[:, :2])
    assert (low[0, 1], high[0, 1]) == (-1, 1)


def test_the_bootstrap_is_scipys_for_one_pair() -> None:
    values = np.random.default_rng(0).normal(size=(27, 2)).cumsum(axis=1)
    _, low, high = bootstrap(values, resamples=2_000)
    theirs = stats.bootstrap(
        (values[:, 0], values[:, 1]),
        lambda a, b: stats.spearmanr(a, b).statistic,
        paired=True,
        vectorized=False,
        n_resamples=2_000,
        rng=numpy_generator(0, "bootstrap"),
    ).confidence_interval
    assert (low[0, 1], high[0, 1]) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_above_a_thousand_rows_the_interval_is_still_found() -> None:
    x = np.random.default_rng(0).normal(size=1_200)
    value, low, high = bootstrap(np.column_stack([x, x + np.roll(x, 1)]), resamples=50)
    assert 0 < low[0, 1] < value[0, 1] < high[0, 1] < 1


def test_the_true_correlation_lies_in_about_95_of_100_intervals() -> None:
    generator, rho, trials = np.random.default_rng(0), 0.8, 200
    draws = generator.multivariate_normal([0, 0], [[1, rho], [rho, 1]], size=(trials, 27))
    true = 6 / math.pi * math.asin(rho / 2)  # Spearman's of two normals
    held = sum(low[0, 1] <= true <= high[0, 1] for _, low, high in (bootstrap(each, resamples=400) for each in draws))
    assert 0.90 * trials <= held <= 0.99 * trials


def test_partial_correlation_is_that_of_what_a_line_leaves(table: pd.DataFrame) -> None:
    found = correlate(table, control="parameters")
    assert "parameters" not in found.names
    r = {pair: stats.pearsonr(_column(table, pair[0]), _column(table, pair[1])).statistic for pair in _PAIRS}
    xy, xz, yz = (r[pair] for pair in _PAIRS)
    cell = found.cells[PEARSON]["k"]["pruned test"]
    assert cell.value == pytest.approx((xy - xz * yz) / math.sqrt((1 - xz**2) * (1 - yz**2)), abs=1e-9)
    half = 1.959964 / math.sqrt(27 - 4)
    assert (cell.low, cell.high) == pytest.approx(tuple(np.tanh(np.arctanh(cell.value) + np.array([-half, half]))))
    ranks = {pair: stats.spearmanr(_column(table, pair[0]), _column(table, pair[1])).statistic for pair in _PAIRS}
    xy, xz, yz = (ranks[pair] for pair in _PAIRS)
    ranked = found.cells[SPEARMAN]["k"]["pruned test"].value
    assert ranked == pytest.approx((xy - xz * yz) / math.sqrt((1 - xz**2) * (1 - yz**2)), abs=1e-9)


_PAIRS = (("k", "pruned test"), ("k", "parameters"), ("pruned test", "parameters"))


def test_what_follows_from_what_is_held_equal_is_said_not_computed() -> None:
    schedules = [presets()["dense"].replace(9, count) for count in range(4, 64, 6)]
    found = correlate(frame(points(schedules, noise=0.1)), control="macs")
    assert found.names == ("pruned validation", "pruned test")
    assert "block 9 is determined by MACs, which are controlled for, left out" in found.notes
    with pytest.raises(SpecError, match="must vary to be controlled for"):
        correlate(frame(points(_same_macs())), control="macs")
    with pytest.raises(SpecError, match=r"needs two variables, got 0 \(.*pruned test is determined by MACs"):
        correlate(frame(points(schedules, lambda schedule: schedule.counts[8] / 80, noise=0)), control="macs")


def _same_macs() -> list[Schedule]:
    # Blocks 2 and 3 cost the same a cluster.
    return [presets()["moderate"].replace(2, 8 - step).replace(3, 8 + step) for step in range(-3, 4)]


def test_a_line_and_an_order_have_no_interval_beside_their_value() -> None:
    schedules = [by_stage((4, 8, count)) for count in (8, 16, 24, 32, 40)]
    found = correlate(frame(points(schedules, lambda schedule: schedule.counts[8] / 50, noise=0)))
    for kind in KINDS:
        cell = found.cells[kind]["k"]["pruned test"]
        assert (cell.value, cell.low, cell.high, cell.is_clear) == (1, 1, 1, True)


def test_four_schedules_are_the_fewest() -> None:
    few = points()[:5]
    assert correlate(frame(few[:4])).schedules == 4
    assert correlate(frame(few), control="parameters").schedules == 5
    for held, wanted, n in (("", 4, 3), ("macs", 5, 4)):
        with pytest.raises(SpecError, match=f"needs {wanted} different schedules, got {n}; measure more"):
            correlate(frame(few[:n]), control=held)
    with pytest.raises(SpecError, match="got 0"):
        correlate(frame([]))
    same = [replace(few[0], seed=seed) for seed in range(9)]
    with pytest.raises(SpecError, match="got 1"):
        correlate(frame(same))


def test_what_was_not_measured_or_does_not_vary_is_left_out_with_a_note() -> None:
    found = correlate(frame(points([by_stage((4, j, k)) for j in (8, 16) for k in (16, 32)])))
    assert found.names[:2] == ("j", "k")
    assert found.notes == (
        "not measured here, left out: tuned validation, tuned test, latency",
        "i does not vary, left out",
    )


def test_figures_that_only_some_points_have_rest_on_these() -> None:
    made = points()
    timed = [replace(point, latency=0.1 + point.macs / 1e9) for point in made[:10]]
    found = correlate(frame([*timed, *made[10:]]))
    assert found.cells[PEARSON]["k"]["latency"].n == found.cells[SPEARMAN]["latency"]["macs"].n == 10
    assert found.cells[PEARSON]["k"]["pruned test"].n == 27
    assert found.cells[PEARSON]["latency"]["macs"].value == 1
    apart = [*(replace(point, test=None) for point in timed), *made[10:]]
    split = correlate(frame(apart))
    assert "latency" not in split.names
    assert "latency was measured for 0 schedules only where pruned test is known, 4 are needed, left out" in split.notes
    few = correlate(frame([*timed[:3], *made[3:]]))
    assert "latency was measured for 3 schedules only, 4 are needed, left out" in few.notes


def test_seeds_are_averaged_not_counted() -> None:
    once, again = points(noise=0.1), points(noise=0.1, seed=1)
    both = correlate(frame([*once, *again]))
    assert (both.points, both.schedules) == (54, 27)
    assert both.notes[-1] == "54 points of 27 schedules: seeds of a schedule are averaged"
    assert both.cells[PEARSON]["k"]["parameters"] == correlate(frame(once)).cells[PEARSON]["k"]["parameters"]
    mean = (_column(frame(once), "pruned test") + _column(frame(again), "pruned test")) / 2
    assert both.cells[PEARSON]["k"]["pruned test"].value == pytest.approx(
        stats.pearsonr(_column(frame(once), "k"), mean).statistic
    )


def test_blocks_where_schedules_have_no_stages() -> None:
    table = frame(points(RANDOM))
    assert kind_of(table) == "blocks"
    found = correlate(table)
    assert found.names[:9] == tuple(f"block {block}" for block in range(1, 10))
    assert correlate(frame(points()), variables="blocks").names[:9] == found.names[:9]
    with pytest.raises(SpecError, match="use the blocks"):
        correlate(table, variables="stages")


@pytest.mark.parametrize(
    ("how", "said"),
    [({"control": "size"}, "parameters or macs"), ({"variables": "rows"}, "stages or blocks, got 'rows'")],
)
def test_other_wishes_are_refused(table: pd.DataFrame, how: dict[str, str], said: str) -> None:
    with pytest.raises(SpecError, match=said):
        correlate(table, **how)


def test_json_has_no_nan_and_says_what_is_clear(found: Correlation) -> None:
    reported = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert reported["pearson"]["k"]["parameters"]["value"] == pytest.approx(0.967899, abs=5e-7)
    assert reported["pearson"]["i"]["j"]["clear"] is False
    assert reported["spearman"]["k"]["parameters"]["clear"] is True


def test_the_finding_names_the_leader_its_interval_and_its_limits(table: pd.DataFrame, found: Correlation) -> None:
    text = finding(found, correlate(table, control="parameters"))
    cell = found.cells[PEARSON]["k"]["tuned test"]
    assert text.startswith(
        "Stage 3's width correlates most with accuracy after fine-tuning (test images): "
        f"{cell.value:.2f} ({cell.low:.2f} to {cell.high:.2f}), followed by stage 2, "
    )
    assert "Controlling for parameters, " in text
    assert text.endswith(LIMITS)


def test_the_finding_claims_nothing_where_nothing_is_clear() -> None:
    flat = correlate(frame(points(accuracy=lambda _: 0.5)))
    assert strongest_correlation(flat).startswith("No width correlates significantly with accuracy after pruning")
    none = correlate(frame([replace(point, validation=None, test=None) for point in points()]))
    assert strongest_correlation(none) == "No accuracy varies in these 27 schedules"
    against = correlate(frame(points(accuracy=lambda schedule: 1 - schedule.counts[0] / 20)))
    assert "stage 1's width correlates most (negatively) with accuracy" in f"s{strongest_correlation(against)[1:]}"


def test_overlapping_leaders_are_called_so() -> None:
    even = correlate(frame(points(accuracy=lambda schedule: (schedule.counts[0] + schedule.counts[3] / 2) / 40)))
    assert "the intervals overlap" in strongest_correlation(even)
    apart = correlate(frame(points(accuracy=lambda schedule: schedule.counts[8] / 80)))
    assert "overlap" not in strongest_correlation(apart)


@pytest.mark.parametrize(("value", "text"), [(-0.001, "0.00"), (-0.126, "−0.13"), (1.0, "1.00")])
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text


def _column(table: pd.DataFrame, name: str) -> np.ndarray:
    if name in STAGE_NAMES:
        return table[f"block {3 * STAGE_NAMES.index(name) + 1}"].to_numpy(dtype=float)
    return table[name].to_numpy(dtype=float)


def test_made_points_are_the_source_grid() -> None:
    made: list[Point] = points()
    assert [point.schedule for point in made] == source_grid().schedules()
