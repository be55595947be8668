"""Cached sweeps, points and analyses, shared by all visitors; read again when the store has changed.

The cached functions at the end are keyed by `key` and parameters without a leading underscore; Streamlit does not hash
the others.
"""

import hashlib
from collections.abc import Sequence

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

_Key = tuple[str | int, ...]


def sweeps() -> list[Sweep]:
    """Sweeps that are not deleted, newest first."""
    return _sweeps(_store_key())


def points_of(sweep: Sweep) -> list[Point]:
    """Measured points of a sweep, in its order."""
    return _points_of(_store_key(sweep.id), sweep)


def progress_of(sweep: Sweep) -> SweepProgress:
    """Number of measured points of a sweep, and of all."""
    return SweepProgress(done=len(points_of(sweep)), total=_total(sweep.id, sweep))


def status(sweep: Sweep) -> SweepStatus:
    """Progress and job state of a sweep."""
    return _status(_store_key(sweep.id), sweep)


def estimate(spec: SweepSpec) -> tuple[int, float]:
    """Number of points still to measure, and the estimated time on this machine in seconds."""
    return _estimate(_store_key(spec.id), spec)


def table_of(sweep: Sweep) -> pd.DataFrame:
    """One row per measured point of a sweep, see `sweeps.points.frame`."""
    points = points_of(sweep)
    return _table(_digest(points), points)


def correlation_of(sweep: Sweep, variables: str, given: str) -> Correlation:
    """Correlations within a sweep. Raises as `correlations.correlate`."""
    return _correlation((_digest(points_of(sweep)), variables, given), variables, given, table_of(sweep))


def per_mac_of(sweep: Sweep, by: str) -> AccuracyPerMac:
    """Accuracy per million MACs within a sweep. Raises as `accuracy_per_mac.per_mac`."""
    return _per_mac((_digest(points_of(sweep)), by), by, table_of(sweep))


def forecast_of(settings: PredictionSettings) -> Forecast:
    """Sensitivity curves and predictor under these settings."""
    return _forecast(_store_key(), settings)


def scores_of(settings: PredictionSettings) -> list[ScoredPrediction]:
    """Predictions under these settings beside their measurements."""
    return _scores(_digest(forecast_of(settings).points), settings)


def setting_of(settings: PredictionSettings) -> PruneSettings:
    """Pruning settings of a search; seed 0."""
    names = ("method", "recalibrate", "calibration", "dense_sha256", "training_set")
    return PruneSettings(seed=0, **{name: getattr(settings, name) for name in names})


def searchable(settings: PredictionSettings) -> KnownPoints:
    """Start of a search under these settings. Raises `SpecError` if sensitivity was not measured."""
    return _searchable((_digest(forecast_of(settings).points), len(shared_state.runs())), settings)


def greedy_of(settings: PredictionSettings, limits: Limits) -> SearchResult:
    """Result of the greedy search. Raises `SpecError` if no schedule can meet the limits."""
    return _greedy((_digest(forecast_of(settings).points), len(shared_state.runs())), settings, limits)


def _digest(points: Sequence[Point]) -> str:
    """Digest of points and their measurements, which may be added to a record later."""
    figures = (hash((each.validation, each.test, each.tuned_validation, each.latency)) for each in points)
    text = " ".join(f"{point.record} {each}" for point, each in zip(points, figures, strict=True))
    return hashlib.sha256(text.encode()).hexdigest()


def _store_key(*more: str) -> _Key:
    """Key of the store's current content, and of `more`."""
    return (str(paths.home()), str(paths.recorded()), shared_state.store().version(), *more)


@st.cache_resource(show_spinner=False, max_entries=4)
def _sweeps(key: _Key) -> list[Sweep]:
    del key
    return sweep_store.sweeps(shared_state.store())


@st.cache_resource(show_spinner=False, max_entries=32)
def _points_of(key: _Key, _sweep: Sweep) -> list[Point]:
    del key
    return sweep_store.points_of(shared_state.store(), _sweep)


@st.cache_resource(show_spinner=False, max_entries=64)
def _status(key: _Key, _sweep: Sweep) -> SweepStatus:
    del key
    return control.status(shared_state.store(), _sweep)


@st.cache_resource(show_spinner=False, max_entries=64)
def _total(key: str, _sweep: Sweep) -> int:
    del key
    return len(_sweep.spec.points())


@st.cache_resource(show_spinner=False, max_entries=32)
def _estimate(key: _Key, _spec: SweepSpec) -> tuple[int, float]:
    del key
    left = sweep_store.missing(shared_state.store(), _spec)
    records = [*shared_state.store().list_records(POINT), *shared_state.runs()]
    return len(left), estimate_seconds(_spec, records, only=left)


@st.cache_resource(show_spinner=False, max_entries=16)
def _table(key: str, _points: Sequence[Point]) -> pd.DataFrame:
    del key
    return frame(_points)


@st.cache_resource(show_spinner="Computing bootstrap intervals", max_entries=32)
def _correlation(key: _Key, _variables: str, _given: str, _table: pd.DataFrame) -> Correlation:
    del key
    return correlate(_table, variables=_variables, given=_given)


@st.cache_resource(show_spinner=False, max_entries=32)
def _per_mac(key: _Key, _by: str, _table: pd.DataFrame) -> AccuracyPerMac:
    del key
    return per_mac(_table, by=_by)


@st.cache_resource(show_spinner="Fitting to measured schedules", max_entries=16)
def _forecast(key: _Key, settings: PredictionSettings) -> Forecast:
    del key
    return forecast.forecast(shared_state.store(), settings)


@st.cache_resource(show_spinner="Scoring predictions", max_entries=16)
def _scores(key: str, settings: PredictionSettings) -> list[ScoredPrediction]:
    del key
    return forecast.scores(shared_state.store(), settings)


@st.cache_resource(show_spinner=False, max_entries=8)
def _searchable(key: _Key, settings: PredictionSettings) -> KnownPoints:
    del key
    return search_spec.known(shared_state.store(), setting_of(settings))


@st.cache_resource(show_spinner="Searching", max_entries=32)
def _greedy(key: _Key, settings: PredictionSettings, limits: Limits) -> SearchResult:
    del key
    found = searchable(settings)
    return greedy(limits, found.surrogate, latency=found.latency.line if found.latency is not None else None)
