"""Tables of changes with their verdicts, and downloads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from roboreg_core.charts import palette, versus
from roboreg_core.runs.summary import Summary


def points(label: str) -> Any:
    """A column of changes in points, signed."""
    return st.column_config.NumberColumn(label, format="%+.1f")


def coloured(frame: pd.DataFrame, columns: list[str]) -> Any:
    """The table with `columns` in the colour of the row's `verdict`: blue a gain, orange a loss, none for noise."""

    def colours(row: pd.Series) -> list[str]:
        real = "real" in str(row["verdict"])
        colour = palette.GAIN if str(row["verdict"]).startswith("gained") else palette.LOSS
        return [f"color: {colour}; font-weight: bold" if real and name in columns else "" for name in frame.columns]

    return frame.style.apply(colours, axis=1)


def verdicts(summary: Summary) -> None:
    """The paired test of the final network, over all classes and for each."""
    name = versus.short_name(summary)
    frame = versus.verdicts(summary)
    st.markdown(f"**Is the change against {'the dense network' if name == 'dense' else 'the baseline'} real?**")
    shown = frame.assign(change=frame["change"] * 100)
    st.dataframe(
        coloured(shown, ["change", "verdict"]),
        hide_index=True,
        height="content",
        column_config={
            name: st.column_config.NumberColumn(f"right in {name}", format="percent"),
            "this run": st.column_config.NumberColumn("right in this run", format="percent"),
            "change": points("change, points"),
            "lost": st.column_config.NumberColumn(format="localized"),
            "gained": st.column_config.NumberColumn(format="localized"),
            "p": st.column_config.NumberColumn(format="%.4f"),
            "verdict": st.column_config.TextColumn(width="large"),
        },
        alt="Paired test over all classes and for each",
    )
    st.caption(
        "Exact McNemar test of the images that only one of the two networks has right (lost, gained). The p of the ten "
        "classes is Holm-corrected, so that chance alone calls any of them real once in twenty times."
    )
    download("Download verdicts (CSV)", frame.to_csv(index=False), f"verdicts-{summary.record.id}.csv", "csv-verdicts")


def download(label: str, data: str | Callable[[], str | bytes], file: str, key: str, mime: str = "text/csv") -> None:
    """A button that gives a file."""
    st.download_button(label, data, file, mime, key=key, icon=":material/download:", on_click="ignore")
