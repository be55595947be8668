"""Pearson and Spearman correlations between settings and measurements, with 95 % intervals.

Pearson intervals use Fisher's z (Fisher 1921), Spearman intervals a bootstrap over schedules (Efron 1987). Partial
correlations control for one cost: they are correlations of the residuals of a regression on the cost, of values for
Pearson and of ranks for Spearman; both intervals use Fisher's z with one degree of freedom less (Fisher 1924).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from roboreg_core.correlation.variables import by_schedule, columns, main_accuracy, words
from roboreg_core.errors import SpecError
from roboreg_core.evaluation.wilson_interval import Z
from roboreg_core.seeding import numpy_generator

if TYPE_CHECKING:
    import pandas as pd

PEARSON, SPEARMAN = "pearson", "spearman"
KINDS = (PEARSON, SPEARMAN)
CONTROLS = ("parameters", "macs")
# Schedules needed: Fisher's z divides by the root of n - 3, or of n - 4 for partial correlations.
MIN_SCHEDULES = 4
# Residual variance of an exact line, relative to the total, from rounding.
_ROUNDING = 1e-10
RESAMPLES = 2_000
# Above this many schedules the bootstrap's BCa corrections, which fall as 1 / sqrt(n), are negligible.
_CORRECTED = 1_000
# Ranks computed at a time, 8 bytes each.
_BATCH = 500_000

Matrix = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One correlation with its 95 % interval, `low` to `high`, over `n` schedules."""

    value: float
    low: float
    high: float
    n: int

    @property
    def is_clear(self) -> bool:
        """True if the 95 % interval excludes zero, so that the correlation is significant."""
        return self.low > 0 or self.high < 0

    def to_json(self) -> dict[str, Any]:
        """JSON object: `value`, `low`, `high`, `n`, and `is_clear` as `clear`."""
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n, "clear": self.is_clear}


@dataclass(frozen=True, kw_only=True)
class Correlation:
    """Correlation matrices (Pearson and Spearman) of settings and measurements over schedules.

    Attributes:
        names: variables, settings first.
        cells: `cells[kind][one][other]`, kind `pearson` or `spearman`, is the correlation of two variables.
        control: cost controlled for, `parameters` or `macs`; empty for none.
        points, schedules: numbers of points and schedules; seeds are averaged.
        notes: omitted variables, with the reason.
    """

    names: tuple[str, ...]
    cells: dict[str, dict[str, dict[str, Cell]]]
    control: str = ""
    points: int
    schedules: int
    notes: tuple[str, ...] = ()

    @property
    def accuracy(self) -> str:
        """The accuracy in `names` that `variables.main_accuracy` prefers; empty if there is none."""
        return main_accuracy(self.names)

    def to_json(self) -> dict[str, Any]:
        """JSON object: `points`, `schedules`, `names`, `notes`, `control` as `given` (None for none), and two matrices.

        The matrices have the keys `pearson` and `spearman`, and are nested as `cells[kind]`.
        """
        kinds = {
            kind: {one: {other: cell.to_json() for other, cell in row.items()} for one, row in rows.items()}
            for kind, rows in self.cells.items()
        }
        facts = {"names": list(self.names), "given": self.control or None, "notes": list(self.notes)}
        return {"points": self.points, "schedules": self.schedules, **facts, **kinds}


def correlate(table: pd.DataFrame, *, variables: str = "", control: str = "") -> Correlation:
    """Correlate the variables of measured points.

    Variables that were not measured, do not vary or are determined by the controlled cost are omitted with a note.

    Args:
        table: points from `sweeps.points.frame`.
        variables: the filter counts to correlate, those of `stages` or `blocks`; empty for `kind_of(table)`.
        control: cost to control for: `parameters`, `macs`, or empty.

    Raises `SpecError`: too few schedules or variables.
    """
    if control and control not in CONTROLS:
        raise SpecError(f"the controlled cost must be {' or '.join(CONTROLS)}, or none, got {control!r}")
    points = columns(table, variables)
    data = by_schedule(points)
    least = MIN_SCHEDULES + bool(control)
    if len(data) < least:
        controlled = f" controlled for {words(control)}" if control else ""
        raise SpecError(f"a correlation{controlled} needs {least} different schedules, got {len(data)}; measure more")
    if control and not _varies(data[[control]].to_numpy(), None)[0]:
        raise SpecError(f"{words(control)} must vary to be controlled for, got the same in all points; choose none")
    names, notes = _usable(data, control, least)
    if len(names) < 2:
        left_out = "; ".join(notes)
        raise SpecError(f"a correlation needs two variables, got {len(names)} ({left_out}); measure other schedules")
    if len(points) > len(data):
        notes.append(f"{len(points)} points of {len(data)} schedules: seeds of a schedule are averaged")
    return Correlation(
        names=names,
        cells=_cells(data, names, control),
        control=control,
        points=len(points),
        schedules=len(data),
        notes=tuple(notes),
    )


