"""The confusion matrix minus the baseline's: what is better, what is worse, and what is within noise."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd

from roboreg_core.charts import palette
from roboreg_core.charts.base import Chosen, Drawing
from roboreg_core.charts.confusion_matrix import class_cells, class_grid, confusion_table
from roboreg_core.evaluation.paired_tests import ConfusionChange, p_words
from roboreg_core.wording import fmt

RULE = (
    "Each cell: exact McNemar test of the images that entered it against those that left it, Holm-corrected over the "
    "ten cells of the diagonal and over the 90 others. Grey cells are within noise (corrected p of 0.05 or more)."
)


def difference_data(change: ConfusionChange, classes: Sequence[str]) -> pd.DataFrame:
    """A row a cell: `true`, `predicted`, `before`, `after`, `difference`, corrected `p`, `is_real`, `verdict`.

    `better` is the difference with its sign turned off the diagonal: positive means fewer mistakes.
    """
    true, predicted = (axis.ravel() for axis in np.indices(change.difference.shape))
    names = np.array(classes)
    frame = pd.DataFrame(
        {
            "true": names[true],
            "predicted": names[predicted],
            "before": change.before.ravel(),
            "after": change.after.ravel(),
            "difference": change.difference.ravel(),
            "better": np.where(true == predicted, 1, -1) * change.difference.ravel(),
            "p": change.p.ravel(),
            "is_real": change.is_real.ravel(),
        }
    )
    frame["signed"] = [fmt.signed(each, 0).replace("±", "") for each in frame["difference"]]
    frame["verdict"] = [_verdict(*row) for row in zip(frame["better"], frame["p"], frame["is_real"], strict=True)]
    return frame


def difference_title(frame: pd.DataFrame, baseline: str = "dense") -> str:
    """The finding: the mistake that grew most, and how many cells really changed."""
    real = frame[frame["is_real"]]
    if real.empty:
        return f"No cell differs from {baseline} by more than noise"
    mistakes = real[real["true"] != real["predicted"]]
    count = f"{fmt.plural(len(real), 'cell')} of 100 really changed against {baseline}"
    if mistakes.empty:
        return count
    top = mistakes.iloc[int(mistakes["better"].abs().argmax())]
    more = "more" if top["difference"] > 0 else "fewer"
    return f"{abs(int(top['difference'])):,} {more} images of {top['true']} are taken for {top['predicted']}; {count}"


def difference_chart(frame: pd.DataFrame, ink: str = "#1B2733", chosen: Chosen = ()) -> Drawing:
    """Cells to click (selection `cell`): blue where better, orange where worse, white at zero, grey within noise."""
    widest = max(int(frame["better"].abs().max()), 1)
    base = class_grid(
        frame,
        alt.Tooltip("before:Q", title="baseline", format=","),
        alt.Tooltip("after:Q", title="this network", format=","),
        alt.Tooltip("signed:N", title="difference"),
        alt.Tooltip("verdict:N"),
    )
    scale = alt.Scale(
        domain=[-widest, 0, widest], range=[palette.LOSS, "#FFFFFF", palette.GAIN], type="linear", interpolate="lab"
    )
    legend = alt.Legend(
        title="images (blue: better, orange: worse)", orient="top", gradientLength=240, format="d", titleLimit=400
    )
    colour = alt.Color("better:Q", scale=scale, legend=legend)
    cells = base.mark_rect(stroke="#FFFFFF", strokeWidth=1, cursor="pointer").encode(
        color=alt.condition(alt.datum["is_real"], colour, alt.value(palette.NOISE))
    )
    text = base.mark_text(fontSize=11).encode(
        text="signed:N",
        color=alt.condition(alt.datum["is_real"], alt.value("#1B2733"), alt.value("#59636E")),
    )
    return class_cells(base, cells, text, ink, chosen).properties(description=difference_alt(frame))


def difference_table(frame: pd.DataFrame) -> pd.DataFrame:
    """The differences as a matrix, true classes down, predicted classes across."""
    return confusion_table(frame, "difference")


def difference_alt(frame: pd.DataFrame, baseline: str = "dense") -> str:
    """The chart in words."""
    noise = int((~frame["is_real"]).sum())
    return (
        f"Difference of two confusion matrices, {noise} of 100 cells within noise. {difference_title(frame, baseline)}."
    )


def _verdict(better: int, p: float, is_real: bool) -> str:
    if not is_real:
        return f"within noise ({p_words(p)})" if better else "no change"
    return f"{'better' if better > 0 else 'worse'}, real ({p_words(p)})"
