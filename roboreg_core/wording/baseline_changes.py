"""A run against its baseline, the dense network or another run: judged changes and sentences."""

import pandas as pd

from roboreg_core.runs.summary import DENSE, Summary
from roboreg_core.wording import fmt, run_facts


def is_dense(summary: Summary) -> bool:
    """True if the baseline is the dense network."""
    return summary.baseline.name == DENSE


def short_name(summary: Summary) -> str:
    """The baseline's name in tiles and charts: `dense` or `baseline`."""
    return "dense" if is_dense(summary) else "baseline"


def long_name(summary: Summary) -> str:
    """The baseline's name in a sentence: `the dense network`, or `the run` with its label."""
    return "the dense network" if is_dense(summary) else f"the run {run_facts.label(summary.baseline.record)}"


def accuracy(summary: Summary) -> run_facts.JudgedChange:
    """Change of test accuracy from the baseline to the run's last stage, judged by the paired test."""
    value = run_facts.accuracy(summary.record, summary.final)
    return run_facts.judged(value, summary.baseline.report["accuracy"], summary.paired[summary.final].verdict)


def worst_class(summary: Summary) -> tuple[str, run_facts.JudgedChange]:
    """Class with the lowest recall in the run's last stage, and the change of its recall from the baseline."""
    row = summary.worst_class()
    place = summary.classes.index(row["name"])
    before = summary.baseline.report["per_class"][place]["recall"]
    verdict = summary.paired[summary.final].per_class[place].verdict
    return row["name"], run_facts.judged(row["recall"], before, verdict)


def counted(summary: Summary, field: str) -> run_facts.JudgedChange:
    """Change of a cost, `parameters`, `macs`, `flops` or `size_bytes`, against the baseline; a decrease is a gain."""
    pair = summary.counts[field]
    return run_facts.counted(pair.value, pair.baseline)


def finding(summary: Summary) -> str:
    """One sentence: filters and parameters kept, and the change of accuracy against the baseline."""
    change = accuracy(summary)
    if is_dense(summary):
        return run_facts.finding(summary.record, change)
    parameters = summary.counts["parameters"]
    size = "as many parameters"
    if parameters.difference:
        size = f"{fmt.percent(abs(parameters.relative))} {'more' if parameters.difference > 0 else 'fewer'} parameters"
    kept = run_facts.schedule_words(run_facts.schedule_of(summary.record))
    return f"{kept} {run_facts.accuracy_words(change)} against {long_name(summary)}, with {size}."


def evidence(summary: Summary, stage: str | None = None) -> str:
    """Sentence on the test accuracy of `stage` (`dense`, `pruned`, `tuned`; None: the last) against the baseline.

    The sentence contains the verdict, the numbers of images that only one of the two networks classifies correctly, and
    the 95 % margin.
    """
    paired = summary.paired[stage or summary.final]
    flips, margin = paired.flips, paired.verdict.margin * 100
    other = "the dense network" if is_dense(summary) else "the baseline"
    return (
        f"{fmt.sentence_case(paired.verdict.words)}: of {flips.images:,} test images, {flips.lost:,} are "
        f"correct only in {other} and {flips.gained:,} only in this run (exact McNemar test; 95 % margin "
        f"±{margin:.1f}{fmt.NBSP}pp)."
    )


def verdicts(summary: Summary) -> pd.DataFrame:
    """The paired test of the last stage against the baseline: one row for all classes, then one per class.

    Columns: `class`; accuracies `dense` (`baseline` if that is a run) and `this run`, 0..1, and their difference
    `change`; `lost` and `gained`, numbers of images that only the baseline or only the run classifies correctly; `p`,
    Holm-corrected in the rows of classes; `verdict`.
    """
    paired = summary.paired[summary.final]
    rows = [("all classes", paired.flips, paired.verdict)]
    rows += [(name, e.flips, e.verdict) for name, e in zip(summary.classes, paired.per_class, strict=True)]
    return pd.DataFrame(
        {
            "class": name,
            short_name(summary): (flips.kept + flips.lost) / max(flips.images, 1),
            "this run": (flips.kept + flips.gained) / max(flips.images, 1),
            "change": verdict.difference,
            "lost": flips.lost,
            "gained": flips.gained,
            "p": verdict.p,
            "verdict": verdict.words,
        }
        for name, flips, verdict in rows
    )
