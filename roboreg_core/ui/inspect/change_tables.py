"""Tables of changes with their verdicts, and downloads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from roboreg_core.charts import palette
from roboreg_core.runs.summary import Summary
from roboreg_core.wording import baseline_changes, fmt


def show(frame: pd.DataFrame, judged: list[str], formats: dict[str, Any], names: dict[str, str], alt: str) -> None:
    """A table whose columns `judged` have the colour of the row's `verdict`: blue a gain, orange a loss.

    `formats` write columns, `names` are their headings where those differ; what is missing is left empty.
    """

    def colours(row: pd.Series) -> list[str]:
        verdict = str(row["verdict"])
        colour = palette.GAIN if verdict.startswith("gained") else palette.LOSS
        real = not pd.isna(row["verdict"]) and ", real" in verdict
        return [f"color: {colour}; font-weight: bold" if real and name in judged else "" for name in frame.columns]

    styled = frame.style.apply(colours, axis=1).format(formats, na_rep="")
    widths = {"class": st.column_config.TextColumn(width=130), "verdict": st.column_config.TextColumn(width=300)}
    headings = {column: st.column_config.Column(heading) for column, heading in names.items()}
    st.dataframe(styled, hide_index=True, height="content", placeholder="", column_config=widths | headings, alt=alt)


def percent(share: float) -> str:
    """`89.35 %`."""
    return fmt.percent(share, 2)


def points(change: float) -> str:
    """`−3.1`, in points."""
    return fmt.signed(change * 100)


def verdicts(summary: Summary) -> None:
    """The paired test of the final network, over all classes and for each."""
    name = baseline_changes.short_name(summary)
    frame = baseline_changes.verdicts(summary)
    st.markdown(f"**Is the change against {'the dense network' if name == 'dense' else 'the baseline'} real?**")
    show(
        frame,
        ["change", "verdict"],
        {name: percent, "this run": percent, "change": points, "lost": "{:,}", "gained": "{:,}", "p": "{:.3f}"},
        {
            name: f"right in {name}",
            "this run": "right in this run",
            "change": "change, points",
            "lost": f"right in {name} only",
            "gained": "right in this run only",
        },
        "Paired test over all classes and for each",
    )
    st.caption(
        "Exact McNemar test of the images that only one of the two networks has right. The p of the ten classes is "
        "Holm-corrected, so that chance alone calls any of them real once in twenty times."
    )
    download("Download verdicts (CSV)", frame.to_csv(index=False), f"verdicts-{summary.record.id}.csv", "csv-verdicts")


def download(label: str, data: str | Callable[[], str | bytes], file: str, key: str, mime: str = "text/csv") -> None:
    """A button that gives a file."""
    st.download_button(label, data, file, mime, key=key, icon=":material/download:", on_click="ignore")
