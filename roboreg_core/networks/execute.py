"""Make a dense network: train it from scratch or read an uploaded file, then evaluate it.

`execute` is called by the job engine in a worker and by the command line in its own process.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from roboreg_core.datasets.dataset import CIFAR10, check_architecture, dataset_of
from roboreg_core.device import choose_device, computed_in, environment
from roboreg_core.errors import SpecError
from roboreg_core.jobs.task import Context, Output, Stopped, Task
from roboreg_core.models.normalisation import AUTO
from roboreg_core.networks.spec import NETWORK, NetworkSpec, TrainingSpec, UploadSpec, estimate_seconds, spec_of
from roboreg_core.paths import SHIPPED
from roboreg_core.runs.stage_progress import StageProgress, fit_hooks

if TYPE_CHECKING:
    import torch

    from roboreg_core.evaluation.metrics import Report
    from roboreg_core.models.resnet import ResNet
    from roboreg_core.store.store import Store

FUNCTION = f"{__name__}:execute"
# Name of the task input that holds an upload's bytes.
FILE = "file"
READ_SECONDS = 2.0
# With the choice of a normalisation.
CHOICE_SECONDS = 6.0


def task_for(spec: NetworkSpec, store: Store, content: bytes | None = None) -> Task:
    """Task for the job engine that makes a network; puts an upload's bytes, `content`, into the store for the worker.

    Raises `SpecError`: a training comes with bytes, or an upload without them; `StoreError`: the bytes cannot be
    stored.
    """
    inputs, lane = {}, "device"
    if isinstance(spec, UploadSpec):
        if content is None:
            raise SpecError(f"an upload requires the file's content, got none for {spec.file_name}")
        _check_bytes(spec, content)
        # Takes seconds: not queued behind the trainings.
        inputs, lane = {FILE: store.artifacts.put(content)}, "light"
    elif content is not None:
        raise SpecError("a training takes no file, got one")
    return Task(kind=NETWORK, key=spec.id, function=FUNCTION, spec=spec.to_json(), inputs=inputs, lane=lane)


def execute(spec_json: dict[str, Any], context: Context) -> Output:
    """Task function: make the network and evaluate it on the test images.

    Args:
        spec_json: a `NetworkSpec` as JSON.
        context: its input `file` holds an upload's bytes.

    Returns:
        Output whose result has accuracy, metrics per class, training history and more, and whose artefact `weights` is
        the network as safetensors.

    Raises `Stopped`: the context requested it; `RoboRegError`: the input is invalid.
    """
    from roboreg_core.evaluation.guessing import guessing_notes

    spec = spec_of(spec_json)
    training = spec if isinstance(spec, TrainingSpec) else None
    device = choose_device(training.device if training else "auto")
    progress = StageProgress(context, _weights(spec))
    if isinstance(spec, TrainingSpec):
        made = _train(spec, device, context, progress)
    else:
        made = _read(spec, device, context, progress)
    figures, evaluated = _measure(made.model, spec.training_set or CIFAR10.id, device, progress)
    doubts = guessing_notes(figures.accuracy, figures.images, made.model.architecture.n_classes)
    result = {
        "accuracy": figures.accuracy,
        "images": figures.images,
        "per_class": [asdict(row) for row in figures.per_class],
        "history": list(made.history),
        "recipe": training.recipe if training else "",
        "training_set": spec.training_set,
        "seed": training.seed if training else None,
        "seconds": sum(epoch["seconds"] for epoch in made.history) if training else progress.seconds()["total"],
        "speed": {**made.speed, "evaluate": evaluated},
        "notes": [*doubts, *made.notes],
        "environment": {**environment(device), **made.precision},
        "weights": hashlib.sha256(made.content).hexdigest(),
        **made.model.architecture.stored(),
        **({} if made.model.schedule.is_dense else made.model.schedule.stored()),
        **made.facts,
    }
    return Output(result=result, artifacts={"weights": made.content})


@dataclass(frozen=True, kw_only=True, eq=False)
class _NewNetwork:
    """A network and the facts of its training or upload."""

    model: ResNet
    content: bytes
    history: tuple[dict[str, Any], ...] = ()
    speed: dict[str, float]
    precision: dict[str, str] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def _weights(spec: NetworkSpec) -> dict[str, float]:
    """Expected seconds per stage."""
    measure = estimate_seconds(UploadSpec(name="any", sha256="", file_name="", size=0))
    if isinstance(spec, UploadSpec):
        return {"read": CHOICE_SECONDS, "measure": measure}
    return {"images": READ_SECONDS, "train": max(estimate_seconds(spec) - measure, 0.1), "measure": measure}


def _train(spec: TrainingSpec, device: torch.device, context: Context, progress: StageProgress) -> _NewNetwork:
    from roboreg_core.datasets import sources
    from roboreg_core.models import checkpoints
    from roboreg_core.training.dense_training import normalisation_of, untrained
    from roboreg_core.training.loop import fit

    progress.begin("images")
    images, validation = sources.training_images(spec.training_set), sources.validation_images(spec.training_set)
    progress.begin("train")
    settings = spec.training()
    dataset = dataset_of(spec.training_set)
    teacher = checkpoints.load(SHIPPED) if settings.distil_weight else None
    fitted = fit(
        untrained(spec.seed, dataset.architecture(spec.architecture), normalisation_of(dataset)),
        images,
        settings,
        device=device,
        validation=validation,
        teacher=teacher.model if teacher is not None else None,
        hooks=fit_hooks(progress, spec.epochs),
        resume=context.state,
    )
    if fitted.stopped:
        raise Stopped
    rates = sorted(len(images) / epoch.seconds for epoch in fitted.history)
    return _NewNetwork(
        model=fitted.model,
        content=checkpoints.to_bytes(fitted.model),
        history=tuple(asdict(epoch) for epoch in fitted.history),
        speed={"train": rates[len(rates) // 2]},
        precision={"precision": computed_in(settings.precision, device)},
        facts={} if teacher is None else {"teacher": teacher.mention},
    )


def _read(spec: UploadSpec, device: torch.device, context: Context, progress: StageProgress) -> _NewNetwork:
    from roboreg_core.datasets.sources import validation_images
    from roboreg_core.networks.input_choice import choose_inputs
    from roboreg_core.networks.uploaded_weights import read

    progress.begin("read")
    content = context.inputs[FILE]
    _check_bytes(spec, content)
    loaded = read(content, spec.file_name)
    if loaded.source is not None or spec.normalisation != AUTO:
        images = validation_images(spec.training_set or CIFAR10.id)
        loaded = choose_inputs(loaded, images, spec.normalisation, device=device, on_progress=progress.batch)
    check_architecture(loaded.model.architecture, spec.dataset.n_classes, spec.dataset.image_size)
    facts = {} if loaded.source is None else {"source": loaded.source}
    return _NewNetwork(model=loaded.model, content=loaded.content, speed={}, notes=loaded.notes, facts=facts)


def _measure(model: ResNet, training_set: str, device: torch.device, progress: StageProgress) -> tuple[Report, float]:
    """The report on the test images in float32, and the evaluation speed in images per second."""
    import time

    from roboreg_core.datasets.sources import test_images
    from roboreg_core.evaluation.logits import logits
    from roboreg_core.evaluation.metrics import report

    progress.begin("measure")
    test = test_images(training_set)
    started = time.perf_counter()
    values = logits(model, test, device=device, on_batch=progress.batch)
    rate = len(test) / (time.perf_counter() - started)
    figures = report(values, test.labels, test.classes)
    progress.inside(1.0, milestone=True, accuracy={"network": figures.accuracy})
    return figures, rate


def _check_bytes(spec: UploadSpec, content: bytes) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != spec.sha256:
        raise SpecError(f"the file must have SHA-256 {spec.sha256[:12]}, got {found[:12]}; upload it again")
