"""The compared runs as a table: metrics with signed changes and verdicts, and what the comparison found in words."""

from __future__ import annotations

import pandas as pd

from roboreg_core.runs.comparison import Comparison
from roboreg_core.runs.metric_pairs import COSTS
from roboreg_core.runs.summary import DENSE
from roboreg_core.wording import fmt, run_facts


def comparison_data(comparison: Comparison) -> pd.DataFrame:
    """A row a run, in the order of the comparison: figures with changes, verdicts, fronts, schedule."""
    labels = run_facts.labels([row.record for row in comparison.rows])
    rows = []
    for row in comparison.rows:
        hardest = min(range(len(row.recalls)), key=lambda each, row=row: row.recalls[each].value)  # type: ignore[misc]
        counts = {
            column: value
            for name, pair in row.counts.items()
            for column, value in ((name, pair.value), (f"{name}_change", pair.relative))
        }
        rows.append(
            {
                "run": row.record.id,
                "label": labels[row.record.id],
                "origin": "recorded" if row.record.recorded else "own",
                "network": row.stage,
                "accuracy": row.accuracy.value,
                "accuracy_change": row.accuracy.difference,
                "kind": row.paired.verdict.kind,
                "verdict": row.paired.verdict.words,
                "worst_class": comparison.classes[hardest],
                "worst_recall": row.recalls[hardest].value,
                "worst_recall_change": row.recalls[hardest].difference,
                "worst_verdict": row.paired.per_class[hardest].verdict.words,
                **counts,
                **{f"front_{cost}": row.front[cost] for cost in COSTS},
                "method": row.record.spec["method"],
                "epochs": row.record.spec["epochs"],
                "seed": row.record.spec["seed"],
                "schedule": ",".join(map(str, row.record.result["schedule"])),
            }
        )
    return pd.DataFrame(rows)


def comparison_title(comparison: Comparison) -> str:
    """The finding: the smallest run that is as accurate as the baseline within noise or better, or the closest one.

    Where only one run is compared with the baseline, what became of it.
    """
    labels = run_facts.labels([row.record for row in comparison.rows])
    baseline = baseline_label(comparison)
    others = [row for row in comparison.rows if row.record.id != comparison.baseline]
    good = [row for row in others if row.paired.verdict.kind != "loss"]
    if len(others) == 1:
        (only,) = others
        kept = fmt.percent(only.counts["parameters"].value / only.counts["parameters"].baseline)
        verdict = only.paired.verdict.words
        return f"{labels[only.record.id]}: {verdict}, with {kept} of the parameters of {baseline}"
    if good:
        best = min(good, key=lambda row: (row.counts["parameters"].value, -row.accuracy.value))
        share = best.counts["parameters"].value / best.counts["parameters"].baseline
        against = f"with {fmt.percent(share)} of the parameters of {baseline}"
        return f"{labels[best.record.id]} is the smallest that loses nothing real, {against}"
    best = max(others, key=lambda row: row.accuracy.value)
    return (
        f"Every run really lost against {baseline}; {labels[best.record.id]} comes closest: {best.paired.verdict.words}"
    )


def baseline_label(comparison: Comparison) -> str:
    """What the runs are compared with, in words."""
    if comparison.baseline == DENSE:
        return "the dense network"
    labels = run_facts.labels([row.record for row in comparison.rows])
    return labels.get(comparison.baseline) or run_facts.label(comparison.rows[0].baseline.record)
