"""Metrics of a run's record, as numbers, judged changes, labels and sentences."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from roboreg_core.evaluation.paired_tests import Verdict
from roboreg_core.evaluation.wilson_interval import Z, wilson
from roboreg_core.networks.registry import other_name
from roboreg_core.networks.spec import shipped_digest
from roboreg_core.paths import SHIPPED
from roboreg_core.pruning.methods import DEFAULT_CALIBRATION, DEFAULT_METHOD
from roboreg_core.runs.metric_changes import MetricChange
from roboreg_core.runs.preview import Preview, PreviewSpec
from roboreg_core.runs.results import STAGES, final_stage, kept_schedule, report_of
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.store.records import Record
from roboreg_core.wording import fmt
from roboreg_core.wording.dataset_facts import kind_parts
from roboreg_core.wording.network_facts import TRAINING_IMAGES

# Largest loss of accuracy, against the dense network, that the best run may have.
BEST_LOSES_AT_MOST = 0.03

SCHEDULE_WORDS = {
    "dense": "Keeping every filter",
    "minimal": "Dropping one filter in every block",
    "three-quarters": "Keeping three quarters of the filters in every block",
    "moderate": "Keeping half the filters in every block",
    "quarter": "Keeping a quarter of the filters in every block",
    "aggressive": "Keeping two filters in every block",
}


@dataclass(frozen=True, kw_only=True)
class JudgedChange(MetricChange):
    """A metric of a run and of its baseline, with the verdict on the change.

    Attributes:
        margin: half the width of the 95 % interval of `difference`, in its unit; 0 for exact counts.
        better: True for a gain, False for a loss, None if the change is not significant.
    """

    margin: float
    better: bool | None

    @property
    def verdict(self) -> str:
        """Kind of the change: `gain`, `loss`, `no change`, or `within noise` if not significant."""
        if self.better is None:
            return "within noise" if self.difference else "no change"
        return "gain" if self.better else "loss"

    @property
    def words(self) -> str:
        """Kind of the change as shown: `gain`, `loss`, `no change` or `not significant`."""
        return "not significant" if self.verdict == "within noise" else self.verdict


def origin_words(record: Record) -> str:
    """Origin of a run: `example`, or `yours` for one of this installation."""
    return "example" if record.recorded else "yours"


def schedule_of(record: Record) -> Schedule:
    """The schedule that the run's spec requests."""
    return Schedule.from_stored(record.spec)


def stages_of(record: Record) -> tuple[str, ...]:
    """The measured stages in order: dense, pruned and, for a fine-tuned run, tuned."""
    return tuple(stage for stage in STAGES if stage in record.result["stages"])


def accuracy(record: Record, stage: str | None = None) -> float:
    """Test accuracy, 0..1, of a stage; None: the last one."""
    return float(report_of(record, stage or final_stage(record))["accuracy"])


def judged(value: float, baseline: float, verdict: Verdict) -> JudgedChange:
    """A change of accuracy or recall (0..1) on the same images, judged by the paired test's `verdict`."""
    better = None if not verdict.is_significant else verdict.difference > 0
    return JudgedChange(value=value, baseline=baseline, margin=verdict.margin, better=better)


def counted(value: float, baseline: float, *, higher_is_better: bool = False) -> JudgedChange:
    """A change of an exact metric, e.g. MACs, against the baseline's: any difference is a gain or a loss."""
    better = None if value == baseline else (value > baseline) == higher_is_better
    return JudgedChange(value=value, baseline=baseline, margin=0.0, better=better)


def rates(value: float, baseline: float, images: int) -> JudgedChange:
    """A change of accuracy or recall (0..1), judged as two independent samples of `images` images each.

    It is significant if it exceeds the 95 % margin.
    """
    margin = Z * math.sqrt((value * (1 - value) + baseline * (1 - baseline)) / images)
    better = None if abs(value - baseline) <= margin else value > baseline
    return JudgedChange(value=value, baseline=baseline, margin=margin, better=better)


def best_run(records: Sequence[Record]) -> Record | None:
    """The run with the fewest parameters whose accuracy is at most `BEST_LOSES_AT_MOST` below its dense network's.

    If there is none, the most accurate run; None if no run prunes.
    """
    pruned = [record for record in records if not kept_schedule(record).is_dense]
    good = [record for record in pruned if _difference(record) >= -BEST_LOSES_AT_MOST]
    if good:
        return min(good, key=lambda record: (record.result["cost"]["parameters"], -accuracy(record)))
    return max(pruned, key=accuracy, default=None)


def limit_words() -> str:
    """`3 percentage points`: the largest loss of accuracy that the best run may have."""
    return fmt.points(BEST_LOSES_AT_MOST, 0)


def best_reason(record: Record) -> str:
    """The reason why `best_run` chose this run, as a noun phrase."""
    limit = limit_words()
    if _difference(record) >= -BEST_LOSES_AT_MOST:
        return f"the smallest network within {limit} of the dense network's accuracy"
    return f"the most accurate pruned network; none is within {limit} of the dense network's accuracy yet"


def finding(record: Record, change: JudgedChange) -> str:
    """One sentence: filters and parameters kept, and the change of accuracy against the dense network."""
    schedule = schedule_of(record)
    share = record.result["cost"]["parameters"] / record.result["dense_cost"]["parameters"]
    epochs = record.spec["epochs"]
    after = f"after {fmt.plural(epochs, 'epoch')} of fine-tuning" if epochs else "without fine-tuning"
    return (
        f"{schedule_words(schedule)} leaves {fmt.percent(share)} of the parameters "
        f"and {accuracy_words(change)} {after}."
    )


