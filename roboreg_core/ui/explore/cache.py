"""Sweeps and points as the pages read them: kept between reruns, read again where the store changed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from roboreg_core import paths
from roboreg_core.correlation.accuracy_per_mac import AccuracyPerMac, per_mac
from roboreg_core.correlation.correlations import Correlation, correlate
from roboreg_core.prediction import forecast
from roboreg_core.prediction.forecast import Forecast, PredictionSettings, ScoredPrediction
from roboreg_core.search import spec as search_spec
from roboreg_core.search.best_schedules import SearchResult, greedy
from roboreg_core.search.limits import Limits
from roboreg_core.search.spec import KnownPoints
from roboreg_core.sweeps import control, sweep_store
from roboreg_core.sweeps.control import SweepStatus
from roboreg_core.sweeps.points import Point, frame
from roboreg_core.sweeps.spec import POINT, PruneSettings, SweepSpec
from roboreg_core.sweeps.sweep_store import Sweep, SweepProgress
from roboreg_core.sweeps.time_estimate import estimate_seconds
from roboreg_core.ui import shared_state


def sweeps() -> list[Sweep]:
    """The standing sweeps, newest first."""
    return _sweeps(*_place())


def points_of(sweep: Sweep) -> list[Point]:
    """The points of a sweep that are measured, in its order."""
    return _points_of(*_place(), sweep.id, sweep)


def progress_of(sweep: Sweep) -> SweepProgress:
    """How many of a sweep's points are measured."""
    return SweepProgress(done=len(points_of(sweep)), total=_total(sweep.id, sweep))


def status(sweep: Sweep) -> SweepStatus:
    """How far a sweep is and what is at it."""
    return _status(*_place(), sweep.id, sweep)


def estimate(spec: SweepSpec) -> tuple[int, float]:
    """How many points of a sweep nobody has measured, and how long they will take on this machine, in seconds."""
    return _estimate(*_place(), spec.id, spec)


def table_of(sweep: Sweep) -> pd.DataFrame:
    """A row a measured point of a sweep, see `analysis.points.frame`."""
    points = points_of(sweep)
    return _table(_digest(points), points)


def correlation_of(sweep: Sweep, variables: str, given: str) -> Correlation:
    """Correlations within a sweep. Raises as `analysis.correlation.correlate`."""
    return _correlation(_digest(points_of(sweep)), variables, given, table_of(sweep))


def per_mac_of(sweep: Sweep, by: str) -> AccuracyPerMac:
    """What MACs bought within a sweep. Raises as `analysis.per_mac.per_mac`."""
    return _per_mac(_digest(points_of(sweep)), by, table_of(sweep))


def forecast_of(asked: PredictionSettings) -> Forecast:
    """What is known under a setting."""
    return _forecast(*_place(), asked)


def scores_of(asked: PredictionSettings) -> list[ScoredPrediction]:
    """How right predictions have been under a setting, a row each."""
    points = forecast_of(asked).points
    return _scores(_digest(points), asked)


def setting_of(asked: PredictionSettings) -> PruneSettings:
    """What a search prunes under; seed 0."""
    names = ("method", "recalibrate", "calibration", "dense_sha256", "training_set")
    return PruneSettings(seed=0, **{name: getattr(asked, name) for name in names})


def searchable(asked: PredictionSettings) -> KnownPoints:
    """What a search begins with under a setting. Raises `SpecError` where sensitivity was not measured."""
    return _searchable(_digest(forecast_of(asked).points), len(shared_state.runs()), asked)


def greedy_of(asked: PredictionSettings, limits: Limits) -> SearchResult:
    """What the greedy search finds. Raises `SpecError` where nothing can keep the limits."""
    return _greedy(_digest(forecast_of(asked).points), len(shared_state.runs()), asked, limits)


def _digest(points: Sequence[Point]) -> str:
    """Names these points and what was measured at each: a point's record may get more figures later."""
    figures = (hash((each.validation, each.test, each.tuned_validation, each.latency)) for each in points)
    text = " ".join(f"{point.record} {each}" for point, each in zip(points, figures, strict=True))
    return hashlib.sha256(text.encode()).hexdigest()


def _place() -> tuple[str, str, int]:
    """What names the state of the store."""
    return str(paths.home()), str(paths.recorded()), shared_state.store().version()


@st.cache_resource(show_spinner=False, max_entries=4)
def _sweeps(home: str, recorded: str, version: int) -> list[Sweep]:
    del home, recorded, version  # only the key under which they are kept
    return sweep_store.sweeps(shared_state.store())


@st.cache_resource(show_spinner=False, max_entries=32)
def _points_of(home: str, recorded: str, version: int, sweep: str, _sweep: Sweep) -> list[Point]:
    del home, recorded, version, sweep  # only the key under which they are kept
    return sweep_store.points_of(shared_state.store(), _sweep)


@st.cache_resource(show_spinner=False, max_entries=64)
def _status(home: str, recorded: str, version: int, sweep: str, _sweep: Sweep) -> SweepStatus:
    del home, recorded, version, sweep  # only the key under which it is kept
    return control.status(shared_state.store(), _sweep)


@st.cache_resource(show_spinner=False, max_entries=64)
def _total(sweep: str, _sweep: Sweep) -> int:
    del sweep  # only the key under which it is kept
    return len(_sweep.spec.points())


@st.cache_resource(show_spinner=False, max_entries=32)
def _estimate(home: str, recorded: str, version: int, sweep: str, _spec: SweepSpec) -> tuple[int, float]:
    del home, recorded, version, sweep  # only the key under which it is kept
    left = sweep_store.missing(shared_state.store(), _spec)
    records = [*shared_state.store().list_records(POINT), *shared_state.runs()]
    return len(left), estimate_seconds(_spec, records, only=left)


@st.cache_resource(show_spinner=False, max_entries=16)
def _table(digest: str, _points: Sequence[Point]) -> pd.DataFrame:
    del digest  # only the key under which it is kept
    return frame(_points)


@st.cache_resource(show_spinner="Drawing samples for the intervals", max_entries=32)
def _correlation(digest: str, variables: str, given: str, _table: pd.DataFrame) -> Correlation:
    del digest  # only part of the key under which it is kept
    return correlate(_table, variables=variables, given=given)


@st.cache_resource(show_spinner=False, max_entries=32)
def _per_mac(digest: str, by: str, _table: pd.DataFrame) -> AccuracyPerMac:
    del digest  # only part of the key under which it is kept
    return per_mac(_table, by=by)


@st.cache_resource(show_spinner="Learning from measured schedules", max_entries=16)
def _forecast(home: str, recorded: str, version: int, asked: PredictionSettings) -> Forecast:
    del home, recorded, version  # only part of the key under which it is kept
    return forecast.forecast(shared_state.store(), asked)


@st.cache_resource(show_spinner="Scoring predictions", max_entries=16)
def _scores(digest: str, asked: PredictionSettings) -> list[ScoredPrediction]:
    del digest  # only part of the key under which they are kept
    return forecast.scores(shared_state.store(), asked)


@st.cache_resource(show_spinner=False, max_entries=8)
def _searchable(digest: str, runs: int, asked: PredictionSettings) -> KnownPoints:
    del digest, runs  # only part of the key under which it is kept
    return search_spec.known(shared_state.store(), setting_of(asked))


@st.cache_resource(show_spinner="Going through schedules", max_entries=32)
def _greedy(digest: str, runs: int, asked: PredictionSettings, limits: Limits) -> SearchResult:
    del digest, runs  # only part of the key under which it is kept
    found = searchable(asked)
    return greedy(limits, found.outlook, latency=found.latency.line if found.latency is not None else None)
