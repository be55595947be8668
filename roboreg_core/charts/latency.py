"""How long the dense and the pruned network take, as measured: latency of one image, throughput of a batch."""

from __future__ import annotations

from dataclasses import asdict

import altair as alt
import pandas as pd

from roboreg_core.charts import palette
from roboreg_core.charts.base import Drawing
from roboreg_core.runs.figures import Speed
from roboreg_core.store.records import Record

NETWORKS = {"dense": "dense", "final": "pruned"}


def latency_data(record: Record) -> pd.DataFrame:
    """A row a network and batch: milliseconds a batch and images a second, each median, 10th and 90th percentile."""
    rows = []
    for key, timing in record.result["latency"].items():
        rows.append({"network": NETWORKS[key.split("_", 1)[0]], **asdict(Speed.of(timing))})
    return pd.DataFrame(rows).sort_values(["batch", "network"], ignore_index=True)


def latency_title(frame: pd.DataFrame) -> str:
    """The finding: how much faster, one image at a time and in batches, and whether the spreads overlap."""
    parts = []
    for batch, rows in frame.groupby("batch"):
        dense, pruned = (rows[rows["network"] == name].iloc[0] for name in ("dense", "pruned"))
        what = "one image" if batch == 1 else f"a batch of {batch}"
        ratio = dense["milliseconds"] / pruned["milliseconds"]
        apart = (
            pruned["milliseconds_high"] < dense["milliseconds_low"]
            or dense["milliseconds_high"] < pruned["milliseconds_low"]
        )
        if not apart:
            parts.append(f"{what} takes as long as before, within the spread")
        else:
            parts.append(f"{what} is {ratio:.2f} times as fast as dense")
    text = "; ".join(parts)
    return text[:1].upper() + text[1:]


def latency_chart(frame: pd.DataFrame, batch: int = 1) -> Drawing:
    """A point a network at its median with a line from the 10th to the 90th percentile, for one size of batch."""
    field = "milliseconds" if batch == 1 else "images_per_second"
    title = (
        "latency of one image, ms (less is better)"
        if batch == 1
        else f"images a second, batch {batch} (more is better)"
    )
    base = alt.Chart(frame[frame["batch"] == batch]).encode(
        y=alt.Y("network:N", sort=["dense", "pruned"], title=None),
        color=alt.Color(
            "network:N",
            scale=alt.Scale(domain=["dense", "pruned"], range=[palette.GREY, palette.BLUE]),
            legend=None,
        ),
        tooltip=[
            "network:N",
            alt.Tooltip(f"{field}:Q", format=",.2f", title="median"),
            alt.Tooltip(f"{field}_low:Q", format=",.2f", title="10th percentile"),
            alt.Tooltip(f"{field}_high:Q", format=",.2f", title="90th percentile"),
        ],
    )
    x = alt.X(f"{field}:Q", title=title, scale=alt.Scale(zero=True, nice=True))
    bars = base.mark_bar(height=22, opacity=0.55).encode(x=x)
    spread = base.mark_rule(strokeWidth=3).encode(x=alt.X(f"{field}_low:Q"), x2=f"{field}_high:Q")
    ticks = base.mark_tick(thickness=3, height=26, tooltip=True).encode(x=alt.X(f"{field}:Q"))
    return alt.layer(bars, spread, ticks).properties(height=150, description=f"{title}. {latency_title(frame)}.")


def latency_depends(frame: pd.DataFrame) -> str:
    """What the timings depend on."""
    row = frame.iloc[0]
    repeats = " and ".join(f"{int(each)}" for each in dict.fromkeys(frame["repeats"]))
    return (
        f"{row['device']}, {int(row['threads'])} threads; float32, batch norm folded; median of {repeats} calls after "
        "warm-up, with the 10th to 90th percentile"
    )
