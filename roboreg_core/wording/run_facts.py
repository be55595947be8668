"""What a run's record says, in figures and in sentences."""

from __future__ import annotations

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
from roboreg_core.runs.preview import Preview, PreviewSpec
from roboreg_core.runs.results import STAGES, final_stage
from roboreg_core.schedules.schedule import BOUNDS, Schedule
from roboreg_core.store.records import Record
from roboreg_core.wording import fmt

# A run may be called the best only while it loses no more than this to the dense network.
BEST_LOSES_AT_MOST = 0.03
_SEPARATOR = " · "

SCHEDULE_WORDS = {
    "dense": "Keeping every filter",
    "minimal": "Dropping one filter in every block",
    "three-quarters": "Keeping three quarters of the filters in every block",
    "moderate": "Keeping half the filters in every block",
    "quarter": "Keeping a quarter of the filters in every block",
    "aggressive": "Keeping two filters in every block",
}


@dataclass(frozen=True, kw_only=True)
class JudgedChange:
    """A figure beside the dense network's.

    Attributes:
        value, dense: the two figures.
        margin: differences below it may be noise; 0 for what is counted exactly.
        better: True where it is a gain, False where a loss, None where it is within the margin.
    """

    value: float
    dense: float
    margin: float
    better: bool | None

    @property
    def difference(self) -> float:
        """Value minus dense."""
        return self.value - self.dense

    @property
    def relative(self) -> float:
        """The difference as a share of the dense figure, -1 and up; 0 where the dense figure is 0."""
        return self.difference / self.dense if self.dense else 0.0

    @property
    def verdict(self) -> str:
        """`gain`, `loss`, `no change` or `within noise`."""
        if self.better is None:
            return "within noise" if self.difference else "no change"
        return "gain" if self.better else "loss"


def schedule_of(record: Record) -> Schedule:
    """The schedule that was asked for."""
    return Schedule.from_json(record.spec["schedule"])


def stages_of(record: Record) -> tuple[str, ...]:
    """The stages that were measured, in order: dense, pruned and, after fine-tuning, tuned."""
    return tuple(stage for stage in STAGES if stage in record.result["stages"])


def report_of(record: Record, stage: str) -> dict[str, Any]:
    """The report of a stage, see `evaluation.report.Report`."""
    report: dict[str, Any] = record.result["stages"][stage]
    return report


def accuracy(record: Record, stage: str | None = None) -> float:
    """Test accuracy, 0..1, of a stage (of the last one for None)."""
    return float(report_of(record, stage or final_stage(record))["accuracy"])


def judged(value: float, baseline: float, verdict: Verdict) -> JudgedChange:
    """An accuracy or recall beside the baseline's on the same images, as the paired test judges it."""
    better = None if not verdict.is_real else verdict.difference > 0
    return JudgedChange(value=value, dense=baseline, margin=verdict.margin, better=better)


def counted(value: float, dense: float) -> JudgedChange:
    """Two exact counts, of which fewer is better."""
    return JudgedChange(value=value, dense=dense, margin=0.0, better=None if value == dense else value < dense)


def rates(value: float, dense: float, images: int) -> JudgedChange:
    """Two shares of so many images each, with the 95 % margin of two independent samples."""
    margin = Z * math.sqrt((value * (1 - value) + dense * (1 - dense)) / images)
    better = None if abs(value - dense) <= margin else value > dense
    return JudgedChange(value=value, dense=dense, margin=margin, better=better)


def best_run(records: Sequence[Record]) -> Record | None:
    """The smallest network that loses at most `BEST_LOSES_AT_MOST`; where none does, the most accurate pruned one."""
    pruned = [record for record in records if not Schedule.from_json(record.result["schedule"]).is_dense]
    good = [record for record in pruned if _difference(record) >= -BEST_LOSES_AT_MOST]
    if good:
        return min(good, key=lambda record: (record.result["cost"]["parameters"], -accuracy(record)))
    return max(pruned, key=accuracy, default=None)


def limit_words() -> str:
    """`3 points`: how much of the accuracy the best run may lose."""
    return fmt.NBSP.join((f"{BEST_LOSES_AT_MOST * 100:g}", "points"))


def best_reason(record: Record) -> str:
    """Why `best_run` chose this one."""
    limit = limit_words()
    if _difference(record) >= -BEST_LOSES_AT_MOST:
        return f"the smallest network that loses at most {limit} of accuracy to the dense one"
    return f"the most accurate pruned network; none stays within {limit} of the dense one yet"


def finding(record: Record, change: JudgedChange) -> str:
    """One sentence: what was kept, what that leaves, what it costs; `change` of accuracy against the dense network."""
    schedule = schedule_of(record)
    share = record.result["cost"]["parameters"] / record.result["dense_cost"]["parameters"]
    epochs = record.spec["epochs"]
    after = f"after {fmt.plural(epochs, 'epoch')} of fine-tuning" if epochs else "without fine-tuning"
    return (
        f"{schedule_words(schedule)} leaves {fmt.percent(share)} of the parameters "
        f"and {accuracy_words(change)} {after}."
    )


def schedule_words(schedule: Schedule) -> str:
    """A schedule as the beginning of a sentence."""
    return SCHEDULE_WORDS.get(schedule.name or "", f"Keeping {sum(schedule)} of {sum(BOUNDS)} inner filters")


