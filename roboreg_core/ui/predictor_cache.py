"""What the store's points foretell, as the pages ask for it: learnt by a thread, so that no page waits for it.

Learning imports scikit-learn, which takes a second, and fits in a tenth of one; to predict a schedule takes less than a
millisecond. Where the store has changed, what was learnt before holds until the new is there.
"""

from __future__ import annotations

import gc
import threading
from dataclasses import dataclass

import streamlit as st

from roboreg_core import paths
from roboreg_core.prediction import forecast as forecasts
from roboreg_core.prediction.forecast import PRUNED, Forecast, PredictionScore, PredictionSettings, ScoredPrediction
from roboreg_core.store.store import Store
from roboreg_core.ui import shared_state

LOOK_AGAIN_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True, eq=False)
class ScoredForecast:
    """What is known under one setting.

    Attributes:
        forecast: curves and predictor, or what is missing.
        scored: what was predicted and measured.
        score: of those right after pruning; None where there are none.
    """

    forecast: Forecast
    scored: tuple[ScoredPrediction, ...] = ()
    score: PredictionScore | None = None


class BackgroundLearner:
    """Keeps an outlook for each setting that was asked for, and learns it anew where the store has changed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._known: dict[PredictionSettings, tuple[int, ScoredForecast]] = {}
        self._under_way: dict[PredictionSettings, threading.Thread] = {}

    def outlook(self, asked: PredictionSettings) -> ScoredForecast | None:
        """What is known by now; None until something is. Never waits."""
        version = self._store.version()
        with self._lock:
            known = self._known.get(asked)
            if (known is None or known[0] != version) and asked not in self._under_way:
                thread = threading.Thread(target=self._learn, args=(asked, version), daemon=True)
                self._under_way[asked] = thread
                thread.start()
        return known[1] if known else None

    def wait(self) -> None:
        """Until all that was asked for is learnt."""
        for thread in list(self._under_way.values()):
            thread.join()

    def _learn(self, asked: PredictionSettings, version: int) -> None:
        shared_state.machinery().loaded.wait()  # torch and the engine first: more depends on them
        first = not self._known
        try:
            outlook = learnt(self._store, asked)
        except Exception as error:  # said on the page; a thread has nobody to raise to
            outlook = ScoredForecast(forecast=Forecast(points=(), missing=f"nothing could be learnt: {error}"))
        if first:  # scikit-learn stays, and need not be looked at in each collection
            gc.freeze()
        with self._lock:
            self._known[asked] = (version, outlook)
            del self._under_way[asked]


def learnt(store: Store, asked: PredictionSettings) -> ScoredForecast:
    """The outlook as the store is now; takes as long as it takes."""
    asked = forecasts.learnable(store, asked)
    forecast = forecasts.forecast(store, asked)
    for curve in forecast.curves or ():
        _ = curve.rising, curve.accuracy(curve.bound)  # kept by the curve from the first look on
    scored = tuple(forecasts.scores(store, asked))
    score = forecasts.score(row for row in scored if row.stage == PRUNED)
    return ScoredForecast(forecast=forecast, scored=scored, score=score)


def learner() -> BackgroundLearner:
    """The one that all visitors share."""
    return _learner(str(paths.home()), str(paths.recorded()))


@st.cache_resource(show_spinner=False)
def _learner(home: str, recorded: str) -> BackgroundLearner:
    del home, recorded  # only the key under which it is kept
    return BackgroundLearner(shared_state.store())
