"""The compared runs as a table of metrics, changes and verdicts, and the finding of the comparison."""

import pandas as pd

from roboreg_core.runs.comparison import ComparedRun, Comparison
from roboreg_core.runs.metric_changes import COSTS
from roboreg_core.runs.summary import DENSE
from roboreg_core.wording import fmt, run_facts
from roboreg_core.wording.run_metrics import METRICS, worst_row

# In place of a verdict.
OTHER_IMAGES = "other test images"


def comparison_data(comparison: Comparison) -> pd.DataFrame:
    """One row per run, with the unrounded figures of Compare's table.

    Columns: `run` (id), `label`, `origin` (`example` or `yours`), `network` (stage); per metric of `METRICS` its value
    and its `<metric>_change`, a difference for accuracy and recall (0..1), relative for costs; `<metric>_verdict` for
    accuracy and recall; change and verdict are None if the test images of run and baseline differ; `worst_class`;
    `front_<cost>`, True on the Pareto front; `method`, `epochs`, `seed`,
    `schedule`.
    """
    labels = run_facts.labels([row.record for row in comparison.rows])
    rows = []
    for row in comparison.rows:
        metrics: dict[str, float | str | None] = {}
        for name, metric in METRICS.items():
            change = metric.change(row)
            metrics[name] = metric.value(row.record)
            metrics[f"{name}_change"] = (
                None if change is None else change.relative if metric.verdict is None else change.difference
            )
            if metric.verdict is not None:
                verdict = metric.verdict(row)
                metrics[f"{name}_verdict"] = None if verdict is None else verdict.words
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
    """Title that names the smallest run without significant loss, else the most accurate one; for one run, its verdict.

    If the runs are of several data sets, it says that their accuracies cannot be compared.
    """
    if not comparison.classes:
        return f"{fmt.plural(len(comparison.rows), 'run')} on several data sets: their accuracies cannot be compared"
    labels = run_facts.labels([row.record for row in comparison.rows])
    baseline = baseline_label(comparison)
    others = [
        (row, row.paired.verdict) for row in comparison.rows if row.paired and row.record.id != comparison.baseline
    ]
    good = [row for row, verdict in others if verdict.kind != "loss"]
    if len(others) == 1:
        ((only, verdict),) = others
        return f"{labels[only.record.id]}: {verdict.words}, {_size(only)} of {baseline}"
    if good:
        best = min(good, key=lambda row: (row.counts["parameters"].value, -row.accuracy.value))
        return f"{labels[best.record.id]} is the smallest run with no significant loss, {_size(best)} of {baseline}"
    best, verdict = max(others, key=lambda each: each[0].accuracy.value)
    return f"Every run is significantly worse than {baseline}; {labels[best.record.id]} comes closest: {verdict.words}"


def left_out_words(part: str) -> str:
    """Sentence: `part` of a comparison is left out because its runs are of several data sets."""
    return f"{part} left out: this needs the same test images, and the runs are of several data sets."


def baseline_label(comparison: Comparison) -> str:
    """Name of the comparison's baseline: `the dense network` or a run's label."""
    if comparison.baseline == DENSE:
        return "the dense network"
    labels = run_facts.labels([row.record for row in comparison.rows])
    return labels.get(comparison.baseline) or run_facts.label(comparison.rows[0].baseline.record)


def _size(row: ComparedRun) -> str:
    parameters = row.counts["parameters"]
    return f"with {fmt.percent(parameters.value / parameters.baseline)} of the parameters"