def accuracy_words(change: JudgedChange) -> str:
    """`costs 2.1 points of accuracy`, `gains ...`, or that nothing can be told from noise."""
    points = f"{abs(change.difference) * 100:.1f}"
    if change.better is None:
        return f"changes accuracy by no more than noise ({fmt.signed_points(change.difference)})"
    unit = "point" if points == "1.0" else "points"
    return f"{'gains' if change.better else 'costs'} {points}{fmt.NBSP}{unit} of accuracy"


def label(record: Record) -> str:
    """A run's name: its schedule and what else sets it apart from its neighbours."""
    return spec_label(record.spec)


def spec_label(spec: dict[str, Any]) -> str:
    """The same for the spec of a run that is not finished."""
    return _SEPARATOR.join(_parts(spec))


def labels(records: Sequence[Record]) -> dict[str, str]:
    """Id -> what tells each run from these others: its schedule, and of the rest only what they do not all share.

    Where two would have the same, the beginning of the id sets them apart.
    """
    parts = {record.id: _parts(record.spec) for record in records}
    same = set(shared(records))
    names = {
        run: _SEPARATOR.join([first, *(part for part in rest if part not in same)])
        for run, (first, *rest) in parts.items()
    }
    each = Counter(names.values())
    digits = next(n for n in range(6, 65) if n == 64 or len({run[:n] for run in names}) == len(names))
    return {run: name if each[name] == 1 else f"{name}{_SEPARATOR}{run[:digits]}" for run, name in names.items()}


def shared(records: Sequence[Record]) -> list[str]:
    """What all of several runs have in common besides the schedule, as `label` says it; [] for fewer than two."""
    rests = [_parts(record.spec)[1:] for record in records]
    return [part for part in rests[0] if all(part in rest for rest in rests)] if len(rests) > 1 else []


def _difference(record: Record) -> float:
    return accuracy(record) - accuracy(record, "dense")


def _parts(spec: dict[str, Any]) -> list[str]:
    """The parts of a label, the schedule first."""
    epochs = fmt.plural(spec["epochs"], "epoch") if spec["epochs"] else "no fine-tuning"
    parts = [Schedule.from_json(spec["schedule"]).label, epochs, f"seed {spec['seed']}"]
    if spec["method"] != DEFAULT_METHOD:
        parts.insert(1, f"method {fmt.contained(spec['method'])}")
    if spec["recalibrate"]:
        parts.append("recalibrated")
    if spec["epochs"] and not spec.get("distil", False):  # stored before there was distillation
        parts.append("not distilled")
    if spec["training_set"] == "full":
        parts.append("48,000 images")
    if (dense := dense_name(spec)) != SHIPPED:
        parts.append(f"from {dense}")
    return parts


def dense_name(spec: dict[str, Any]) -> str:
    """What the dense network is called that a run starts from.

    One that shipped as `dense` before another did is told by the name that it ships under now, else by its digest.
    """
    name, digest = spec["dense"], spec["dense_sha256"]
    if name != SHIPPED:
        return fmt.contained(name)
    return SHIPPED if digest == shipped_digest() else other_name(digest) or f"{SHIPPED} {digest[:8]}"


def depends_on(record: Record) -> str:
    """What the accuracy figures depend on."""
    environment, images = record.result["environment"], record.result["images"]
    tuned = f", fine-tuned on {images['training']}" if record.spec["epochs"] else ""
    return (
        f"{images['test']}{tuned}; one seed ({record.spec['seed']}); {environment['precision']}; "
        f"{environment['device']}, {fmt.plural(environment['threads'], 'thread')}"
    )


def best_epoch_words(record: Record) -> str:
    """Which epoch is kept, and which was best on validation images, for a fine-tuned run."""
    best, last = record.result.get("best_epoch"), len(record.result["history"])
    kept = f"Kept is the last epoch, {last} ({fmt.percent(accuracy(record), 2)} of the test images)"
    if best is None:  # stored before the best epoch was
        return f"{kept}."
    if best["epoch"] == last:
        return f"{kept}; it was also the best on validation images."
    reached = f"{fmt.percent(best['accuracy'], 2)} of the test images"
    return f"{kept}; best on validation images was epoch {best['epoch']} ({reached})."


def preview_change(preview: Preview) -> JudgedChange:
    """A preview's accuracy against the dense network's on the same images, see `rates`."""
    return rates(preview.accuracy, preview.dense_accuracy, preview.images)


def preview_words(preview: Preview) -> str:
    """`86.4 % ± 1.5`: the accuracy with the larger side of its 95 % interval, in points."""
    low, high = wilson(preview.right, preview.images)
    side = max(preview.accuracy - low, high - preview.accuracy)
    return f"{fmt.percent(preview.accuracy)}{fmt.NBSP}±{fmt.NBSP}{side * 100:.1f}"


def preview_depends_on(spec: PreviewSpec, preview: Preview) -> str:
    """What a preview depends on."""
    method = f"{spec.method}, recalibrated" if spec.recalibrate else spec.method
    run = f" (a run: {DEFAULT_CALIBRATION:,})" if preview.calibration != DEFAULT_CALIBRATION else ""
    looked = f" on {preview.calibration:,} training images{run}" if preview.calibration else ""
    return (
        f"{preview.images:,} validation images, {preview.precision}; {method}{looked}; one seed ({spec.seed}); "
        f"{preview.device}, {fmt.plural(preview.threads, 'thread')}"
    )
