"""Cached sweeps, points and analyses, shared by all visitors; read again when the store has changed.

Streamlit keys the cached functions at the end by their parameters without a leading underscore.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from roboreg_core import paths
from roboreg_core.correlation.accuracy_per_mac import AccuracyPerMac, per_mac
from roboreg_core.correlation.correlations import Correlation, correlate
from roboreg_core.prediction import forecast
from roboreg_core.prediction.forecast import Forecast, PredictionSettings, ScoredPrediction
from roboreg_core.runs.spec import PruneSettings
from roboreg_core.search import spec as search_spec
from roboreg_core.search.best_schedules import SearchResult, greedy
from roboreg_core.search.limits import Limits
from roboreg_core.search.spec import KnownPoints
from roboreg_core.sweeps import control, sweep_store
from roboreg_core.sweeps.control import SweepStatus
from roboreg_core.sweeps.points import Point, frame
from roboreg_core.sweeps.spec import POINT, SweepSpec
from roboreg_core.sweeps.sweep_store import Sweep, SweepProgress
from roboreg_core.sweeps.time_estimate import estimate_seconds
from roboreg_core.ui import shared_state

_Key = tuple[object, ...]


def sweeps() -> list[Sweep]:
    """Sweeps that are not deleted, newest first."""
    return _cached("sweeps", _store_key(), lambda: sweep_store.sweeps(shared_state.store()))


def points_of(sweep: Sweep) -> list[Point]:
    """Measured points of a sweep, in the sweep's order."""
    return _cached("points", _store_key(sweep.id), lambda: sweep_store.points_of(shared_state.store(), sweep))


def progress_of(sweep: Sweep) -> SweepProgress:
    """Number of measured points (`done`) and of all points (`total`) of a sweep."""
    total = _cached("total", (sweep.id,), lambda: len(sweep.spec.points()))
    return SweepProgress(done=len(points_of(sweep)), total=total)


def status(sweep: Sweep) -> SweepStatus:
    """Progress of a sweep and the state of its jobs."""
    return _cached("status", _store_key(sweep.id), lambda: control.status(shared_state.store(), sweep))


def estimate(spec: SweepSpec) -> tuple[int, float]:
    """Number of points still to measure, and the seconds that this is estimated to take on this machine."""

    def compute() -> tuple[int, float]:
        left = sweep_store.missing(shared_state.store(), spec)
        records = [*shared_state.store().list_records(POINT), *shared_state.runs()]
        return len(left), estimate_seconds(spec, records, only=left)

    return _cached("estimate", _store_key(spec.id), compute)


def table_of(sweep: Sweep) -> pd.DataFrame:
    """Table of the measured points of a sweep, one row each; columns as in `sweeps.points.frame`."""
    points = points_of(sweep)
    return _cached("table", (_digest(points),), lambda: frame(points))


def correlation_of(sweep: Sweep, variables: str, control: str) -> Correlation:
    """Correlate the filters kept, the accuracies and the costs over a sweep's points.

    Args:
        sweep: the sweep.
        variables: `stages` or `blocks`: filters kept per stage or per block.
        control: cost to control for (partial correlation), `parameters` or `macs`; empty for none.

    Raises `SpecError`: too few schedules or variables.
    """
    return _correlation((_digest(points_of(sweep)), variables, control), variables, control, table_of(sweep))


def per_mac_of(sweep: Sweep, by: str) -> AccuracyPerMac:
    """Regress the accuracy in a sweep on the MACs of each stage or block; `by` is `stages` or `blocks`.

    Raises `SpecError`: too few schedules, or collinear MACs.
    """
    return _cached("per_mac", (_digest(points_of(sweep)), by), lambda: per_mac(table_of(sweep), by=by))


def forecast_of(settings: PredictionSettings) -> Forecast:
    """Sensitivity curves and accuracy predictor, fitted to the points measured with these settings."""
    return _forecast(_store_key(), settings)


def scores_of(settings: PredictionSettings) -> list[ScoredPrediction]:
    """Predictions of measured schedules, each by a predictor fitted without that schedule, beside the measurements."""
    return _scores(_digest(forecast_of(settings).points), settings)


def setting_of(settings: PredictionSettings) -> PruneSettings:
    """Convert prediction settings to the pruning settings of a search, with seed 0."""
    names = ("method", "recalibrate", "calibration", "dense_sha256", "training_set")
    return PruneSettings(seed=0, **{name: getattr(settings, name) for name in names})


def known_points(settings: PredictionSettings) -> KnownPoints:
    """Measured points from which a search starts. Raises `SpecError`: the sensitivity of a block is not measured."""
    key = (_digest(forecast_of(settings).points), len(shared_state.runs()), settings)
    return _cached("known", key, lambda: search_spec.known(shared_state.store(), setting_of(settings)))


def greedy_of(settings: PredictionSettings, limits: Limits) -> SearchResult:
    """Result of the greedy search within these limits. Raises `SpecError`: no schedule can meet them."""
    return _greedy((_digest(forecast_of(settings).points), len(shared_state.runs())), settings, limits)


def _digest(points: Sequence[Point]) -> str:
    """Digest of points and their measurements, which may be added to a record later."""
    figures = (hash((each.validation, each.test, each.tuned_validation, each.latency)) for each in points)
    text = " ".join(f"{point.record} {each}" for point, each in zip(points, figures, strict=True))
    return hashlib.sha256(text.encode()).hexdigest()


def _store_key(*more: str) -> _Key:
    """Key of the store's current content, and of `more`."""
    return (str(paths.home()), str(paths.recorded()), shared_state.store().version(), *more)


@st.cache_resource(show_spinner=False, max_entries=128)
def _cached(name: str, key: _Key, _compute: Callable[[], Any]) -> Any:
    """Result of `_compute`, kept under `name` and `key`."""
    del name, key
    return _compute()


@st.cache_resource(show_spinner="Computing bootstrap intervals", max_entries=32)
def _correlation(key: _Key, _variables: str, _control: str, _table: pd.DataFrame) -> Correlation:
    del key
    return correlate(_table, variables=_variables, control=_control)


@st.cache_resource(show_spinner="Fitting to measured schedules", max_entries=16)
def _forecast(key: _Key, settings: PredictionSettings) -> Forecast:
    del key
    return forecast.forecast(shared_state.store(), settings)


@st.cache_resource(show_spinner="Scoring predictions", max_entries=16)
def _scores(key: str, settings: PredictionSettings) -> list[ScoredPrediction]:
    del key
    return forecast.scores(shared_state.store(), settings)


@st.cache_resource(show_spinner="Searching", max_entries=32)
def _greedy(key: _Key, settings: PredictionSettings, limits: Limits) -> SearchResult:
    del key
    found = known_points(settings)
    return greedy(limits, found.surrogate, latency=found.latency.line if found.latency is not None else None)
