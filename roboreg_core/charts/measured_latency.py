"""Measured latency of one image and throughput of a batch, dense against pruned."""

from collections.abc import Mapping
from dataclasses import asdict

import altair as alt
import pandas as pd

from roboreg_core.charts import palette
from roboreg_core.charts.base import Drawing
from roboreg_core.runs.metric_changes import Speed
from roboreg_core.store.records import Record
from roboreg_core.wording import fmt

NETWORKS = {"dense": "dense", "final": "pruned"}


def latency_data(record: Record, speeds: Mapping[int, tuple[Speed, Speed]] | None = None) -> pd.DataFrame:
    """One row per network and batch size.

    Columns: `network`, `batch`, `milliseconds` per batch and `images_per_second` (medians; with `_low` and `_high` for
    10th and 90th percentile), `repeats`, `device`, `threads`. The networks are the run's `dense` and `pruned` ones or,
    with `speeds` (batch size -> this run, baseline), `baseline` and `this run`.
    """
    if speeds is None:
        timed = [(key.split("_", 1)[0], Speed.of(timing)) for key, timing in record.result["latency"].items()]
        rows = [{"network": NETWORKS[name], **asdict(speed)} for name, speed in timed]
    else:
        sides = [("this run", now) for now, _ in speeds.values()] + [("baseline", old) for _, old in speeds.values()]
        rows = [{"network": name, **asdict(speed)} for name, speed in sides]
    return pd.DataFrame(rows).sort_values(["batch", "network"], ignore_index=True)


def latency_title(frame: pd.DataFrame) -> str:
    """Title for `latency_data`'s frame: the speed-up for each batch size, if the spreads do not overlap."""
    first, second = _networks(frame)
    parts = []
    for batch, rows in frame.groupby("batch"):
        before, now = (rows[rows["network"] == name].iloc[0] for name in (first, second))
        size = "one image" if batch == 1 else f"batch of {batch}"
        ratio = before["milliseconds"] / now["milliseconds"]
        apart = (
            now["milliseconds_high"] < before["milliseconds_low"]
            or before["milliseconds_high"] < now["milliseconds_low"]
        )
        change = f"{ratio:.2f} times as fast as the {'dense network' if first == 'dense' else first}"
        parts.append(f"{size}: {change if apart else 'no measurable latency change (the spreads overlap)'}")
    return fmt.sentence_case("; ".join(parts))


def latency_chart(frame: pd.DataFrame, batch: int = 1) -> Drawing:
    """Chart of `latency_data`'s frame for one batch size: a bar at the median, a line from 10th to 90th percentile."""
    field = "milliseconds" if batch == 1 else "images_per_second"
    title = (
        "latency of one image, ms (lower is better)"
        if batch == 1
        else f"images per second, batch of {batch} (higher is better)"
    )
    base = alt.Chart(frame[frame["batch"] == batch]).encode(
        y=alt.Y("network:N", sort=_networks(frame), title=None),
        color=alt.Color(
            "network:N",
            scale=alt.Scale(domain=_networks(frame), range=[palette.GREY, palette.BLUE]),
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


def latency_conditions(frame: pd.DataFrame) -> str:
    """Conditions of the timings in `latency_data`'s frame: device, threads, precision, repeats."""
    row = frame.iloc[0]
    repeats = " and ".join(f"{int(each)}" for each in dict.fromkeys(frame["repeats"]))
    return (
        f"{row['device']}, {fmt.plural(int(row['threads']), 'thread')}; float32, batch norm folded; "
        f"median of {repeats} calls after warm-up, with the 10th to 90th percentile"
    )


def _networks(frame: pd.DataFrame) -> list[str]:
    """The baseline, then the run's network."""
    return sorted(frame["network"].unique())
