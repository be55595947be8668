"""Comparison of several runs against one baseline, for the Compare page and the verb `compare`."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from roboreg_core.errors import SpecError
from roboreg_core.evaluation.paired_tests import Paired, compare
from roboreg_core.evaluation.pareto_front import pareto_front
from roboreg_core.evaluation.shared_errors import SharedErrors, overlap
from roboreg_core.runs import metric_changes
from roboreg_core.runs.comparability import Mismatch, mismatches
from roboreg_core.runs.predicted_classes import class_names, labels_of, predictions, same_images
from roboreg_core.runs.results import final_stage, kept_schedule, report_of
from roboreg_core.runs.summary import DENSE, RunBaseline, baseline_of

if TYPE_CHECKING:
    from roboreg_core.store.records import Record
    from roboreg_core.store.store import Store

FEWEST, MOST = 2, 16


@dataclass(frozen=True, kw_only=True, eq=False)
class ComparedRun:
    """One run of a comparison.

    Attributes:
        record: the run.
        stage: its last stage, whose network is compared.
        baseline: the run's dense network, or the chosen baseline run.
        accuracy: test accuracy, 0..1, of the run and of the baseline.
        paired: paired comparison with the baseline; None if that was measured on other test images.
        counts: changes of the costs in `metric_changes.counts_of` against the baseline.
        recalls: changes of the recall per class against the baseline; () without `paired`.
        front: for each of `COSTS`, True if the run is Pareto-optimal in the comparison.
    """

    record: Record
    stage: str
    baseline: RunBaseline
    accuracy: metric_changes.MetricChange
    paired: Paired | None
    counts: dict[str, metric_changes.MetricChange]
    recalls: tuple[metric_changes.MetricChange, ...]
    front: dict[str, bool]

    def to_json(self) -> dict[str, Any]:
        """JSON object: identity and settings of the run, and its changes against the baseline.

        Identity and settings: `run` (its id), `created`, `recorded` (True for an example run), `stage`, `schedule`,
        `architecture` unless it is the default, `method`, `epochs`, `seed`.

        Changes: `accuracy`; `verdict` and `flips`, both None without `paired`; `counts` by cost; `recalls`, an object
        per class; `front` by cost.
        """
        spec, paired = self.record.spec, self.paired
        return {
            "run": self.record.id,
            "created": self.record.created,
            "recorded": self.record.recorded,
            "stage": self.stage,
            **kept_schedule(self.record).stored(),
            "method": spec["method"],
            "epochs": spec["epochs"],
            "seed": spec["seed"],
            "accuracy": self.accuracy.to_json(),
            "verdict": paired and paired.verdict.to_json(),
            "flips": paired and asdict(paired.flips),
            "counts": {name: pair.to_json() for name, pair in self.counts.items()},
            "recalls": [
                {**pair.to_json(), "p": flips.p, "verdict": flips.verdict.to_json()}
                for pair, flips in zip(self.recalls, paired.per_class if paired else (), strict=True)
            ],
            "front": self.front,
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """Several runs compared with a baseline.

    Attributes:
        baseline: `dense` for each run's own dense network, or a run's id.
        classes: class names; () if runs or baseline are of several data sets.
        rows: one per run, in the order of `compare_runs`' argument.
        differs: per block of the deepest network, True if the schedules differ.
        overlap: shared errors among the images that each run loses against its dense network, in the order of `rows`;
            None if runs or baseline are of several data sets.
        unlike: properties other than schedule and method that differ between the runs, e.g. the seed.
    """

    baseline: str
    classes: tuple[str, ...]
    rows: tuple[ComparedRun, ...]
    differs: tuple[bool, ...]
    overlap: SharedErrors | None
    unlike: tuple[Mismatch, ...]

    def to_json(self) -> dict[str, Any]:
        """JSON object with the attributes; `rows` has the key `runs`, see `ComparedRun.to_json`."""
        return {
            "baseline": self.baseline,
            "classes": list(self.classes),
            "runs": [row.to_json() for row in self.rows],
            "differs": list(self.differs),
            "overlap": self.overlap and self.overlap.to_json(),
            "unlike": [each.to_json() for each in self.unlike],
        }


def compare_runs(records: Sequence[Record], store: Store, baseline: Record | None = None) -> Comparison:
    """Compare runs with their dense networks, or with the run `baseline`, which may be one of them.

    Runs of several data sets are compared without what needs the same test images.

    Raises `SpecError`: there are fewer than `FEWEST` or more than `MOST` runs, or one is listed twice; `StoreError`:
    logits are missing from the store; `DataError`: a data set is missing.
    """
    _check(records)
    costs = [metric_changes.counts_of(record, "final") for record in records]
    accuracies = [report_of(record, final_stage(record))["accuracy"] for record in records]
    fronts = {name: pareto_front([cost[name] for cost in costs], accuracies) for name in metric_changes.COSTS}
    rows = tuple(
        _row(
            record,
            baseline_of(record, store, baseline),
            store,
            {name: bool(front[i]) for name, front in fronts.items()},
        )
        for i, record in enumerate(records)
    )
    schedules = [kept_schedule(record).counts for record in records]
    among = records if baseline is None or baseline.id in {record.id for record in records} else [*records, baseline]
    alike = all(same_images(record, among[0]) for record in among)
    return Comparison(
        baseline=DENSE if baseline is None else baseline.id,
        classes=class_names(records[0]) if alike else (),
        rows=rows,
        differs=tuple(len(set(counts)) > 1 for counts in itertools.zip_longest(*schedules)),
        overlap=_overlap(records, store) if alike else None,
        unlike=mismatches(among),
    )


def _check(records: Sequence[Record]) -> None:
    if not FEWEST <= len(records) <= MOST:
        raise SpecError(f"a comparison takes {FEWEST} to {MOST} runs, got {len(records)}")
    ids = [record.id for record in records]
    twice = next((run for run in ids if ids.count(run) > 1), None)
    if twice is not None:
        raise SpecError(f"run {twice} is listed twice: a comparison takes each run once")


def _row(record: Record, baseline: RunBaseline, store: Store, front: dict[str, bool]) -> ComparedRun:
    stage = final_stage(record)
    report, paired = report_of(record, stage), None
    recalls: tuple[metric_changes.MetricChange, ...] = ()
    if same_images(record, baseline.record):
        before, after = baseline.predictions.classes, predictions(record, store)[stage].classes
        paired = compare(labels_of(record), before, after, len(class_names(record)))
        recalls = tuple(
            metric_changes.MetricChange(value=row["recall"], baseline=other["recall"])
            for row, other in zip(report["per_class"], baseline.report["per_class"], strict=True)
        )
    return ComparedRun(
        record=record,
        stage=stage,
        baseline=baseline,
        accuracy=metric_changes.MetricChange(value=report["accuracy"], baseline=baseline.report["accuracy"]),
        paired=paired,
        counts=metric_changes.count_changes(record, baseline.record, baseline.network),
        recalls=recalls,
        front=front,
    )


def _overlap(records: Sequence[Record], store: Store) -> SharedErrors:
    """Shared errors among the images that each dense network classifies correctly and the final network does not."""
    lost, right = [], 0
    for record in records:
        labels, found = labels_of(record), predictions(record, store)
        was = found[DENSE].classes == labels
        lost.append(was & (found[final_stage(record)].classes != labels))
        right = max(right, int(was.sum()))
    return overlap(np.stack(lost), right)
