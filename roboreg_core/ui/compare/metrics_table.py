"""Table of the compared runs: metrics, their changes against the baseline, and verdicts."""

import html
from collections.abc import Mapping, Sequence

import streamlit as st

from roboreg_core.charts import comparison_table, palette
from roboreg_core.paths import SHIPPED
from roboreg_core.runs.comparison import ComparedRun, Comparison
from roboreg_core.runs.summary import DENSE
from roboreg_core.store.records import Record
from roboreg_core.ui import html_marks, keys, panels, presentation, schedule_html
from roboreg_core.wording import fmt, run_facts
from roboreg_core.wording.run_metrics import METRICS, RunMetric

_TABLE = "border-collapse:collapse;width:100%;min-width:58rem;font-size:.9rem"
_CELL = (
    "padding:.45em .7em;vertical-align:top;border-bottom:1px solid color-mix(in srgb, currentColor 18%, transparent)"
)
_FIRST, *_OTHERS = METRICS.values()
COLUMNS = ("Run", _FIRST.heading, "Verdict", *(metric.heading for metric in _OTHERS), "On the Pareto front for")


def show(found: Comparison, styles: Mapping[str, palette.Style]) -> None:
    """Draw the compared runs as an HTML table with a caption, and an expander with the figures as data.

    `styles` maps the id of each run to its colour and marker.
    """
    labels = run_facts.labels([row.record for row in found.rows])
    rows = [_row(row, found, labels[row.record.id], styles[row.record.id]) for row in found.rows]
    one = len({row.record.spec["dense_sha256"] for row in found.rows}) == 1
    if found.baseline == DENSE and found.classes and one:
        rows.insert(0, _dense_row([row.record for row in found.rows]))
    head = "".join(f'<th scope="col" style="{_CELL};text-align:left">{name}</th>' for name in COLUMNS)
    with st.container(key=keys.COMPARED):
        st.html(
            f'<div style="overflow-x:auto"><table style="{_TABLE}"><thead><tr>{head}</tr></thead>'
            f"<tbody>{''.join(rows)}</tbody></table></div>"
        )
    st.caption(panels.escape(_depends(found)))
    panels.as_table("comparison", comparison_table.comparison_data(found))


def legend(records: Sequence[Record], styles: Mapping[str, palette.Style]) -> None:
    """Draw an HTML legend, which wraps on narrow screens: a marker and a label per run; `styles` are by run id."""
    labels = run_facts.labels(list(records))
    runs = [
        f'<span style="white-space:nowrap;margin-right:1.4em">'
        f"{html_marks.marker(styles[record.id], hollow=False)}{schedule_html.text(labels[record.id])}</span>"
        for record in records
    ]
    size = "1.15rem" if presentation.is_on() else ".9rem"
    st.html(f'<div style="font-size:{size};overflow-x:auto">{" ".join(runs)}</div>')


def _row(row: ComparedRun, found: Comparison, label: str, style: palette.Style) -> str:
    itself = row.record.id == found.baseline
    fronts = [METRICS[cost].label for cost, best in row.front.items() if best]
    cells = [
        _figure(_FIRST, row, itself=itself),
        "<em>baseline</em>"
        if itself
        else html.escape(row.paired.verdict.words if row.paired else comparison_table.OTHER_IMAGES),
        *(_figure(metric, row, itself=itself) for metric in _OTHERS),
        html.escape(", ".join(fronts) or "–"),
    ]
    return _line(_name(row, label, style), cells, strong=itself)


def _dense_row(records: list[Record]) -> str:
    figures = [
        "measured with each run" if metric.is_timing else html.escape(metric.figure(records[0], "dense"))
        for metric in METRICS.values()
    ]
    cells = [figures[0], "<em>baseline</em>", *figures[1:], "–"]
    name = run_facts.dense_name(records[0].spec)
    suffix = f", {schedule_html.text(name)}" if name != SHIPPED else ""
    return _line(f"<strong>Dense network{suffix}</strong>", cells, strong=True)


def _name(row: ComparedRun, label: str, style: palette.Style) -> str:
    """Marker, label with a link to the run, and origin."""
    query = f"run={row.record.id}" + ("&present=1" if presentation.is_on() else "")
    link = f'<a href="inspect?{html.escape(query)}" target="_self">{schedule_html.text(label)}</a>'
    origin = run_facts.origin_words(row.record)
    return f'{html_marks.marker(style, hollow=row.record.recorded)}{link} <span style="opacity:.75">{origin}</span>'


def _figure(metric: RunMetric, row: ComparedRun, *, itself: bool) -> str:
    """The metric with its change below; the baseline itself has none."""
    value = f'<span style="white-space:nowrap">{html.escape(metric.figure(row.record, "final"))}</span>'
    change = metric.change(row)
    if itself or change is None:
        return value
    return f"{value}<br>{html_marks.signed(metric.change_text(change), metric.kind(row))}"


def _line(name: str, cells: list[str], *, strong: bool) -> str:
    back = f"color-mix(in srgb, currentColor {6 if strong else 0}%, {html_marks.theme().paper})"
    # On a narrow screen the figures scroll below the names of the runs.
    sticky = f"position:sticky;left:0;max-width:16em;min-width:9em;background:{back}"
    head = f'<th scope="row" style="{_CELL};text-align:left;font-weight:400;{sticky}">{name}</th>'
    figures = "".join(f'<td style="{_CELL}">{cell}</td>' for cell in cells)
    return f'<tr style="background:{back}">{head}{figures}</tr>'


def _depends(found: Comparison) -> str:
    shared = run_facts.shared([row.record for row in found.rows])
    lead = f"All runs: {', '.join(shared)}. " if shared else ""
    timed = sorted({_timed(row) for row in found.rows})
    images = " or ".join(sorted({row.record.result["images"]["test"] for row in found.rows}))
    classes = f"the {len(found.classes)} classes" if found.classes else "the classes"
    return (
        f"{lead}Final network of each run on {images}, one seed per run. Changes, in percentage points or percent, are "
        f"against {comparison_table.baseline_label(found)}; verdicts: exact McNemar test, "
        f"Holm-corrected over {classes}. Latency: median for one image, {'; '.join(timed)}. "
        "Click a run to open it."
    )


def _timed(row: ComparedRun) -> str:
    timing = row.record.result["latency"]["final_batch_1"]
    return f"{timing['device']}, {fmt.plural(timing['threads'], 'thread')}"
