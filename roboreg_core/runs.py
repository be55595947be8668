"""A run: prune a dense network to a schedule, fine-tune it, and measure it before, between and after.

`RunSpec` says all that determines the outcome; its hash is the run's identity. `execute` does the work and knows
nothing of where it runs: the job engine calls it in a worker, the command line in its own process.
"""

from __future__ import annotations

import hashlib
import io
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from roboreg_core.device import choose_device, environment
from roboreg_core.errors import SpecError
from roboreg_core.jobs.task import Context, Output, Stopped, Task
from roboreg_core.model.cost import Cost, cost
from roboreg_core.schedule import PRESETS, Schedule

if TYPE_CHECKING:
    import torch

    from roboreg_core.data.images import Images
    from roboreg_core.model.checkpoints import Checkpoint
    from roboreg_core.model.resnet import ResNet20
    from roboreg_core.store.records import Record
    from roboreg_core.store.store import Store

KIND = "run"
FUNCTION = "roboreg_core.runs:execute"
# Part of every run's identity: raise it where a change of the code changes results.
METHOD_VERSION = 1
STAGES = ("dense", "pruned", "tuned")
DEFAULT_EPOCHS = 5
# For estimates before anything was measured on this machine: two CPU cores.
TRAIN_IMAGES_PER_SECOND = 600.0
EVALUATE_IMAGES_PER_SECOND = 1_500.0
FIXED_SECONDS = 15.0


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """All that determines a run's result.

    Attributes:
        schedule: clusters a block.
        method, recalibrate: how to prune, see `pruning.prune.PruneSpec`.
        epochs: of fine-tuning; 0 leaves it out.
        seed: of clustering, calibration images and fine-tuning.
        dense, dense_sha256: name and weights of the dense network.
        training_set: `bundled` (10,000 images) or `full` (48,000).
        learning_rate, batch_size: of fine-tuning.
        device: `auto`, `cpu` or `cuda`; not part of the identity.
    """

    schedule: Schedule
    dense: str
    dense_sha256: str
    training_set: str
    method: str = "merge"
    recalibrate: bool = True
    epochs: int = DEFAULT_EPOCHS
    seed: int = 0
    learning_rate: float = 0.02
    batch_size: int = 128
    device: str = "auto"

    def __post_init__(self) -> None:
        from roboreg_core.pruning.prune import PruneSpec

        PruneSpec(method=self.method, recalibrate=self.recalibrate, seed=self.seed)
        if self.training_set not in ("bundled", "full"):
            raise SpecError(f"training images must be bundled or full, got {self.training_set!r}")
        if self.device.partition(":")[0] not in ("auto", "cpu", "cuda"):
            raise SpecError(f"device must be auto, cpu or cuda, got {self.device!r}")
        if self.epochs != 0:
            self._tuning()

    @property
    def id(self) -> str:
        """Identity: the first 16 hex digits of the SHA-256 of everything that determines the result."""
        determines = {**self.to_json(), "version": METHOD_VERSION}
        del determines["device"], determines["dense"]
        text = json.dumps(determines, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        """A JSON object from which `from_json` makes an equal spec."""
        return {**asdict(self), "schedule": self.schedule.to_json()}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> RunSpec:
        """Read what `to_json` wrote."""
        return cls(**{**value, "schedule": Schedule.from_json(value["schedule"])})

    def _tuning(self) -> Any:
        from roboreg_core.training.spec import fine_tune

        return replace(fine_tune(self.epochs, self.seed), learning_rate=self.learning_rate, batch_size=self.batch_size)

    def command(self) -> str:
        """The command line that repeats this run."""
        options = [f"--method {self.method}", "--recalibrate" if self.recalibrate else "--no-recalibrate"]
        options += [f"--epochs {self.epochs}", f"--seed {self.seed}", f"--images {self.training_set}"]
        options += [f"--learning-rate {self.learning_rate:g}", f"--batch-size {self.batch_size}"]
        if self.dense != "dense":
            options.append(f"--from {self.dense}")
        return f"python -m roboreg_core run {self.schedule} {' '.join(options)}"


def spec_for(schedule: Schedule, checkpoint: Checkpoint, training_set: str = "auto", **settings: Any) -> RunSpec:
    """A spec that starts from `checkpoint`; `training_set` may be `auto`."""
    from roboreg_core.data.sources import resolve_training_set

    return RunSpec(
        schedule=schedule,
        dense=checkpoint.name,
        dense_sha256=checkpoint.sha256,
        training_set=resolve_training_set(training_set),
        **settings,
    )


def task_for(spec: RunSpec, checkpoint: Checkpoint, store: Store) -> Task:
    """What to hand to the job engine; the dense network's bytes are put into the store for the worker."""
    digest = store.artifacts.put(checkpoint.content)
    return Task(kind=KIND, key=spec.id, function=FUNCTION, spec=spec.to_json(), inputs={"dense": digest})


def estimate_seconds(spec: RunSpec, records: Sequence[Record] = ()) -> float:
    """How long a run will take, from the newest run's measured speed, scaled by MACs; else from two CPU cores."""
    from roboreg_core.data.sources import TRAINING_COUNTS

    train, evaluate = TRAIN_IMAGES_PER_SECOND, EVALUATE_IMAGES_PER_SECOND
    share = cost(spec.schedule).macs / cost(PRESETS["dense"]).macs
    own = [record.result for record in records if not record.recorded and record.kind == KIND]
    speed = next((result["speed"] for result in own if result.get("speed", {}).get("dense_equivalent")), None)
    if speed is not None:
        train, evaluate = speed["dense_equivalent"], speed["evaluate"]
    # Half of a step's time does not shrink with the widths: batch norm, additions, augmentation.
    tuning = spec.epochs * TRAINING_COUNTS[spec.training_set] / train * (0.5 + 0.5 * share)
    stages = 3 if spec.epochs else 2
    return FIXED_SECONDS + stages * 10_000 / evaluate + tuning


def execute(spec_json: dict[str, Any], context: Context) -> Output:
    """Do a run. `context.inputs["dense"]` holds the dense network as safetensors.

    Returns a result whose `stages` hold the reports of the dense, the pruned and the tuned network (the last only where
    fine-tuning was asked for), with weights and logits as artefacts.

    Raises `Stopped` where the context says so, `RoboRegError` on bad input.
    """
    from roboreg_core.data import sources
    from roboreg_core.model import checkpoints

    spec = RunSpec.from_json(spec_json)
    device = choose_device(spec.device)
    teller = _Teller(context, spec)
    teller.begin("load")
    dense = checkpoints.from_bytes(context.inputs["dense"], spec.dense)
    if dense.sha256 != spec.dense_sha256:
        raise SpecError(f"the dense network must have SHA-256 {spec.dense_sha256[:12]}, got {dense.sha256[:12]}")
    training, test = sources.training_images(spec.training_set), sources.test_images()
    measured = _Measured(test, device, teller)
    measured.stage("dense", dense.model)
    pruned = _prune(spec, dense.model, training, device, teller)
    measured.stage("pruned", pruned.model)
    final, tuning = pruned.model, None
    if spec.epochs:
        tuning = _tune(spec, pruned.model, training, device, context, teller)
        final = tuning["model"]
        measured.stage("tuned", final)
    timings = _timings(dense.model, final, device, teller)
    content = checkpoints.to_bytes(final)
    result = {
        "schedule": final.schedule.to_json(),
        "cost": _cost_json(cost(final.schedule)),
        "dense_cost": _cost_json(cost(dense.model.schedule)),
        "stages": measured.reports,
        "history": tuning["history"] if tuning else [],
        "pruning": {
            "blocks": [block.to_json() for block in pruned.blocks],
            "notes": list(pruned.notes),
            "seconds": pruned.seconds,
        },
        "latency": timings,
        "speed": {**measured.speed, **(tuning["speed"] if tuning else {})},
        "file_bytes": len(content),
        "images": {"training": training.name, "test": test.name},
        "environment": {**environment(device), "precision": _precisions(spec)},
        "command": spec.command(),
        "seconds": teller.seconds(),
    }
    return Output(result=result, artifacts={"weights": content, **measured.artifacts})


def card_for(record: Record, content: bytes) -> dict[str, Any]:
    """The JSON card of a run's weights."""
    from roboreg_core.model import checkpoints

    model = checkpoints.from_bytes(content).model
    last = final_stage(record)
    return checkpoints.make_card(
        model,
        content,
        name=f"run-{record.id}",
        run=record.id,
        spec=record.spec,
        images=record.result["images"],
        accuracy={"test": record.result["stages"][last]["accuracy"], "images": 10_000, "precision": "float32"},
        history=record.result["history"],
        reproduce=record.result["command"],
        environment=record.result["environment"],
        created=record.created,
    )


def final_stage(record: Record) -> str:
    """`tuned` where there was fine-tuning, else `pruned`."""
    return "tuned" if "tuned" in record.result["stages"] else "pruned"


def load_logits(record: Record, store: Store) -> dict[str, Any]:
    """The logits of each stage, numpy float32 (n_images, 10), read from the artefacts."""
    import numpy as np

    named = record.result["artifacts"]
    return {
        stage: np.load(io.BytesIO(store.artifacts.get(named[f"logits_{stage}"])), allow_pickle=False)
        for stage in record.result["stages"]
    }


def predictions_csv(record: Record, store: Store) -> str:
    """Every test image with its true class and each stage's predicted class and confidence, as CSV."""
    import numpy as np
    import pandas as pd

    from roboreg_core.data.images import CLASSES
    from roboreg_core.data.sources import test_images

    names = np.array(CLASSES)
    labels = test_images().labels.numpy()
    frame = pd.DataFrame({"image": np.arange(len(labels)), "true": names[labels]})
    for stage, values in load_logits(record, store).items():
        odds = np.exp(values - values.max(1, keepdims=True))
        frame[stage] = names[values.argmax(1)]
        frame[f"{stage}_confidence"] = (odds.max(1) / odds.sum(1)).round(6)
    return frame.to_csv(index=False)


class _Teller:
    """Reports which stage a run is in, how far, and how long it will take."""

    # Shares of the whole that the stages are expected to take; fine-tuning gets what is left.
    WEIGHTS: ClassVar = {"load": 2.0, "dense": 4.0, "prune": 4.0, "pruned": 4.0, "tune": 0.0, "tuned": 4.0, "time": 3.0}

    def __init__(self, context: Context, spec: RunSpec) -> None:
        self.context = context
        tune = max(estimate_seconds(spec) - FIXED_SECONDS - 20, 0.0) if spec.epochs else 0.0
        self.weights = {**self.WEIGHTS, "tune": tune, "tuned": 4.0 if spec.epochs else 0.0}
        self.total = sum(self.weights.values())
        self.done = 0.0
        self.stage = ""
        self.started = time.perf_counter()
        self.marks: dict[str, float] = {}

    def begin(self, stage: str) -> None:
        """Enter a stage; stops here where told to."""
        if self.context.should_stop():
            raise Stopped
        if self.stage:
            self.done += self.weights[self.stage]
        self.stage = stage
        self.marks[stage] = time.perf_counter()
        self.inside(0.0, milestone=True)

    def inside(self, share: float, *, milestone: bool = False, **more: Any) -> None:
        """Tell how much of the stage is done, 0..1."""
        fraction = min(0.999, (self.done + share * self.weights[self.stage]) / self.total)
        spent = time.perf_counter() - self.started
        remaining = spent * (1 - fraction) / fraction if fraction > 0.02 else self.total
        payload = {"stage": self.stage, "fraction": fraction, "remaining_seconds": remaining, **more}
        self.context.report({**payload, "milestone": True} if milestone else payload)

    def seconds(self) -> dict[str, float]:
        """Seconds that each stage took, and the whole."""
        now = time.perf_counter()
        ends = [*list(self.marks.values())[1:], now]
        each = {stage: end - start for (stage, start), end in zip(self.marks.items(), ends, strict=True)}
        return {**each, "total": now - self.started}


class _Measured:
    """Collects the report and the logits of each stage."""

    def __init__(self, test: Images, device: torch.device, teller: _Teller) -> None:
        self.test, self.device, self.teller = test, device, teller
        self.reports: dict[str, Any] = {}
        self.artifacts: dict[str, bytes] = {}
        self.speed: dict[str, float] = {}

    def stage(self, name: str, model: ResNet20) -> None:
        """Evaluate `model` on the test images in float32."""
        import numpy as np

        from roboreg_core.evaluation.logits import logits
        from roboreg_core.evaluation.report import report

        self.teller.begin(name)
        started = time.perf_counter()
        values = logits(model, self.test, device=self.device, on_batch=self._tell)
        self.speed.setdefault("evaluate", len(self.test) / (time.perf_counter() - started))
        figures = report(values, self.test.labels)
        self.reports[name] = figures.to_json()
        buffer = io.BytesIO()
        np.save(buffer, values.numpy())
        self.artifacts[f"logits_{name}"] = buffer.getvalue()
        self.teller.inside(1.0, milestone=True, accuracy={name: figures.accuracy})

    def _tell(self, share: float) -> None:
        if self.teller.context.should_stop():
            raise Stopped
        self.teller.inside(share)


def _prune(spec: RunSpec, dense: ResNet20, training: Images, device: torch.device, teller: _Teller) -> Any:
    from roboreg_core.pruning.prune import PruneSpec, prune

    teller.begin("prune")
    how = PruneSpec(method=spec.method, recalibrate=spec.recalibrate, seed=spec.seed)
    return prune(dense, spec.schedule, how, calibration=training, device=device)


def _tune(
    spec: RunSpec, model: ResNet20, training: Images, device: torch.device, context: Context, teller: _Teller
) -> dict[str, Any]:
    from roboreg_core.data.sources import validation_images
    from roboreg_core.training.loop import EpochRecord, Hooks, StepProgress, fit

    teller.begin("tune")
    rates: list[float] = []

    def on_step(step: StepProgress) -> None:
        teller.inside(step.fraction, epoch=step.epoch, epochs=step.epochs, step=step.step, steps=step.steps)

    def on_epoch(epoch: EpochRecord, state: Callable[[], bytes]) -> None:
        context.save(state())
        rates.append(len(training) / epoch.seconds)
        share = epoch.epoch / spec.epochs
        teller.inside(share, milestone=True, epoch=epoch.epoch, epochs=spec.epochs, history=asdict(epoch))

    hooks = Hooks(on_epoch=on_epoch, on_step=on_step, should_stop=context.should_stop)
    tuning = spec._tuning()
    fitted = fit(
        model, training, tuning, device=device, validation=validation_images(), hooks=hooks, resume=context.state
    )
    if fitted.stopped:
        raise Stopped
    speed: dict[str, float] = {}
    if rates:
        share = cost(spec.schedule).macs / cost(PRESETS["dense"]).macs
        middle = sorted(rates)[len(rates) // 2]
        speed = {"train": middle, "dense_equivalent": middle * (0.5 + 0.5 * share)}
    return {"model": fitted.model, "history": [asdict(record) for record in fitted.history], "speed": speed}


def _timings(dense: ResNet20, final: ResNet20, device: torch.device, teller: _Teller) -> dict[str, Any]:
    from roboreg_core.evaluation.latency import time_network

    teller.begin("time")
    out: dict[str, Any] = {}
    for name, model in (("dense", dense), ("final", final)):
        for batch, repeats in ((1, 50), (256, 7)):
            out[f"{name}_batch_{batch}"] = asdict(time_network(model, batch, device=device, repeats=repeats))
    return out


def _precisions(spec: RunSpec) -> str:
    return "fine-tuning bfloat16, evaluation float32" if spec.epochs else "evaluation float32"


def _cost_json(value: Cost) -> dict[str, Any]:
    return {
        "parameters": value.parameters,
        "macs": value.macs,
        "size_bytes": value.size_bytes,
        "layers": [asdict(layer) for layer in value.layers],
    }
