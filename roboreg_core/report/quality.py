"""Sections on what pruning did to the answers: accuracy, the images it lost, classes, confusions.

Every figure and verdict is the `Summary`'s, which `runs show RUN --json` prints.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from roboreg_core.charts import classes, confusion, damage, difference, facts, words
from roboreg_core.evaluation.paired import p_words
from roboreg_core.report.cells import STAGE_WORDS, counted, judged, moved, share
from roboreg_core.report.document import Block, Cell, Figure, Number, Prose, Section, Table
from roboreg_core.report.svg import INK, drawn
from roboreg_core.runs.figures import MEASURES
from roboreg_core.runs.summary import Summary

RULE = (
    "Verdicts are of exact McNemar tests on the images that only one of the two networks has right; those of classes "
    "are corrected over ten (Holm). Within noise: p of 0.05 or more. The margin is that of the paired difference, 95 %."
)


def stages(found: Summary, against: str) -> Section:
    """Accuracy of each stage, and the paired comparison with the baseline."""
    record, rows = found.record, []
    for stage, paired in found.paired.items():
        report, verdict = facts.report_of(record, stage), paired.verdict
        loss = Number(value=report["loss"], text=f"{report['loss']:.4f}")
        beside: list[Cell] = ["", "", "", "", ""]
        if stage != found.baseline.stage or found.baseline.record is not record:
            margin = Number(value=verdict.margin, text=f"±{verdict.margin * 100:.2f} points")
            flips = (counted(paired.flips.lost), counted(paired.flips.gained))
            beside = [judged(verdict, 2), margin, *flips, verdict.words]
        rows.append([STAGE_WORDS[stage], share(report["accuracy"], 2), loss, *beside])
    columns = ["network", "accuracy", "loss (nats)", f"change to {against}", "margin", "lost", "gained", "verdict"]
    return Section(
        title="Accuracy",
        blocks=[
            Table(caption=f"On {record.result['images']['test']}", columns=columns, rows=rows),
            Prose(text="Lost: images that only the baseline has right. Gained: that only this network has right."),
            Prose(text=RULE, kind="note"),
            Prose(text=f"Depends on: {facts.depends_on(record)}.", kind="note"),
            *([Prose(text=facts.best_epoch_words(record), kind="note")] if record.result["history"] else []),
        ],
    )


def followed(found: Summary) -> Section:
    """What became of every test image from dense to pruned to tuned."""
    frame = damage.damage_data(found)
    figure = Figure(
        title=damage.damage_title(frame), svg=drawn(damage.damage_chart(frame), "damage", damage.damage_alt(frame))
    )
    meanings = Table(
        caption="What became of the test images",
        columns=["band", "which are", "images"],
        rows=[
            [damage.BAND_WORDS[band], meaning, counted(found.damage.count(band))]
            for band, meaning in found.damage.meanings.items()
        ],
    )
    table = damage.damage_table(frame)
    rows: list[Sequence[Cell]] = [
        [str(name), *(int(count) for count in row)] for name, row in zip(table.index, table.to_numpy(), strict=True)
    ]
    by_class = Table(
        caption="What became of them, by class", columns=["class", *map(str, table.columns)], rows=rows, folded=True
    )
    return Section(title="Damage", blocks=[figure, meanings, by_class])


def by_class(found: Summary, against: str) -> Section:
    """The report class by class with its changes, and the verdict on each class."""
    frame = classes.classes_data(found.record, found.final)
    figure = Figure(
        title=classes.classes_title(frame),
        svg=drawn(classes.classes_chart(frame), "classes", classes.classes_alt(frame)),
    )
    verdicts = [each.verdict for each in found.paired[found.final].per_class]
    rows: list[Sequence[Cell]] = []
    for place, row in enumerate(found.reports[found.final]):
        verdict = verdicts[place] if place < len(verdicts) else None
        cells: list[Cell] = [row["name"]]
        for measure in MEASURES:
            change = row[f"{measure}_change"]
            tested = verdict is not None and measure == "recall"
            cells += [share(row[measure]), judged(verdict) if verdict and tested else moved(change)]
        rows.append([*cells, counted(row["support"]), "" if verdict is None else verdict.words])
    names = {"precision": "precision", "recall": "recall", "f1": "F1"}
    columns = ["class", *(each for name in names.values() for each in (name, "change")), "images", "verdict on recall"]
    table = Table(
        caption=f"The {STAGE_WORDS[found.final]} network, class by class, against {against}", columns=columns, rows=rows
    )
    worst = found.worst_class()
    words_ = f"Worst class: {worst['name']}, {words.percent(worst['recall'])} recalled; {worst['verdict']['words']}."
    return Section(title="Classes", blocks=[figure, Prose(text=words_), table])


def confusions(found: Summary, against: str) -> Section:
    """The confusion matrix, and its difference to the baseline's."""
    frame = confusion.confusion_data(facts.report_of(found.record, found.final))
    drawing = confusion.confusion_chart(frame, ink=INK)
    blocks: list[Block] = [
        Figure(title=confusion.confusion_title(frame), svg=drawn(drawing, "confusion", confusion.confusion_alt(frame))),
        _matrix(confusion.confusion_table(frame, "count"), "Confusion matrix as table"),
    ]
    change = found.paired[found.final].confusion
    changed = difference.difference_data(change, found.classes)
    alt = difference.difference_alt(changed, against)
    blocks += [
        Figure(
            title=difference.difference_title(changed, against),
            svg=drawn(difference.difference_chart(changed, ink=INK), "difference", alt),
        ),
        _matrix(difference.difference_table(changed), "Difference as table"),
    ]
    real: list[Sequence[Cell]] = [
        [f"{row['true']} taken for {row['predicted']}", row["before"], row["after"], row["signed"], p_words(row["p"])]
        for row in changed[changed["is_real"]].sort_values("better").to_dict("records")
    ]
    if real:
        columns = ["cell", "before", "after", "difference", "corrected p"]
        blocks.append(Table(caption="Cells that really changed", columns=columns, rows=real, folded=True))
    return Section(title="Confusion matrix", blocks=[*blocks, Prose(text=difference.RULE, kind="note")])


def _matrix(table: pd.DataFrame, caption: str) -> Table:
    rows: list[Sequence[Cell]] = [
        [str(true), *(int(count) for count in row)] for true, row in zip(table.index, table.to_numpy(), strict=True)
    ]
    return Table(caption=caption, columns=["true \\ predicted", *map(str, table.columns)], rows=rows, folded=True)
