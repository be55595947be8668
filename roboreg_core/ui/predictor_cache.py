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
    """Sensitivity curves, accuracy predictor, and the errors of its predictions.

    Attributes:
        forecast: sensitivity curves and predictor, or the reason why they are missing.
        scored: predictions, each with the measured value.
        score: errors of the predictions right after pruning, before fine-tuning; None if there are none.
    """

    forecast: Forecast
    scored: tuple[ScoredPrediction, ...] = ()
    score: PredictionScore | None = None


class PredictorCache:
    """Cache of one `ScoredForecast` per prediction settings, refitted in a thread when the store has changed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._fits: dict[PredictionSettings, tuple[int, ScoredForecast]] = {}
        self._threads: dict[PredictionSettings, threading.Thread] = {}

    def get(self, settings: PredictionSettings) -> ScoredForecast | None:
        """Latest fit for these settings, without waiting; None until the first is ready.

        If the store has changed since, a thread starts a new fit.
        """
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
    """Fit curves and predictor to the points measured under these settings, and score the predictions.

    Returns the previous fit `before` if the points have not changed since.
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
