"""Summary of one run against a baseline, for the Inspect page and `runs show --json`.

The baseline is the run's dense network, or another run's final network.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from roboreg_core.errors import DataError
from roboreg_core.evaluation.paired_tests import Paired, compare
from roboreg_core.evaluation.prediction_changes import PredictionChanges, prediction_changes
from roboreg_core.runs import metric_changes
from roboreg_core.runs.comparability import Mismatch, mismatches
from roboreg_core.runs.predicted_classes import PredictedClasses, class_names, labels_of, predictions, same_images
from roboreg_core.runs.results import final_stage, report_of

if TYPE_CHECKING:
    import numpy as np

    from roboreg_core.store.records import Record
    from roboreg_core.store.store import Store

DENSE = "dense"


@dataclass(frozen=True, kw_only=True, eq=False)
class RunBaseline:
    """The network that a run is compared with.

    Attributes:
        name: `dense`, or the other run's id.
        record: the run that the network belongs to.
        stage: the stage of `record` whose network it is.
        predictions: the network's predictions on the test images.
    """

    name: str
    record: Record
    stage: str
    predictions: PredictedClasses

    @property
    def network(self) -> str:
        """Key of the network in the record's costs and timings: `dense`, or `final` for the last stage."""
        return DENSE if self.stage == DENSE else "final"

    @property
    def report(self) -> dict[str, Any]:
        """The network's `evaluation.metrics.Report` as JSON."""
        return report_of(self.record, self.stage)


@dataclass(frozen=True, kw_only=True, eq=False)
class Summary:
    """A run beside its baseline.

    Attributes:
        record: the run.
        classes: class names.
        labels: int64 (n,), true classes of the test images.
        predictions: stage -> predictions of its network.
        baseline: the network compared with.
        paired: stage -> paired comparison with the baseline.
        stage_changes: changed predictions from dense to pruned to fine-tuned; the key `damage` in JSON.
        flips: changed predictions from the baseline to the run's final network.
        reports: stage -> metrics per class with changes against the baseline, see `metric_changes.report_rows`.
        counts: cost -> its values for run and baseline, see `metric_changes.counts_of`.
        speeds: batch size -> speeds of (final network, baseline).
        unlike: properties other than schedule and method that differ from the baseline; empty for the dense network.
    """

    record: Record
    classes: tuple[str, ...]
    labels: np.ndarray
    predictions: dict[str, PredictedClasses]
    baseline: RunBaseline
    paired: dict[str, Paired]
    stage_changes: PredictionChanges
    flips: PredictionChanges
    reports: dict[str, list[dict[str, Any]]]
    counts: dict[str, metric_changes.MetricChange]
    speeds: dict[int, tuple[metric_changes.Speed, metric_changes.Speed]]
    unlike: tuple[Mismatch, ...]

    @property
    def final(self) -> str:
        """The run's last stage, `tuned` or `pruned`."""
        return final_stage(self.record)

    def confused(self, stage: str, true: int, predicted: int) -> np.ndarray:
        """Indices (n,) of the test images of class `true` that the network of `stage` classifies as `predicted`.

        `true` and `predicted` are indices into `classes`.
        """
        found = (self.labels == true) & (self.predictions[stage].classes == predicted)
        return found.nonzero()[0]

    def moved(self, stage: str, true: int, predicted: int) -> tuple[np.ndarray, np.ndarray]:
        """Indices of test images that enter, and that leave, a cell of the confusion matrix from baseline to `stage`.

        The cell has row `true` and column `predicted`. The difference of the two numbers of images is
        `paired[stage].confusion.difference[true, predicted]`.
        """
        now = (self.labels == true) & (self.predictions[stage].classes == predicted)
        before = (self.labels == true) & (self.baseline.predictions.classes == predicted)
        return (now & ~before).nonzero()[0], (before & ~now).nonzero()[0]

    def worst_class(self, stage: str | None = None) -> dict[str, Any]:
        """Row of `reports` for the class with the lowest recall at `stage`, by default the last one.

        It has one field more: `verdict`, the significance of its change, as JSON.
        """
        stage = stage or self.final
        rows = self.reports[stage][: len(self.classes)]
        index = metric_changes.worst_class(rows)
        return {**rows[index], "verdict": self.paired[stage].per_class[index].verdict.to_json()}

    def to_json(self, *, images: bool = False) -> dict[str, Any]:
        """JSON object with the figures of the run and their changes.

        Keys: `baseline` (`name`, `stage`), `stage` (the final one), `classes`, `unlike`; by stage: `paired`, `report`
        and `worst_class`; by band (group of images with the same change of prediction): `damage` (the attribute
        `stage_changes`) and `flips`; `counts` by cost; `layers`, an object per layer; `speed` by batch size.

        With `images`, each band also has the indices of its test images, as `places`.
        """
        damage, flips = self.stage_changes.to_json(), self.flips.to_json()
        if images:
            for followed, bands in ((self.stage_changes, damage), (self.flips, flips)):
                for name, band in bands.items():
                    band["places"] = followed.images(name).tolist()
        return {
            "baseline": {"name": self.baseline.name, "stage": self.baseline.stage},
            "stage": self.final,
            "classes": list(self.classes),
            "paired": {stage: paired.to_json() for stage, paired in self.paired.items()},
            "damage": damage,
            "flips": flips,
            "report": self.reports,
            "worst_class": {stage: self.worst_class(stage) for stage in self.reports},
            "counts": {name: pair.to_json() for name, pair in self.counts.items()},
            "layers": metric_changes.layer_rows(self.record),
            "speed": {
                str(batch): {
                    "final": asdict(final),
                    "baseline": asdict(baseline),
                    "apart": final.is_distinguishable_from(baseline),
                    "times_as_fast": baseline.milliseconds / final.milliseconds,
                }
                for batch, (final, baseline) in self.speeds.items()
            },
            "unlike": [each.to_json() for each in self.unlike],
        }