def _usable(data: pd.DataFrame, control: str, least: int) -> tuple[tuple[str, ...], list[str]]:
    """Variables that have a correlation with all others, and notes on the omitted ones."""
    times = {str(name): int(count) for name, count in data.notna().sum().items()}
    absent = [name for name, count in times.items() if not count]
    names = [name for name, count in times.items() if count and name != control]
    notes = [f"not measured here, left out: {', '.join(absent)}"] if absent else []
    kept: list[str] = []
    # Most frequently measured first: of two that were never measured together, the rarer is omitted.
    for name in sorted(names, key=lambda name: (-times[name], names.index(name))):
        obstacles = (_obstacle(data, name, other, control, least) for other in (name, *kept))
        if obstacle := next(filter(None, obstacles), ""):
            notes.append(f"{name} {obstacle}, left out")
        else:
            kept.append(name)
    return tuple(name for name in names if name in kept), notes


def _obstacle(data: pd.DataFrame, name: str, other: str, control: str, least: int) -> str:
    """Reason why two variables (or one with itself) have no correlation, else empty."""
    both = data[[name, other]].notna().all(axis=1)
    where = "" if name == other else f" where {other} is known"
    if both.sum() < least:
        return f"was measured for {int(both.sum())} schedules only{where}, {least} are needed"
    values = data.loc[both, [name, other]].to_numpy()
    if not _varies(values, None).all():
        return f"does not vary{where}"
    if control and not _varies(values, data.loc[both, control].to_numpy()).all():
        return f"is determined by {words(control)}, which are controlled for{where}"
    return ""


def _varies(values: Matrix, control: Matrix | None) -> NDArray[np.bool_]:
    """Mask of the columns (n, v) that vary, also after regression on the control (n,)."""
    centred = values - values.mean(axis=0)
    varies: NDArray[np.bool_] = (centred**2).sum(axis=0) > (1e-12 * np.abs(values).max(axis=0)) ** 2
    if control is None:
        return varies
    for each, held in ((values, control), (_ranked(values), _ranked(control[:, None])[:, 0])):
        total = ((each - each.mean(axis=0)) ** 2).sum(axis=0)
        varies &= (_residuals(each, held) ** 2).sum(axis=0) > _ROUNDING * total
    return varies


def _cells(data: pd.DataFrame, names: tuple[str, ...], control: str) -> dict[str, dict[str, dict[str, Cell]]]:
    """Correlate each pair over the schedules with both measurements, computing pairs with equal schedules together."""
    values = data[[*names]].to_numpy()
    known = ~np.isnan(values)
    both = known.T[:, None] & known.T[None]  # one variable, the other, the schedule
    found: dict[str, dict[tuple[int, int], Cell]] = {kind: {} for kind in KINDS}
    for rows in np.unique(both.reshape(-1, len(data)), axis=0):
        there = np.flatnonzero(known[rows].all(axis=0))
        held = data.loc[rows, control].to_numpy() if control else None
        for kind, compute in {PEARSON: _pearson, SPEARMAN: _spearman}.items():
            computed = compute(values[np.ix_(rows, there)], held)
            for a, b in np.argwhere((both[np.ix_(there, there)] == rows).all(axis=2)):
                value, low, high = (float(each[a, b]) for each in computed)
                found[kind][there[a], there[b]] = Cell(value=value, low=low, high=high, n=int(rows.sum()))
    return {
        kind: {one: {other: cells[a, b] for b, other in enumerate(names)} for a, one in enumerate(names)}
        for kind, cells in found.items()
    }


