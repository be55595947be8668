"""Accuracy predictors fitted in the background and shared by all visitors, so that no page waits for a fit.

Importing scikit-learn takes a second, a fit a tenth of one, a prediction less than a millisecond. When the store has
changed, the previous fit is used until the new one is ready.
"""

import gc
import threading
from dataclasses import dataclass

import streamlit as st

from roboreg_core import paths
from roboreg_core.prediction import forecast as forecasts
from roboreg_core.prediction.forecast import PRUNED, Forecast, PredictionScore, PredictionSettings, ScoredPrediction
from roboreg_core.store.store import Store
from roboreg_core.ui import shared_state

POLL_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True, eq=False)
class ScoredForecast:
    """A forecast and its predictions scored against measurements.

    Attributes:
        forecast: sensitivity curves and predictor, or what is missing.
        scored: predictions beside measurements.
        score: summary of those right after pruning; None if there are none.
    """

    forecast: Forecast
    scored: tuple[ScoredPrediction, ...] = ()
    score: PredictionScore | None = None


class PredictorCache:
    """One fit per prediction settings, refitted in a thread when the store has changed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._fits: dict[PredictionSettings, tuple[int, ScoredForecast]] = {}
        self._threads: dict[PredictionSettings, threading.Thread] = {}

    def get(self, settings: PredictionSettings) -> ScoredForecast | None:
        """The latest fit for these settings, None before the first; never waits, an outdated one is refitted."""
        version = self._store.version()
        with self._lock:
            cached = self._fits.get(settings)
            if (cached is None or cached[0] != version) and settings not in self._threads:
                thread = threading.Thread(target=self._refit, args=(settings, version), daemon=True)
                self._threads[settings] = thread
                thread.start()
        return cached[1] if cached else None

    def wait(self) -> None:
        """Wait until all fits that were started have ended."""
        for thread in list(self._threads.values()):
            thread.join()

    def _refit(self, settings: PredictionSettings, version: int) -> None:
        shared_state.backend().loaded.wait()  # torch and the engine first: more depends on them
        first, before = not self._fits, self._fits.get(settings)
        try:
            result = fit(self._store, settings, before[1] if before else None)
        except Exception as error:  # shown on the page: nothing catches what a thread raises
            result = ScoredForecast(forecast=Forecast(points=(), missing=f"the predictor could not be fitted: {error}"))
        if first:  # exempts scikit-learn, which stays loaded, from garbage collection
            gc.freeze()
        with self._lock:
            self._fits[settings] = (version, result)
            del self._threads[settings]


def fit(store: Store, settings: PredictionSettings, before: ScoredForecast | None = None) -> ScoredForecast:
    """Fit curves and predictor to the points in the store under these settings, and score the predictions.

    Returns `before` if its points are the same.
    """
    settings = forecasts.settings_with_points(store, settings)
    forecast = forecasts.forecast(store, settings)
    if before is not None and before.forecast is forecast:
        return before
    for curve in forecast.curves or ():
        _ = curve.smoothed, curve.accuracy(curve.bound)  # the curve caches both
    scored = tuple(forecasts.scores(store, settings))
    score = forecasts.score(row for row in scored if row.stage == PRUNED)
    return ScoredForecast(forecast=forecast, scored=scored, score=score)


def shared() -> PredictorCache:
    """The predictor cache that all visitors share."""
    return _shared(str(paths.home()), str(paths.recorded()))


@st.cache_resource(show_spinner=False)
def _shared(home: str, recorded: str) -> PredictorCache:
    del home, recorded  # only the cache key
    return PredictorCache(shared_state.store())
