"""How what was set and what was measured move together: Pearson's and Spearman's correlation with 95 % intervals.

Pearson's interval is Fisher's z (Fisher 1921), Spearman's a bootstrap over schedules (Efron 1987). Partial correlation
holds one cost equal: it is that of what a straight line against the cost leaves, of values for Pearson and of ranks for
Spearman, with Fisher's z and one degree of freedom less (Fisher 1924) for both.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from roboreg_core.correlation.variables import by_schedule, columns, spoken_of
from roboreg_core.errors import SpecError
from roboreg_core.evaluation.wilson_interval import Z
from roboreg_core.seeding import numpy_generator

if TYPE_CHECKING:
    import pandas as pd

PEARSON, SPEARMAN = "pearson", "spearman"
KINDS = (PEARSON, SPEARMAN)
CONTROLS = ("parameters", "macs")
# Fisher's z divides by the root of n - 3, less one for what is held equal.
LEAST = 4
# What a straight line leaves of a variable's variance where it is one, but for rounding.
_ROUNDING = 1e-10
RESAMPLES = 2_000
# Schedules up to which the bootstrap's interval is corrected for bias and acceleration, which fall as 1 / sqrt(n).
_CORRECTED = 1_000
# Ranks computed at a time, 8 bytes each.
_BATCH = 500_000

Matrix = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One correlation: its value, the ends of its 95 % interval, and the schedules that it rests on."""

    value: float
    low: float
    high: float
    n: int

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0

    def to_json(self) -> dict[str, Any]:
        """Its numbers and whether it is clear."""
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n, "clear": self.is_clear}


@dataclass(frozen=True, kw_only=True)
class Correlation:
    """Every two variables, both ways.

    Attributes:
        names: of the variables, what was set first.
        cells: by kind (`pearson`, `spearman`), one variable and the other.
        given: the cost that is held equal, empty for none.
        points, schedules: how many were looked at; seeds of a schedule are averaged.
        notes: what was left out, and why.
    """

    names: tuple[str, ...]
    cells: dict[str, dict[str, dict[str, Cell]]]
    given: str = ""
    points: int
    schedules: int
    notes: tuple[str, ...] = ()

    @property
    def accuracy(self) -> str:
        """The accuracy to speak of; empty where none was measured."""
        return spoken_of(self.names)

    def to_json(self) -> dict[str, Any]:
        """A JSON object: facts, and each kind's cells by the names of two variables."""
        kinds = {
            kind: {one: {other: cell.to_json() for other, cell in row.items()} for one, row in rows.items()}
            for kind, rows in self.cells.items()
        }
        facts = {"names": list(self.names), "given": self.given or None, "notes": list(self.notes)}
        return {"points": self.points, "schedules": self.schedules, **facts, **kinds}


def correlate(table: pd.DataFrame, *, variables: str = "", given: str = "") -> Correlation:
    """Correlations of the points in `table` (`analysis.points.frame`).

    `variables` is `stages` or `blocks`, or empty for stages where the schedules have them; `given` is `parameters` or
    `macs`, held equal, or empty. What was not measured, does not vary or follows from what
    is held equal is left out with a note. Raises `SpecError` where too few schedules were measured.
    """
    if given and given not in CONTROLS:
        raise SpecError(f"what is held equal must be {' or '.join(CONTROLS)}, or nothing, got {given!r}")
    points = columns(table, variables)
    data = by_schedule(points)
    least = LEAST + bool(given)
    if len(data) < least:
        held = f" with {_WORDS[given]} held equal" if given else ""
        raise SpecError(f"a correlation{held} needs {least} different schedules, got {len(data)}; measure more")
    if given and not _left(data[[given]].to_numpy(), None)[0]:
        raise SpecError(f"{_WORDS[given]} must differ to be held equal, got the same in all points; hold nothing equal")
    names, notes = _usable(data, given, least)
    if len(names) < 2:
        left_out = "; ".join(notes)
        raise SpecError(f"a correlation needs two variables, got {len(names)} ({left_out}); measure other schedules")
    if len(points) > len(data):
        notes.append(f"{len(points)} points of {len(data)} schedules: seeds of a schedule are averaged")
    return Correlation(
        names=names,
        cells=_cells(data, names, given),
        given=given,
        points=len(points),
        schedules=len(data),
        notes=tuple(notes),
    )


_WORDS = {"parameters": "parameters", "macs": "MACs"}


def _usable(data: pd.DataFrame, given: str, least: int) -> tuple[tuple[str, ...], list[str]]:
    """The variables of which every two can be compared, and why the others cannot."""
    times = {str(name): int(count) for name, count in data.notna().sum().items()}
    absent = [name for name, count in times.items() if not count]
    names = [name for name, count in times.items() if count and name != given]
    notes = [f"not measured here, left out: {', '.join(absent)}"] if absent else []
    kept: list[str] = []
    # Those measured most often come first: of two that never meet, the rarer one goes.
    for name in sorted(names, key=lambda name: (-times[name], names.index(name))):
        why = next((why for other in (name, *kept) if (why := _why_not(data, name, other, given, least))), "")
        if why:
            notes.append(f"{name} {why}, left out")
        else:
            kept.append(name)
    return tuple(name for name in names if name in kept), notes