def baseline_of(record: Record, store: Store, other: Record | None = None) -> RunBaseline:
    """Baseline of a run: its dense network (`other` None), or the final network of the run `other`.

    Raises `StoreError`: logits are missing from the store.
    """
    source, name, stage = (record, DENSE, DENSE) if other is None else (other, other.id, final_stage(other))
    return RunBaseline(name=name, record=source, stage=stage, predictions=predictions(source, store)[stage])


def summary(record: Record, store: Store, other: Record | None = None) -> Summary:
    """Summarise a run against its dense network, or against the final network of the run `other`.

    Raises `StoreError`: logits are missing from the store; `DataError`: the runs are of different data sets, or a run
    was not measured on the test images.
    """
    if other is not None and not same_images(record, other):
        raise DataError(
            f"runs {record.id} and {other.id} must be measured on the same images, got two data sets; choose runs of "
            "one"
        )
    labels, found, baseline = labels_of(record), predictions(record, store), baseline_of(record, store, other)
    before, last = baseline.predictions.classes, final_stage(record)
    classes = class_names(record)
    return Summary(
        record=record,
        classes=classes,
        labels=labels,
        predictions=found,
        baseline=baseline,
        paired={stage: compare(labels, before, each.classes, len(classes)) for stage, each in found.items()},
        stage_changes=prediction_changes(labels, [each.classes for each in found.values()], len(classes)),
        flips=prediction_changes(labels, [before, found[last].classes], len(classes)),
        reports={
            stage: metric_changes.report_rows(record.result["stages"][stage], baseline.report)
            for stage in record.result["stages"]
        },
        counts=metric_changes.count_changes(record, baseline.record, baseline.network),
        speeds={
            batch: (
                metric_changes.speed_of(record, "final", batch),
                metric_changes.speed_of(baseline.record, baseline.network, batch),
            )
            for batch in metric_changes.BATCHES
        },
        unlike=mismatches([record, other]) if other is not None else (),
    )
