"""Execution of a run: prune a dense network to a schedule, fine-tune it, and evaluate it at each stage.

`execute` is called by the job engine in a worker and by the command line in its own process.
"""

from __future__ import annotations

import io
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from roboreg_core.device import choose_device, computed_in, environment
from roboreg_core.jobs.task import Context, Output, Stopped, Task
from roboreg_core.models.costs import Cost, cost
from roboreg_core.runs.dense_network import shipped_content
from roboreg_core.runs.metric_changes import BATCHES
from roboreg_core.runs.spec import FIXED_SECONDS, KIND, TEACHER_FACTOR, RunSpec, estimate_seconds
from roboreg_core.runs.stage_progress import StageProgress, fit_hooks

if TYPE_CHECKING:
    import torch

    from roboreg_core.datasets.images import Images
    from roboreg_core.models.checkpoints import Checkpoint
    from roboreg_core.models.resnet import ResNet
    from roboreg_core.pruning.prune import Pruned
    from roboreg_core.store.store import Store

FUNCTION = f"{__name__}:execute"


def task_for(spec: RunSpec, checkpoint: Checkpoint, store: Store) -> Task:
    """Task for the job engine that runs `spec` from `checkpoint`; puts the checkpoint's weights into the store."""
    digest = store.artifacts.put(checkpoint.content)
    return Task(kind=KIND, key=spec.id, function=FUNCTION, spec=spec.to_json(), inputs={"dense": digest})


def execute(spec_json: dict[str, Any], context: Context) -> Output:
    """Task function: execute a run.

    Args:
        spec_json: a `RunSpec` as JSON.
        context: its input `dense` is the dense network as safetensors; the optional input `logits_dense` (.npy), the
            dense network's logits on the test images, saves their computation.

    Returns:
        Output with two parts. `result` has, among others, `stages`: an `evaluation.metrics.Report` as JSON for `dense`,
        `pruned` and, after fine-tuning, `tuned`; and `zeros`, counts of zero weights, only if the method zeroes single
        weights. `artifacts` has the final `weights` (safetensors) and `logits_<stage>` (.npy).

    Raises `Stopped`: the context requested it; `RoboRegError`: the input is invalid.
    """
    from roboreg_core.datasets import sources
    from roboreg_core.models import checkpoints
    from roboreg_core.pruning.weight_pruning import count_zeros

    spec = RunSpec.from_json(spec_json)
    device = choose_device(spec.device)
    progress = StageProgress(context, _weights(spec))
    progress.begin("load")
    dense = checkpoints.dense_from_bytes(context.inputs["dense"], spec.dense_sha256, spec.dense)
    training, test = sources.training_images(spec.training_set), sources.test_images(spec.training_set)
    measured = _Measured(test, device, progress)
    measured.stage("dense", dense.model, context.inputs.get("logits_dense"))
    pruned = _prune(spec, dense.model, training, device, progress)
    measured.stage("pruned", pruned.model)
    final, tuning = pruned.model, None
    if spec.epochs:
        tuning = _tune(spec, pruned.model, dense.model, training, device, context, progress)
        final = tuning["model"]
        measured.stage("tuned", final)
        measured.best(tuning)
    progress.begin("time")
    timed = timings(dense.model, final, device)
    content = checkpoints.to_bytes(final)
    zeros = {"zeros": count_zeros(final).to_json()} if spec.weights() is not None else {}
    result = {
        "schedule": final.schedule.to_json(),
        "cost": _cost_json(cost(final.schedule)),
        "dense_cost": _cost_json(cost(dense.model.schedule)),
        "stages": measured.reports,
        "history": tuning["history"] if tuning else [],
        "best_epoch": measured.best_epoch,
        "pruning": {
            "blocks": [block.to_json() for block in pruned.blocks],
            "notes": list(pruned.notes),
            "seconds": pruned.seconds,
        },
        **zeros,
        "latency": timed,
        "speed": {**measured.speed, **(tuning["speed"] if tuning else {})},
        "file_bytes": len(content),
        "images": {"training": training.name, "test": test.name},
        "environment": {**environment(device), "precision": _precisions(spec, device)},
        "command": spec.command(),
        "seconds": progress.seconds(),
    }
    # Kept with the run, which outlives the network's own record.
    own = {} if shipped_content(dense.sha256) else {"dense": dense.content}
    return Output(result=result, artifacts={"weights": content, **own, **measured.artifacts})