def _why_not(data: pd.DataFrame, name: str, other: str, given: str, least: int) -> str:
    """Why two variables (or one, with itself) have no correlation; empty where they have one."""
    both = data[[name, other]].notna().all(axis=1)
    where = "" if name == other else f" where {other} is known"
    if both.sum() < least:
        return f"was measured for {int(both.sum())} schedules only{where}, {least} are needed"
    values = data.loc[both, [name, other]].to_numpy()
    if not _left(values, None).all():
        return f"does not vary{where}"
    if given and not _left(values, data.loc[both, given].to_numpy()).all():
        return f"follows from {_WORDS[given]}, which are held equal{where}"
    return ""


def _left(values: Matrix, control: Matrix | None) -> NDArray[np.bool_]:
    """Whether anything of each column (n, v) is left beside a constant, and a straight line of the control (n,)."""
    centred = values - values.mean(axis=0)
    varies: NDArray[np.bool_] = (centred**2).sum(axis=0) > (1e-12 * np.abs(values).max(axis=0)) ** 2
    if control is None:
        return varies
    for each, held in ((values, control), (_ranked(values), _ranked(control[:, None])[:, 0])):
        total = ((each - each.mean(axis=0)) ** 2).sum(axis=0)
        varies &= (_residuals(each, held) ** 2).sum(axis=0) > _ROUNDING * total
    return varies


def _cells(data: pd.DataFrame, names: tuple[str, ...], given: str) -> dict[str, dict[str, dict[str, Cell]]]:
    """Each pair over the schedules that both were measured for; pairs with the same schedules are computed together."""
    values = data[[*names]].to_numpy()
    known = ~np.isnan(values)
    both = known.T[:, None] & known.T[None]  # one variable, the other, the schedule
    found: dict[str, dict[tuple[int, int], Cell]] = {kind: {} for kind in KINDS}
    for rows in np.unique(both.reshape(-1, len(data)), axis=0):
        there = np.flatnonzero(known[rows].all(axis=0))
        held = data.loc[rows, given].to_numpy() if given else None
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
    """Correlations of columns (n, v) and their intervals by Fisher's z; at 1 or -1 the interval is the value."""
    value = pearson(values)
    half = Z / np.sqrt(len(values) - 3 - is_partial)
    with np.errstate(divide="ignore"):
        z = np.arctanh(value)
    return value, np.tanh(z - half), np.tanh(z + half)


def bootstrap(values: Matrix, *, seed: int = 0, resamples: int = RESAMPLES) -> tuple[Matrix, Matrix, Matrix]:
    """Spearman's correlations of columns and their 95 % bootstrap intervals over rows.

    Args:
        values: (n, v), a row for each schedule.
        seed: of the resamples.
        resamples: how many.

    Returns:
        Correlations, lower and upper ends, (v, v) each. Bias-corrected and accelerated (BCa, Efron 1987) up to 1,000
        rows, else percentiles; an interval always contains its value. The interval of a correlation of 1 or -1 is that
        value. It is -1 to 1 where most resamples hold a constant column or the corrections do not exist.
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
    """Spearman's correlation of the columns of `values` (n, v) over `rows` (..., n): (v, v, ...), 0 for constants."""
    ranks = np.moveaxis(_ranked(values[rows], axis=-2), -1, -2) - (rows.shape[-1] + 1) / 2
    products = ranks @ np.swapaxes(ranks, -1, -2)
    lengths = np.sqrt(np.diagonal(products, axis1=-2, axis2=-1))
    found = np.clip(products / (lengths[..., :, None] * lengths[..., None, :]), -1, 1)
    # Equal orders are 1, not 1 less rounding.
    found = np.where(1 - np.abs(found) < 1e-12, np.sign(found), np.nan_to_num(found))
    return np.moveaxis(found, (-2, -1), (0, 1))


def pearson(values: Matrix) -> Matrix:
    """Pearson's correlation of the columns of `values` (n, v): (v, v), symmetric, ones on the diagonal."""
    centred = values - values.mean(axis=0)
    unit = centred / np.sqrt((centred**2).sum(axis=0))
    found = unit.T @ unit
    found = np.clip((found + found.T) / 2, -1, 1)
    # A straight line is 1, not 1 less rounding.
    return np.where(1 - np.abs(found) < 1e-12, np.sign(found), found)


def _ranked(values: Matrix, axis: int = 0) -> Matrix:
    from scipy import stats

    ranks: Matrix = stats.rankdata(values, axis=axis)
    return ranks


def _residuals(values: Matrix, control: Matrix) -> Matrix:
    """What a straight line of the control (n,) leaves of each column (n, v); a constant control explains nothing."""
    centred, held = values - values.mean(axis=0), control - control.mean()
    left: Matrix = centred - np.outer(held, held @ centred / (held @ held or 1.0))
    return left
