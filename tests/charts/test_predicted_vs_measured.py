"""Predicted against measured, in a chart and in words, from hand-made scores."""

from __future__ import annotations

from roboreg_core.charts import predicted_vs_measured
from roboreg_core.prediction.forecast import ScoredPrediction, score
from roboreg_core.schedules.schedule import presets
from tests.charts.test_charts import drawn


def scored(predicted: float, measured: float, *, run: bool = False) -> ScoredPrediction:
    return ScoredPrediction(
        schedule=presets()["moderate"],
        stage="pruned",
        images="validation",
        predicted=predicted,
        low=predicted - 0.03,
        high=predicted + 0.02,
        measured=measured,
        record="0123456789abcdef",
        run=run,
    )


ROWS = [scored(0.8, 0.81), scored(0.7, 0.74), scored(0.5, 0.49, run=True)]


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def test_the_chart_says_how_far_off_and_how_often_the_interval_held() -> None:
    frame = predicted_vs_measured.prediction_data(ROWS)
    assert list(frame.columns) == predicted_vs_measured.COLUMNS
    assert list(frame["held"]) == [predicted_vs_measured.HELD, predicted_vs_measured.MISSED, predicted_vs_measured.HELD]
    assert list(frame["kind"]) == ["point", "point", "run"]
    title = plain(predicted_vs_measured.prediction_title(frame))
    assert title == "Mean absolute error 2.0 percentage points; 2 of 3 intervals (90 %) contained the measured value"
    assert title in plain(drawn(predicted_vs_measured.prediction_chart(frame))["description"])
    assert plain(predicted_vs_measured.score_words(score(ROWS))) == (
        "Mean absolute error so far 2.0 percentage points; 67 % of 3 intervals contained the measured value"
    )


def test_nothing_scored_yet() -> None:
    frame = predicted_vs_measured.prediction_data([])
    assert predicted_vs_measured.prediction_title(frame) == "No prediction has been measured yet"
    assert "No prediction" in predicted_vs_measured.score_words(score([]))
    drawn(predicted_vs_measured.prediction_chart(frame))


def test_a_prediction_in_words_has_its_interval() -> None:
    assert plain(predicted_vs_measured.prediction_words(0.862, 0.839, 0.881)) == "86.2 % (83.9 to 88.1)"
