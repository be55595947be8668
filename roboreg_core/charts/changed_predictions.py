"""Changed predictions: test images per class by correctness at each stage, as stacked bars."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from roboreg_core.charts import palette
from roboreg_core.charts.base import Chosen, Drawing, clickable
from roboreg_core.evaluation.prediction_changes import PredictionChanges
from roboreg_core.runs.summary import Summary
from roboreg_core.wording import fmt

# Name of the selection; its fields are `class` and `band`.
SELECTION = "band"
BAND_WORDS = {
    "kept": "always correct",
    "recovered": "lost, then recovered",
    "lost": "lost",
    "broken": "lost in fine-tuning",
    "gained": "gained",
    "passing": "correct only when pruned",
    "never": "always wrong",
}
# Bands that hold most images.
UNCHANGED = ("kept", "never")
# Shortest bar that has room for its count, as a share of the longest.
SMALLEST_LABEL = 0.06


def changed_predictions_data(summary: Summary, changes: PredictionChanges | None = None) -> pd.DataFrame:
    """One row per class and band (a group of test images with the same change of prediction).

    Columns: `class`; of the band its name `band`, its label `words`, its description `meaning` and its place `order`;
    the number of `images` and their `share` of the class (0..1).

    Args:
        summary: summary of a run against its baseline.
        changes: `summary.stage_changes` (dense, pruned, fine-tuned; the default) or `summary.flips` (baseline, run).
    """
    return bands_data(changes or summary.stage_changes, summary.classes)


def changed_classes(frame: pd.DataFrame) -> pd.Series:
    """Per class, the number of images whose prediction changed, from `changed_predictions_data`'s frame."""
    return frame[~frame["band"].isin(UNCHANGED)].groupby("class", sort=False)["images"].sum()


def bands_data(changes: PredictionChanges, names: Sequence[str]) -> pd.DataFrame:
    """The frame of `changed_predictions_data` from changes whose labels are classes, or groups of classes.

    `names` has one name per column of `changes.counts`.
    """
    support = changes.counts.sum(0)
    return pd.DataFrame(
        {
            "class": name,
            "band": band,
            "words": BAND_WORDS[band],
            "meaning": changes.meanings[band],
            "images": int(changes.counts[row, column]),
            "share": changes.counts[row, column] / max(support[column], 1),
            "order": row,
        }
        for column, name in enumerate(names)
        for row, band in enumerate(changes.bands)
    )


def changed_predictions_title(frame: pd.DataFrame) -> str:
    """Title for `changed_predictions_data`'s frame: correct predictions lost by pruning, recovered and gained."""
    counts = frame.groupby("band")["images"].sum()
    right = sum(int(counts.get(band, 0)) for band in ("kept", "recovered", "lost", "broken"))
    lost, gained = int(counts["lost"]), int(counts["gained"])
    if "recovered" not in counts:
        return f"{lost:,} of {right:,} correct predictions were lost, {gained:,} were gained"
    recovered = int(counts["recovered"])
    return (
        f"Pruning lost {lost + recovered:,} of {right:,} correct predictions, fine-tuning recovered {recovered:,} "
        f"and lost {fmt.plural(int(counts['broken']), 'other')}; {gained:,} were gained"
    )


def changed_predictions_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Number of images by class (rows) and band (columns), with totals, from `changed_predictions_data`'s frame."""
    order = list(dict.fromkeys(frame["words"]))
    table = frame.pivot_table(index="class", columns="words", values="images", sort=False)[order].astype(int)
    return pd.concat([table, table.sum().to_frame("all classes").T]).rename_axis(index="class", columns=None)


def changed_predictions_chart(frame: pd.DataFrame, everything: bool = False, chosen: Chosen = ()) -> Drawing:
    """One bar per class from `changed_predictions_data`'s frame, divided into bands.

    A click on a band is the selection `band`; `chosen` are the (class, band) pairs selected at first. `everything`
    also draws the images whose predictions stay right or wrong, about ten times as many as the others.
    """
    shown = frame if everything else frame[~frame["band"].isin(UNCHANGED)]
    bands = list(dict.fromkeys(shown["band"]))
    part = clickable(SELECTION, ("class", "band"), chosen)
    longest = max(int(shown.groupby("class")["images"].sum().max()), 1)
    base = alt.Chart(shown).encode(
        y=alt.Y("class:N", sort=list(dict.fromkeys(frame["class"])), title=None, axis=alt.Axis(labelOverlap=False)),
        x=alt.X("images:Q", stack="zero", title="test images", axis=alt.Axis(format=",d", tickMinStep=1)),
        order=alt.Order("order:Q"),
        tooltip=[
            "class:N",
            alt.Tooltip("words:N", title="band"),
            alt.Tooltip("meaning:N", title="predictions"),
            alt.Tooltip("images:Q", format=","),
            alt.Tooltip("share:Q", format=".1%", title="of the class"),
        ],
    )
    bars = base.mark_bar(stroke=palette.WHITE, strokeWidth=1, cursor="pointer").encode(
        color=alt.Color(
            "words:N",
            title=None,
            legend=alt.Legend(orient="top", columns=2, labelLimit=220),
            scale=alt.Scale(
                domain=[BAND_WORDS[band] for band in bands], range=[palette.BAND_COLOURS[band] for band in bands]
            ),
        ),
        opacity=alt.condition(part, alt.value(1.0), alt.value(0.45)),
    )
    inks = alt.Scale(domain=bands, range=[palette.BAND_INKS[band] for band in bands])
    text = (
        base.transform_calculate(label=f"datum.images >= {SMALLEST_LABEL * longest} ? format(datum.images, ',') : ''")
        .mark_text(fontSize=11)
        .encode(
            x=alt.X("images:Q", stack="zero", bandPosition=0.5),
            text="label:N",
            color=alt.Color("band:N", scale=inks, legend=None),
        )
    )
    return (
        alt.layer(bars.add_params(part), text)
        .resolve_scale(color="independent")
        .properties(height=max(460, 24 * shown["class"].nunique() + 140), description=changed_predictions_alt(frame))
    )


def changed_predictions_alt(frame: pd.DataFrame) -> str:
    """Alternative text of `changed_predictions_chart(frame)`."""
    sums = frame.groupby("words", sort=False)["images"].sum()
    parts = ", ".join(f"{name} {int(count):,}" for name, count in sums.items())
    return (
        f"Stacked bars of test images per class, by change of prediction: {parts}. {changed_predictions_title(frame)}."
    )
