"""The confusion matrix minus the baseline's, with a significance test per cell."""

from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd

from roboreg_core.charts import palette
from roboreg_core.charts.base import Chosen, Drawing, diverging_scale
from roboreg_core.charts.confusion_matrix import class_cells, class_grid, confusion_table, filled_cells
from roboreg_core.evaluation.paired_tests import ALPHA, ConfusionChange, p_words
from roboreg_core.wording import fmt

RULE = (
    "Each cell: exact McNemar test of the images that entered it against those that left it, Holm-corrected over the "
    f"cells of the diagonal and over all others. Grey cells are not significant (corrected p of {ALPHA} or more)."
)


def difference_data(change: ConfusionChange, classes: Sequence[str]) -> pd.DataFrame:
    """One row per cell of the matrix: classes `true` and `predicted`, and numbers of images.

    `before` is the baseline's number, `after` the run's, `difference` after minus before; `better` is the difference
    with its sign reversed off the diagonal, so that positive means fewer errors; `p` is Holm-corrected; `is_real` is
    True if it is below `ALPHA`; `signed` and `verdict` are the difference and the test as text.
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
            "is_real": change.is_significant.ravel(),
        }
    )
    frame["signed"] = [fmt.signed(each, 0).replace("±", "") for each in frame["difference"]]
    frame["verdict"] = [_verdict(*row) for row in zip(frame["better"], frame["p"], frame["is_real"], strict=True)]
    return frame


def difference_title(frame: pd.DataFrame, baseline: str = "dense") -> str:
    """Title for `difference_data`'s frame: the largest change of an error, and the number of significant changes.

    `baseline` is the baseline's name.
    """
    significant = frame[frame["is_real"]]
    if significant.empty:
        return f"No cell differs significantly from {baseline}"
    errors = significant[significant["true"] != significant["predicted"]]
    count = f"{fmt.plural(len(significant), 'cell')} of {len(frame)} changed significantly against {baseline}"
    if errors.empty:
        return count
    top = errors.iloc[int(errors["better"].abs().argmax())]
    more = "more" if top["difference"] > 0 else "fewer"
    return (
        f"{abs(int(top['difference'])):,} {more} images of {top['true']} are predicted as {top['predicted']}; {count}"
    )


def difference_chart(frame: pd.DataFrame, ink: str = palette.INK, chosen: Chosen = ()) -> Drawing:
    """Chart of `difference_data`'s frame: cells blue if better, orange if worse, grey if not significant.

    `chosen` cells are framed in the colour `ink`; a click is the selection `cell`.
    """
    largest = max(int(frame["better"].abs().max()), 1)
    base = class_grid(
        frame,
        alt.Tooltip("before:Q", title="baseline", format=","),
        alt.Tooltip("after:Q", title="this network", format=","),
        alt.Tooltip("signed:N", title="difference"),
        alt.Tooltip("verdict:N"),
    )
    legend = alt.Legend(
        title="images (blue: better, orange: worse)", orient="top", gradientLength=240, format="d", titleLimit=400
    )
    colour = alt.Color("better:Q", scale=diverging_scale(largest), legend=legend)
    cells = base.mark_rect(stroke=palette.WHITE, strokeWidth=1, cursor="pointer").encode(
        color=alt.condition(alt.datum["is_real"], colour, alt.value(palette.NOISE))
    )
    text = (
        filled_cells(base, frame, "difference")
        .mark_text(fontSize=11)
        .encode(
            text="signed:N",
            color=alt.condition(alt.datum["is_real"], alt.value(palette.INK), alt.value(palette.NOISE_INK)),
        )
    )
    return class_cells(base, cells, text, ink, chosen).properties(description=difference_alt(frame))


def difference_table(frame: pd.DataFrame) -> pd.DataFrame:
    """`difference_data`'s frame as a matrix of its differences: true classes in rows, predicted ones in columns."""
    return confusion_table(frame, "difference")


def difference_alt(frame: pd.DataFrame, baseline: str = "dense") -> str:
    """Alternative text of `difference_chart(frame)`; `baseline` is the baseline's name."""
    same = int((~frame["is_real"]).sum())
    return (
        f"Difference of two confusion matrices, {same} of {len(frame)} cells not significant. "
        f"{difference_title(frame, baseline)}."
    )


def _verdict(better: int, p: float, significant: bool) -> str:
    if not significant:
        return f"not significant ({p_words(p)})" if better else "no change"
    return f"{'better' if better > 0 else 'worse'}, significant ({p_words(p)})"