class _Measured:
    """Reports and logits of the stages measured so far."""

    def __init__(self, test: Images, device: torch.device, progress: StageProgress) -> None:
        self.test, self.device, self.progress = test, device, progress
        self.reports: dict[str, Any] = {}
        self.artifacts: dict[str, bytes] = {}
        self.speed: dict[str, float] = {}
        self.best_epoch: dict[str, Any] | None = None

    def stage(self, name: str, model: ResNet, known: bytes | None = None) -> None:
        """Evaluate `model` on the test images in float32, or read its logits from `known`, an .npy file."""
        import numpy as np
        import torch

        from roboreg_core.evaluation.logits import logits
        from roboreg_core.evaluation.metrics import report

        self.progress.begin(name)
        if known is None:
            started = time.perf_counter()
            values = logits(model, self.test, device=self.device, on_batch=self.progress.batch)
            self.speed.setdefault("evaluate", len(self.test) / (time.perf_counter() - started))
        else:
            values = torch.from_numpy(np.load(io.BytesIO(known), allow_pickle=False))
        figures = report(values, self.test.labels, self.test.classes)
        self.reports[name] = figures.to_json()
        buffer = io.BytesIO()
        np.save(buffer, values.numpy())
        self.artifacts[f"logits_{name}"] = buffer.getvalue()
        self.progress.inside(1.0, milestone=True, accuracy={name: figures.accuracy})

    def best(self, tuning: dict[str, Any]) -> None:
        """Evaluate the epoch with the best validation accuracy; the weights of the last epoch are kept."""
        from roboreg_core.evaluation.logits import logits
        from roboreg_core.evaluation.metrics import report

        epoch, model = tuning["best"]
        accuracy = self.reports["tuned"]["accuracy"]
        if epoch is not None and epoch < len(tuning["history"]):
            values = logits(model, self.test, device=self.device, on_batch=self.progress.batch)
            accuracy = report(values, self.test.labels, self.test.classes).accuracy
        self.best_epoch = {"epoch": epoch, "accuracy": accuracy}


def _weights(spec: RunSpec) -> dict[str, float]:
    """Expected seconds per stage."""
    tune = max(estimate_seconds(spec) - FIXED_SECONDS - 20, 0.0) if spec.epochs else 0.0
    tuned = 4.0 if spec.epochs else 0.0
    return {"load": 2.0, "dense": 4.0, "prune": 4.0, "pruned": 4.0, "tune": tune, "tuned": tuned, "time": 3.0}


def _prune(spec: RunSpec, dense: ResNet, training: Images, device: torch.device, progress: StageProgress) -> Pruned:
    from roboreg_core.pruning.prune import Pruned, Pruner
    from roboreg_core.pruning.weight_pruning import prune_weights

    progress.begin("prune")
    weights = spec.weights()
    if weights is not None:
        found = prune_weights(dense, weights, spec.schedule)
        return Pruned(model=found.model, blocks=(), notes=(), seconds=found.seconds)
    pruner = Pruner(dense, spec.pruning(), calibration=training, device=device)
    blocks = len(spec.schedule.counts)
    return pruner.prune(spec.schedule, on_block=lambda number: progress.inside((number - 1) / blocks), branches=())


def _tune(
    spec: RunSpec,
    model: ResNet,
    dense: ResNet,
    training: Images,
    device: torch.device,
    context: Context,
    progress: StageProgress,
) -> dict[str, Any]:
    from roboreg_core.datasets.sources import validation_images
    from roboreg_core.training.loop import fit

    progress.begin("tune")
    fitted = fit(
        model,
        training,
        spec.tuning(),
        device=device,
        validation=validation_images(spec.training_set),
        teacher=dense,
        keep_zeros=spec.weights() is not None,
        hooks=fit_hooks(progress, spec.epochs),
        resume=context.state,
    )
    if fitted.stopped:
        raise Stopped
    speed: dict[str, float] = {}
    rates = [len(training) / epoch.seconds for epoch in fitted.history]
    if rates:
        share = cost(model.schedule).macs / cost(model.schedule.dense).macs
        median = sorted(rates)[len(rates) // 2]
        teacher = TEACHER_FACTOR if spec.distil else 1.0
        speed = {"train": median, "dense_equivalent": median * (0.5 + 0.5 * share) * teacher}
    history = [asdict(record) for record in fitted.history]
    return {"model": fitted.model, "best": (fitted.best_epoch, fitted.best), "history": history, "speed": speed}


def timings(dense: ResNet, final: ResNet, device: torch.device) -> dict[str, Any]:
    """Latency of the dense and the final network at the batch sizes `BATCHES`.

    Returns:
        An `evaluation.latency.Timing` as JSON, in seconds per batch, for each network and batch size, by keys such as
        `dense_batch_1` and `final_batch_1`.
    """
    from roboreg_core.evaluation.latency import time_network

    out: dict[str, Any] = {}
    for name, model in (("dense", dense), ("final", final)):
        for batch, repeats in zip(BATCHES, (50, 7), strict=True):
            out[f"{name}_batch_{batch}"] = asdict(time_network(model, batch, device=device, repeats=repeats))
    return out


def _precisions(spec: RunSpec, device: torch.device) -> str:
    tuned = f"fine-tuning {computed_in('bfloat16', device)}, " if spec.epochs else ""
    return f"{tuned}evaluation float32"


def _cost_json(value: Cost) -> dict[str, Any]:
    return {
        "parameters": value.parameters,
        "macs": value.macs,
        "size_bytes": value.size_bytes,
        "layers": [asdict(layer) for layer in value.layers],
    }