def schedule_words(schedule: Schedule) -> str:
    """A schedule as the beginning of a sentence, e.g. `Keeping half the filters in every block`."""
    return SCHEDULE_WORDS.get(
        schedule.name or "", f"Keeping {sum(schedule)} of {sum(schedule.bounds)} prunable filters"
    )


def accuracy_words(change: JudgedChange) -> str:
    """A change of accuracy as the predicate of a sentence, e.g. `costs 2.1 percentage points of accuracy`."""
    if change.better is None:
        return (
            f"does not change accuracy significantly ({fmt.signed_points(change.difference, unit='percentage points')})"
        )
    return f"{'gains' if change.better else 'costs'} {fmt.points(change.difference)} of accuracy"


def label(record: Record) -> str:
    """A run's label, e.g. `moderate · 5 epochs · seed 0`: schedule, epochs, seed, and settings that are not default."""
    return spec_label(record.spec)


def spec_label(spec: dict[str, Any]) -> str:
    """Label of a run as `label` gives it, from the JSON spec of a finished or unfinished run."""
    return fmt.SEPARATOR.join(_parts(spec))


def labels(records: Sequence[Record]) -> dict[str, str]:
    """Map the runs' ids to short unique labels: the schedule and the settings that these runs do not share.

    If labels are equal, the beginning of the run's id is appended.
    """
    parts = {record.id: _parts(record.spec) for record in records}
    same = set(shared(records))
    names = {
        run: fmt.SEPARATOR.join([first, *(part for part in rest if part not in same)])
        for run, (first, *rest) in parts.items()
    }
    times = Counter(names.values())
    digits = next(n for n in range(6, 65) if n == 64 or len({run[:n] for run in names}) == len(names))
    return {run: name if times[name] == 1 else f"{name}{fmt.SEPARATOR}{run[:digits]}" for run, name in names.items()}


def shared(records: Sequence[Record]) -> list[str]:
    """The parts of the runs' labels, other than the schedule, that are the same in all; [] for fewer than two runs."""
    rests = [_parts(record.spec)[1:] for record in records]
    return [part for part in rests[0] if all(part in rest for rest in rests)] if len(rests) > 1 else []


def _difference(record: Record) -> float:
    return accuracy(record) - accuracy(record, "dense")


def _parts(spec: dict[str, Any]) -> list[str]:
    """The parts of a label, the schedule first."""
    epochs = fmt.plural(spec["epochs"], "epoch") if spec["epochs"] else "no fine-tuning"
    schedule = Schedule.from_stored(spec)
    parts = [schedule.label, epochs, f"seed {spec['seed']}"]
    if spec["method"] != DEFAULT_METHOD:
        parts.insert(1, f"method {fmt.inline_text(spec['method'])}")
    if spec["recalibrate"]:
        parts.append("recalibrated")
    if spec["epochs"] and not spec.get("distil", False):  # older runs have no `distil`
        parts.append("labels only")
    if spec["training_set"] == "full":
        parts.append(TRAINING_IMAGES["full"])
    parts += kind_parts(schedule.architecture, spec["training_set"])
    if (dense := dense_name(spec)) != SHIPPED:
        parts.append(f"from {dense}")
    return parts


def dense_name(spec: dict[str, Any]) -> str:
    """Name of the dense network that a run started from.

    An example network called `dense` in an earlier version has its present name, or the beginning of its SHA-256.
    """
    name, digest = spec["dense"], spec["dense_sha256"]
    if name != SHIPPED:
        return fmt.inline_text(name)
    return SHIPPED if digest == shipped_digest() else other_name(digest) or f"{SHIPPED} {digest[:8]}"


def depends_on(record: Record) -> str:
    """Conditions of a run's accuracy as text: images, seed, precision, device."""
    environment, images = record.result["environment"], record.result["images"]
    tuned = f", fine-tuned on {images['training']}" if record.spec["epochs"] else ""
    return (
        f"{images['test']}{tuned}; one seed ({record.spec['seed']}); {environment['precision']}; "
        f"{environment['device']}, {fmt.plural(environment['threads'], 'thread')}"
    )


def best_epoch_words(record: Record) -> str:
    """Sentence on a fine-tuned run: the epoch that was kept, the last, and the best one on validation images."""
    best, last = record.result.get("best_epoch"), len(record.result["history"])
    kept = f"The last epoch is kept: {last} (test accuracy {fmt.percent(accuracy(record), 2)})"
    if best is None:  # older runs
        return f"{kept}."
    if best["epoch"] == last:
        return f"{kept}, also the best on validation images."
    return (
        f"{kept}; the best on validation images was epoch {best['epoch']} "
        f"(test accuracy {fmt.percent(best['accuracy'], 2)})."
    )


def preview_words(preview: Preview) -> str:
    """A preview's accuracy, and the larger side of its 95 % interval in percentage points: `86.4 % ± 1.5`."""
    low, high = wilson(preview.right, preview.images)
    side = max(preview.accuracy - low, high - preview.accuracy)
    return f"{fmt.percent(preview.accuracy)}{fmt.NBSP}±{fmt.NBSP}{side * 100:.1f}"


def preview_depends_on(spec: PreviewSpec, preview: Preview) -> str:
    """Conditions of a preview's accuracy as text: images, precision, method, seed, device."""
    method = f"{spec.method}, recalibrated" if spec.recalibrate else spec.method
    in_run = f" ({DEFAULT_CALIBRATION:,} in a run)" if preview.calibration != DEFAULT_CALIBRATION else ""
    calibration = f" with {preview.calibration:,} calibration images{in_run}" if preview.calibration else ""
    return (
        f"{preview.images:,} validation images, {preview.precision}; {method}{calibration}; one seed ({spec.seed}); "
        f"{preview.device}, {fmt.plural(preview.threads, 'thread')}"
    )
