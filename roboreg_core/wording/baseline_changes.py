"""A run against its baseline, dense network or other run, in changes that are judged and in sentences."""

from __future__ import annotations

import pandas as pd

from roboreg_core.runs.summary import DENSE, Summary
from roboreg_core.wording import fmt, run_facts


def is_dense(summary: Summary) -> bool:
    """True where the baseline is the dense network."""
    return summary.baseline.name == DENSE


def short_name(summary: Summary) -> str:
    """`dense` or `baseline`, for tiles and charts."""
    return "dense" if is_dense(summary) else "baseline"


def long_name(summary: Summary) -> str:
    """The baseline in a sentence: `the dense network`, or `the run` and its label."""
    return "the dense network" if is_dense(summary) else f"the run {run_facts.label(summary.baseline.record)}"


def accuracy(summary: Summary) -> run_facts.JudgedChange:
    """Test accuracy of the last stage against the baseline's, as the paired test judges it."""
    value = run_facts.accuracy(summary.record, summary.final)
    return run_facts.judged(value, summary.baseline.report["accuracy"], summary.paired[summary.final].verdict)


def worst_class(summary: Summary) -> tuple[str, run_facts.JudgedChange]:
    """The class with the lowest recall, and that recall against the baseline's for the same class."""
    row = summary.worst_class()
    place = summary.classes.index(row["name"])
    before = summary.baseline.report["per_class"][place]["recall"]
    return row["name"], run_facts.judged(row["recall"], before, summary.paired[summary.final].per_class[place].verdict)


def counted(summary: Summary, field: str) -> run_facts.JudgedChange:
    """`parameters`, `macs`, `flops` or `size_bytes` against the baseline's; fewer is a gain."""
    pair = summary.counts[field]
    return run_facts.counted(pair.value, pair.baseline)


def finding(summary: Summary) -> str:
    """One sentence: what the run keeps, and what that costs against the baseline."""
    change = accuracy(summary)
    if is_dense(summary):
        return run_facts.finding(summary.record, change)
    parameters = summary.counts["parameters"]
    size = "as many parameters"
    if parameters.difference:
        more = "more" if parameters.difference > 0 else "fewer"
        size = f"{fmt.percent(abs(parameters.relative))} {more} parameters"
    kept = run_facts.schedule_words(run_facts.schedule_of(summary.record))
    return f"{kept} {run_facts.accuracy_words(change)} against {long_name(summary)}, with {size}."


def evidence(summary: Summary, stage: str | None = None) -> str:
    """The verdict on the accuracy, the images that it rests on, and its margin."""
    paired = summary.paired[stage or summary.final]
    flips, verdict = paired.flips, paired.verdict
    other = "the dense network" if is_dense(summary) else "the baseline"
    sentence = verdict.words[:1].upper() + verdict.words[1:]
    return (
        f"{sentence}: of {flips.images:,} test images {flips.lost:,} are right only in {other} and {flips.gained:,} "
        f"only here (exact McNemar test; 95 % margin ±{verdict.margin * 100:.1f} points)."
    )


def verdicts(summary: Summary) -> pd.DataFrame:
    """The paired test over all classes and for each: `class`, shares right, `change`, flips, `p`, `verdict`.

    p of the classes is Holm-corrected over the ten. Shares and the change are 0..1.
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
