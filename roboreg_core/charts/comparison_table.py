"""The compared runs as a table of metrics, changes and verdicts, and the finding of the comparison."""

import pandas as pd

from roboreg_core.runs.comparison import ComparedRun, Comparison
from roboreg_core.runs.metric_changes import COSTS
from roboreg_core.runs.summary import DENSE
from roboreg_core.wording import fmt, run_facts
from roboreg_core.wording.run_metrics import METRICS, worst_row


def comparison_data(comparison: Comparison) -> pd.DataFrame:
    """One row per run, with the unrounded figures of Compare's table.

    Columns: `run` (id), `label`, `origin` (`example` or `yours`), `network` (stage); per metric of `METRICS` its value
    and its `<metric>_change`, a difference for accuracy and recall (0..1), relative for costs; `<metric>_verdict` for
    accuracy and recall; `worst_class`; `front_<cost>`, True on the Pareto front; `method`, `epochs`, `seed`,
    `schedule`.
    """
    labels = run_facts.labels([row.record for row in comparison.rows])
    rows = []
    for row in comparison.rows:
        metrics: dict[str, float | str] = {}
        for name, metric in METRICS.items():
            change = metric.change(row)
            metrics[name] = change.value
            metrics[f"{name}_change"] = change.relative if metric.verdict is None else change.difference
            if metric.verdict is not None:
                metrics[f"{name}_verdict"] = metric.verdict(row).words
        rows.append(
            {
                "run": row.record.id,
                "label": labels[row.record.id],
                "origin": run_facts.origin_words(row.record),
                "network": fmt.STAGE_WORDS[row.stage],
                **metrics,
                "worst_class": worst_row(row.record)["name"],
                **{f"front_{cost}": row.front[cost] for cost in COSTS},
                "method": row.record.spec["method"],
                "epochs": row.record.spec["epochs"],
                "seed": row.record.spec["seed"],
                "schedule": ",".join(map(str, row.record.result["schedule"])),
            }
        )
    return pd.DataFrame(rows)


def comparison_title(comparison: Comparison) -> str:
    """Title: the smallest run without significant loss, else the most accurate; for a single run, its verdict."""
    labels = run_facts.labels([row.record for row in comparison.rows])
    baseline = baseline_label(comparison)
    others = [row for row in comparison.rows if row.record.id != comparison.baseline]
    good = [row for row in others if row.paired.verdict.kind != "loss"]
    if len(others) == 1:
        (only,) = others
        return f"{labels[only.record.id]}: {only.paired.verdict.words}, {_size(only)} of {baseline}"
    if good:
        best = min(good, key=lambda row: (row.counts["parameters"].value, -row.accuracy.value))
        return f"{labels[best.record.id]} is the smallest run with no significant loss, {_size(best)} of {baseline}"
    best = max(others, key=lambda row: row.accuracy.value)
    return (
        f"Every run is significantly worse than {baseline}; {labels[best.record.id]} comes closest: "
        f"{best.paired.verdict.words}"
    )


def baseline_label(comparison: Comparison) -> str:
    """Name of the comparison's baseline: `the dense network` or a run's label."""
    if comparison.baseline == DENSE:
        return "the dense network"
    labels = run_facts.labels([row.record for row in comparison.rows])
    return labels.get(comparison.baseline) or run_facts.label(comparison.rows[0].baseline.record)


def _size(row: ComparedRun) -> str:
    parameters = row.counts["parameters"]
    return f"with {fmt.percent(parameters.value / parameters.baseline)} of the parameters"
