"""Parameters and MACs per layer, dense against pruned."""

import altair as alt
import pandas as pd

from roboreg_core.charts import palette
from roboreg_core.charts.base import Drawing
from roboreg_core.runs.metric_changes import layer_rows
from roboreg_core.store.records import Record
from roboreg_core.wording import fmt
from roboreg_core.wording.run_metrics import METRICS

WORDS = {field: METRICS[field].label for field in ("parameters", "macs")}


def layers_data(record: Record, baseline: Record | None = None) -> pd.DataFrame:
    """One row per layer, dense against pruned.

    Columns: `layer`, `filters_dense`, `filters`; per `field`, `parameters` or `macs`: `<field>_dense`, `<field>`
    (pruned), `<field>_kept` (share) and, with a `baseline` run, `<field>_baseline`, that of its pruned network, None if
    that has no such layer.
    """
    frame = pd.DataFrame(layer_rows(record))
    if baseline is not None:
        other = {row["layer"]: row for row in layer_rows(baseline)}
        for field in WORDS:
            frame[f"{field}_baseline"] = [other[layer][field] if layer in other else None for layer in frame["layer"]]
    return frame


def layers_title(frame: pd.DataFrame, field: str) -> str:
    """Title for `layers_data`'s frame: share kept and largest layer; `field` is `parameters` or `macs`."""
    kept = frame[field].sum() / frame[f"{field}_dense"].sum()
    top = frame.iloc[int(frame[field].argmax())]
    share = top[field] / frame[field].sum()
    return (
        f"{fmt.percent(kept)} of the {WORDS[field]} are kept; {top['layer']} has the most, "
        f"with {fmt.percent(share, 0)} of those that remain"
    )


def layers_chart(frame: pd.DataFrame, field: str = "parameters") -> Drawing:
    """Chart of `layers_data`'s frame: dense layers as outlines, pruned ones filled; `field`: `parameters` or `macs`."""
    order = list(frame["layer"])
    base = alt.Chart(frame).encode(
        y=alt.Y("layer:N", sort=order, title=None),
        tooltip=[
            "layer:N",
            alt.Tooltip(f"{field}_dense:Q", format=",", title="dense"),
            alt.Tooltip(f"{field}:Q", format=",", title="pruned"),
            alt.Tooltip(f"{field}_kept:Q", format=".1%", title="kept"),
        ],
    )
    compared = f"{field}_baseline" in frame
    title = f"{WORDS[field]} (outline: dense, filled: pruned{', line: baseline' if compared else ''})"
    x = alt.X(f"{field}_dense:Q", title=title, axis=alt.Axis(format="~s"))
    outline = base.mark_bar(filled=False, stroke=palette.GREY, strokeWidth=1.2, height=14).encode(x=x)
    filled = base.mark_bar(color=palette.BLUE, height=14).encode(x=alt.X(f"{field}:Q"))
    layers: list[Drawing] = [filled, outline]
    if compared:
        mark = base.mark_tick(color=palette.ORANGE, thickness=3, height=18)
        layers.append(mark.encode(x=alt.X(f"{field}_baseline:Q")))
    return alt.layer(*layers).properties(height=24 * len(frame) + 20, description=layers_alt(frame, field))


def layers_alt(frame: pd.DataFrame, field: str) -> str:
    """Alternative text of `layers_chart(frame, field)`."""
    return f"Bars of {WORDS[field]} for each of {len(frame)} layers, dense and pruned. {layers_title(frame, field)}."
