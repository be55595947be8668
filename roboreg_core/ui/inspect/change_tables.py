"""Tables of changes with their verdicts."""

from typing import Any, Literal

import pandas as pd
import streamlit as st

from roboreg_core.charts import many_classes, palette
from roboreg_core.evaluation.paired_tests import ALPHA
from roboreg_core.runs.summary import Summary
from roboreg_core.ui import panels
from roboreg_core.wording import baseline_changes, fmt


def show(frame: pd.DataFrame, judged: list[str], formats: dict[str, Any], names: dict[str, str], alt: str) -> None:
    """Draw a table of changes, one row per class.

    Args:
        frame: one row per class, with a column `verdict`.
        judged: columns coloured where the verdict is significant: blue for a gain, orange for a loss.
        formats: format by column, as for `pandas.Styler.format`; missing values are left empty.
        names: column -> heading, where they differ.
        alt: text alternative.
    """

    def colours(row: pd.Series) -> list[str]:
        verdict = str(row["verdict"])
        colour = palette.GAIN if verdict.startswith("gained") else palette.LOSS
        significant = verdict.startswith(("gained", "lost"))
        return [
            f"color: {colour}; font-weight: bold" if significant and name in judged else "" for name in frame.columns
        ]

    styled = frame.style.apply(colours, axis=1).format(formats, na_rep="")
    widths = {"class": st.column_config.TextColumn(width=130), "verdict": st.column_config.TextColumn(width=300)}
    headings = {column: st.column_config.Column(heading) for column, heading in names.items()}
    st.dataframe(
        styled, hide_index=True, height=height(frame), placeholder="", column_config=widths | headings, alt=alt
    )


def height(frame: pd.DataFrame) -> int | Literal["content"]:
    """Height of a table for `st.dataframe`: `content`, or with very many rows a number of pixels to scroll within."""
    return "content" if len(frame) <= 2 * many_classes.MOST else 600


def percent(share: float) -> str:
    """Format a share, 0..1: `89.35 %` for 0.8935."""
    return fmt.percent(share, 2)


def points(change: float) -> str:
    """Format a difference of shares in percentage points, without the unit: `−3.1` for −0.031."""
    return fmt.signed(change * 100)


def verdicts(summary: Summary) -> None:
    """Draw the McNemar tests of the final network against the baseline, overall and per class, and their download."""
    name = baseline_changes.short_name(summary)
    frame = baseline_changes.verdicts(summary)
    if many_classes.is_many(summary.classes):  # significant changes first, then the largest
        order = frame["change"].abs().where(~frame["verdict"].str.startswith(("gained", "lost")), 2.0)
        frame = frame.loc[[0, *(order + frame["change"].abs())[1:].sort_values(ascending=False).index]]
    against = "the dense network" if name == "dense" else "the baseline"
    st.markdown(f"**Significance of the change against {against}**")
    show(
        frame,
        ["change", "verdict"],
        {name: percent, "this run": percent, "change": points, "lost": "{:,}", "gained": "{:,}", "p": "{:.3f}"},
        {
            name: f"accuracy, {name}",
            "this run": "accuracy, this run",
            "change": "Δ (pp)",
            "lost": f"correct in {name} only",
            "gained": "correct in this run only",
        },
        "Paired test over all classes and per class",
    )
    st.caption(
        "Exact McNemar test on the images that only one of the two networks classifies correctly. Significant: p < "
        f"{ALPHA}; p of the classes is Holm-corrected over the {len(summary.classes)} classes. Accuracy of a class: "
        "recall."
    )
    file = f"verdicts-{summary.record.id}.csv"
    panels.download("Download verdicts (CSV)", frame.to_csv(index=False), file, "csv-verdicts")
