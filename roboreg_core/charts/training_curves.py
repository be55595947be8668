"""Training curves: loss, accuracy and learning rate by epoch, with the dense accuracy for reference."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from roboreg_core.charts import palette
from roboreg_core.charts.base import PERCENT_AXIS, Drawing
from roboreg_core.wording import fmt

SETS = ("training", "validation")
_LINES = {"dense": [8, 4], "baseline": [2, 3]}
COLUMNS = ["epoch", "measure", "images", "value"]


def history_data(history: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """One row per epoch, metric and set of images; `history` has an `EpochRecord` as JSON per epoch.

    Columns: `epoch`, `measure` (`loss`, `accuracy` or `learning rate`), `images` (`training` or `validation`), `value`.
    """
    rows = [
        {"epoch": int(each["epoch"]), "measure": measure, "images": images, "value": each.get(field)}
        for each in history
        for measure, images, field in (
            ("loss", "training", "loss"),
            ("loss", "validation", "validation_loss"),
            ("accuracy", "training", "accuracy"),
            ("accuracy", "validation", "validation_accuracy"),
            ("learning rate", "training", "learning_rate"),
        )
    ]
    return pd.DataFrame([row for row in rows if row["value"] is not None], columns=COLUMNS)


def history_title(frame: pd.DataFrame) -> str:
    """Title for `history_data`'s frame: validation accuracy after the first and the last epoch."""
    curve = frame[(frame["measure"] == "accuracy") & (frame["images"] == "validation")]
    if curve.empty:
        return "No epoch is finished yet"
    first, last = curve.iloc[0], curve.iloc[-1]
    if len(curve) == 1:
        return f"After one epoch, validation accuracy is {fmt.percent(last['value'])}"
    return (
        f"Validation accuracy went from {fmt.percent(first['value'])} after the first epoch "
        f"to {fmt.percent(last['value'])} after {int(last['epoch'])}"
    )


def history_chart(
    frame: pd.DataFrame, measure: str = "accuracy", dense: float | None = None, baseline: float | None = None
) -> Drawing:
    """Chart of the metric `measure` in `history_data`'s frame by epoch.

    `dense` and `baseline` are test accuracies (0..1) of the dense network and the baseline, drawn as dashed lines.
    """
    chosen = frame[frame["measure"] == measure]
    percent = measure == "accuracy"
    y = alt.Y(
        "value:Q",
        title={"loss": "loss (cross-entropy, nats)"}.get(measure, measure),
        axis=PERCENT_AXIS if percent else alt.Axis(format="~g"),
        scale=alt.Scale(zero=measure == "learning rate", nice=True),
    )
    last = int(chosen["epoch"].max()) if len(chosen) else 1
    x = alt.X(
        "epoch:Q",
        title="epoch",
        axis=alt.Axis(format="d", tickMinStep=1),
        scale=alt.Scale(domain=[1, last] if last > 1 else [0.5, 1.5], nice=False),
    )
    base = alt.Chart(chosen).encode(x=x, y=y)
    tooltip = ["epoch:Q", "images:N", alt.Tooltip("value:Q", format=".2%" if percent else ".4g", title=measure)]
    lines = base.mark_line(strokeWidth=2.5, color=palette.GREY)
    points = base.mark_point(filled=True, size=50, opacity=1, color=palette.GREY).encode(tooltip=tooltip)
    if measure != "learning rate":
        legend = alt.Legend(orient="top")
        colour = _by_images(alt.Color, [palette.ORANGE, palette.BLUE], title=None, legend=legend)
        lines = lines.encode(color=colour, strokeDash=_by_images(alt.StrokeDash, [[5, 3], [1, 0]], legend=None))
        points = points.encode(color=colour, shape=_by_images(alt.Shape, ["square", "circle"], title=None))
    layers: list[Drawing] = [lines, points]
    if percent and dense is not None:
        layers.insert(0, _line("dense", dense))
    if percent and baseline is not None:
        layers.insert(0, _line("baseline", baseline))
    return alt.layer(*layers).properties(height=260, description=history_alt(frame, measure, dense))


def history_alt(frame: pd.DataFrame, measure: str, dense: float | None = None) -> str:
    """Alternative text of `history_chart(frame, measure, dense)`."""
    reference = f" The dense network's test accuracy is {fmt.percent(dense)}." if dense is not None else ""
    return f"{measure.capitalize()} by epoch. {history_title(frame)}.{reference}"


def _line(name: str, accuracy: float) -> Drawing:
    data = pd.DataFrame({"value": [accuracy], "name": [f"{name}, test images: {fmt.percent(accuracy)}"]})
    base = alt.Chart(data).encode(y="value:Q")
    rule = base.mark_rule(color=palette.GREY, strokeDash=_LINES[name], strokeWidth=1.5)
    text = base.mark_text(align="left", dx=4, dy=-7, color=palette.GREY, fontSize=11).encode(
        x=alt.value(0), text="name:N"
    )
    return alt.layer(rule, text)


def _by_images(channel: Any, values: list[Any], **options: Any) -> Any:
    """An encoding of the training and the validation images by two values."""
    return channel("images:N", scale=alt.Scale(domain=list(SETS), range=values), **options)