def _pearson(values: Matrix, control: Matrix | None) -> tuple[Matrix, Matrix, Matrix]:
    return _fisher(values if control is None else _residuals(values, control), control is not None)


def _spearman(values: Matrix, control: Matrix | None) -> tuple[Matrix, Matrix, Matrix]:
    if control is None:
        return bootstrap(values)
    return _fisher(_residuals(_ranked(values), _ranked(control[:, None])[:, 0]), True)


def _fisher(values: Matrix, is_partial: bool) -> tuple[Matrix, Matrix, Matrix]:
    """Correlations of columns (n, v) with intervals by Fisher's z; at 1 or -1 the interval is the value."""
    value = pearson(values)
    half = Z / np.sqrt(len(values) - 3 - is_partial)
    with np.errstate(divide="ignore"):
        z = np.arctanh(value)
    return value, np.tanh(z - half), np.tanh(z + half)


def bootstrap(values: Matrix, *, seed: int = 0, resamples: int = RESAMPLES) -> tuple[Matrix, Matrix, Matrix]:
    """Spearman correlations of columns with 95 % bootstrap intervals over rows.

    Intervals are bias-corrected and accelerated (BCa, Efron 1987) up to 1,000 rows, else percentiles. They always
    contain the value, and equal it for a correlation of 1 or -1. They are -1 to 1 if most resamples have a constant
    column or the corrections are undefined.

    Returns:
        Correlations, lower and upper ends, (v, v) each, for `values` (n, v) with one row per schedule.
    """
    from scipy import stats

    n = len(values)
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        found = stats.bootstrap(
            (np.arange(n),),
            lambda rows, axis: _rank_correlation(values, rows),
            n_resamples=resamples,
            batch=max(1, _BATCH // values.size),
            method="BCa" if n <= _CORRECTED else "percentile",
            rng=numpy_generator(seed, "bootstrap"),
        )
        value = _rank_correlation(values, np.arange(n))
    low, high = np.asarray(found.confidence_interval)
    unknown = np.isnan(low + high) | ((found.bootstrap_distribution == 0).mean(axis=-1) > 0.5)
    low, high = np.where(unknown, -1, np.minimum(low, value)), np.where(unknown, 1, np.maximum(high, value))
    ordered = np.abs(value) == 1
    return value, np.where(ordered, value, low), np.where(ordered, value, high)


def _rank_correlation(values: Matrix, rows: NDArray[np.int64]) -> Matrix:
    """Spearman correlation (v, v, ...) of the columns of `values` (n, v) over `rows` (..., n); 0 for constants."""
    ranks = np.moveaxis(_ranked(values[rows], axis=-2), -1, -2) - (rows.shape[-1] + 1) / 2
    products = ranks @ np.swapaxes(ranks, -1, -2)
    lengths = np.sqrt(np.diagonal(products, axis1=-2, axis2=-1))
    found = np.clip(products / (lengths[..., :, None] * lengths[..., None, :]), -1, 1)
    # Exactly 1 for equal orders, despite rounding.
    found = np.where(1 - np.abs(found) < 1e-12, np.sign(found), np.nan_to_num(found))
    return np.moveaxis(found, (-2, -1), (0, 1))


def pearson(values: Matrix) -> Matrix:
    """Pearson correlation matrix (v, v) of the columns of `values` (n, v)."""
    centred = values - values.mean(axis=0)
    unit = centred / np.sqrt((centred**2).sum(axis=0))
    found = unit.T @ unit
    found = np.clip((found + found.T) / 2, -1, 1)
    # Exactly 1 for a straight line, despite rounding.
    return np.where(1 - np.abs(found) < 1e-12, np.sign(found), found)


def _ranked(values: Matrix, axis: int = 0) -> Matrix:
    from scipy import stats

    ranks: Matrix = stats.rankdata(values, axis=axis)
    return ranks


def _residuals(values: Matrix, control: Matrix) -> Matrix:
    """Residuals of a linear regression of each column (n, v) on the control (n,)."""
    centred, held = values - values.mean(axis=0), control - control.mean()
    left: Matrix = centred - np.outer(held, held @ centred / (held @ held or 1.0))
    return left
