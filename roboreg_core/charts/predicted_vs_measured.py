"""Predicted against measured accuracy, and the coverage of the prediction intervals."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from roboreg_core.charts import palette
from roboreg_core.charts.base import PERCENT_AXIS, Drawing
from roboreg_core.prediction.accuracy_predictor import LEVEL
from roboreg_core.prediction.forecast import PredictionScore, ScoredPrediction
from roboreg_core.wording import fmt

COLUMNS = [
    "schedule", "stage", "images", "predicted", "low", "high", "measured", "error", "held", "kind", "record", "reason",
]  # fmt: skip
# Name of the selection; its field is `record`.
SELECTION = "scored"
HELD, MISSED = "inside the interval", "outside the interval"
_MARKS = {"run": "circle", "point": "diamond"}


def prediction_data(rows: Sequence[ScoredPrediction]) -> pd.DataFrame:
    """One row per prediction whose accuracy was also measured.

    Columns: `schedule`, `stage`, `images` (`validation` or `test`); accuracies (0..1) `predicted`, its interval `low`
    to `high`, and `measured`; `error`, predicted minus measured; `held`, `HELD` or `MISSED`; `kind`, `run` or `point`;
    `record` (id); `reason` why the prediction extrapolates, else `no`.
    """
    return pd.DataFrame(
        [
            {
                "schedule": str(row.schedule),
                "stage": fmt.STAGE_WORDS[row.stage],
                "images": row.images,
                "predicted": row.predicted,
                "low": row.low,
                "high": row.high,
                "measured": row.measured,
                "error": row.error,
                "held": HELD if row.held else MISSED,
                "kind": "run" if row.run else "point",
                "record": row.record,
                "reason": row.reason or "no",
            }
            for row in rows
        ],
        columns=COLUMNS,
    )


def prediction_title(frame: pd.DataFrame) -> str:
    """Title for `prediction_data`'s frame: mean error, and coverage of the prediction intervals."""
    if frame.empty:
        return "No prediction has been measured yet"
    held = int((frame["held"] == HELD).sum())
    return (
        f"Mean absolute error {fmt.points(frame['error'].abs().mean())}; {held} of {len(frame)} intervals "
        f"({fmt.percent(LEVEL, 0)}) contained the measured value"
    )


def score_words(score: PredictionScore | None) -> str:
    """A predictor's mean absolute error and interval coverage so far, as text; `score` is None if it has none yet."""
    if score is None:
        return "No prediction of this kind has been measured yet"
    return (
        f"Mean absolute error so far {fmt.points(score.mean_error)}; {fmt.percent(score.held, 0)} of {score.n} "
        "intervals contained the measured value"
    )


def prediction_words(mean: float, low: float, high: float) -> str:
    """A predicted accuracy with its interval (all 0..1) as text: `86.2 % (83.9 to 88.1)`."""
    return f"{fmt.percent(mean)} ({100 * low:.1f} to {100 * high:.1f})"


def prediction_chart(frame: pd.DataFrame) -> Drawing:
    """Chart of `prediction_data`'s frame: a mark per prediction, orange if measured outside its interval.

    Circles are runs, diamonds other points. A click is the selection `scored`, field `record`.
    """
    low, high = _range(frame)
    scale = alt.Scale(domain=[low, high], nice=False)
    x = alt.X("predicted:Q", title="predicted accuracy", scale=scale, axis=PERCENT_AXIS)
    y = alt.Y("measured:Q", title="measured accuracy", scale=scale, axis=PERCENT_AXIS)
    colour = alt.Color(
        "held:N",
        scale=alt.Scale(domain=[HELD, MISSED], range=[palette.BLUE, palette.ORANGE]),
        legend=alt.Legend(title=None, orient="top", symbolOpacity=1),
    )
    diagonal = alt.Chart(pd.DataFrame({"predicted": [low, high], "measured": [low, high]}))
    line = diagonal.mark_line(color=palette.GREY, strokeDash=[6, 4]).encode(x=x, y=y)
    base = alt.Chart(frame).encode(y=y, color=colour)
    bars = base.mark_rule(opacity=0.35, strokeWidth=1.5).encode(
        x=alt.X("low:Q", title="predicted accuracy"), x2="high:Q"
    )
    shape = alt.Shape(
        "kind:N",
        scale=alt.Scale(domain=list(_MARKS), range=list(_MARKS.values())),
        legend=alt.Legend(title=None, orient="top", symbolOpacity=1, symbolFillColor=palette.GREY),
    )
    chosen = alt.selection_point(fields=["record"], name=SELECTION)
    marks = base.mark_point(filled=True, size=70, opacity=0.9, cursor="pointer").encode(
        x=x, shape=shape, tooltip=_tooltip()
    )
    return alt.layer(line, bars, marks.add_params(chosen)).properties(height=360, description=prediction_alt(frame))


def prediction_alt(frame: pd.DataFrame) -> str:
    """Alternative text of `prediction_chart(frame)`."""
    stages = " and ".join(sorted(frame["stage"].unique())) or "no"
    return f"Predicted against measured accuracy of {len(frame)} {stages} networks. {prediction_title(frame)}."


def _range(frame: pd.DataFrame) -> tuple[float, float]:
    if frame.empty:
        return 0.0, 1.0
    shown = frame[["low", "high", "measured"]].to_numpy()
    return max(0.0, float(shown.min()) - 0.01), min(1.0, float(shown.max()) + 0.01)


def _tooltip() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("schedule:N"),
        alt.Tooltip("stage:N", title="network"),
        alt.Tooltip("predicted:Q", format=".1%"),
        alt.Tooltip("low:Q", format=".1%", title="from"),
        alt.Tooltip("high:Q", format=".1%", title="to"),
        alt.Tooltip("measured:Q", format=".1%"),
        alt.Tooltip("images:N", title="measured on"),
        alt.Tooltip("error:Q", format="+.1%", title="predicted − measured"),
        alt.Tooltip("reason:N", title="extrapolates"),
    ]
