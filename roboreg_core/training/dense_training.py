"""Trains dense networks from scratch and saves them with their cards; can be stopped at any time and resumed."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch

from roboreg_core.datasets import sources
from roboreg_core.device import choose_device, computed_in, environment
from roboreg_core.errors import CheckpointError
from roboreg_core.evaluation.logits import logits
from roboreg_core.evaluation.metrics import Report, report
from roboreg_core.models import checkpoints
from roboreg_core.models.checkpoints import Checkpoint
from roboreg_core.models.resnet import ResNet20, initialise
from roboreg_core.paths import SHIPPED
from roboreg_core.seeding import torch_generator
from roboreg_core.training.loop import EpochRecord, StepProgress, TrainingHooks, TrainingResult, fit
from roboreg_core.training.spec import TrainSpec


@dataclass(frozen=True, kw_only=True)
class DenseJob:
    """What to train and where to put it.

    Attributes:
        spec: every setting of the training.
        out: the weights file to write; its card and, while training, its `.state` lie beside it.
        training_set: `auto`, `bundled` or `full`.
        device: `auto`, `cpu` or `cuda`.
        teacher: the network to distil from where the spec distils; None stands for the shipped one.
        teacher_name: what the command line calls it.
        resume: go on from the state that an earlier call left.
    """

    spec: TrainSpec
    out: Path
    training_set: str = "auto"
    device: str = "auto"
    teacher: Checkpoint | None = None
    teacher_name: str = SHIPPED
    resume: bool = False

    @property
    def state(self) -> Path:
        """Where the resumable state lies until the training has ended."""
        return self.out.with_suffix(".state")

    def command(self, teacher: Checkpoint | None = None) -> str:
        """The command line that repeats this training with what taught it; by its digest where no name was given.

        What ships as `dense` today may not do so tomorrow.
        """
        images = sources.resolve_training_set(self.training_set)
        decay = f" --decay-epochs {self.spec.decay_epochs}" if self.spec.decay_epochs else ""
        taught = ""
        if teacher is not None:
            name = teacher.sha256[:12] if self.teacher_name == SHIPPED else shlex.quote(self.teacher_name)
            taught = f" --teacher {name}"
        return (
            f"python -m roboreg_core train --recipe {self.spec.recipe} --epochs {self.spec.epochs}{decay}{taught} "
            f"--seed {self.spec.seed} --batch-size {self.spec.batch_size} --images {images}"
        )


def train_dense(
    job: DenseJob,
    *,
    on_epoch: Callable[[EpochRecord], None] = lambda record: None,
    on_step: Callable[[StepProgress], None] | None = None,
) -> Report:
    """Train, read the test accuracy once, save weights and card; returns the report on the test images.

    Raises `CheckpointError` where a state lies there that was not asked to be resumed, or does not fit.
    """
    device, resume = choose_device(job.device), _resumable(job)
    images = sources.training_images(job.training_set)
    teacher = _teacher(job)
    fitted = fit(
        untrained(job.spec.seed),
        images,
        job.spec,
        device=device,
        validation=sources.validation_images(),
        teacher=teacher.model if teacher is not None else None,
        hooks=_hooks(job, on_epoch, on_step),
        resume=resume,
    )
    return _finish(job, fitted, images.name, device, teacher)


def _hooks(
    job: DenseJob, on_epoch: Callable[[EpochRecord], None], on_step: Callable[[StepProgress], None] | None
) -> TrainingHooks:
    def keep(record: EpochRecord, state: Callable[[], bytes]) -> None:
        job.state.parent.mkdir(parents=True, exist_ok=True)
        checkpoints.write_whole(job.state, state())
        on_epoch(record)

    return TrainingHooks(on_epoch=keep, on_step=on_step)


def _teacher(job: DenseJob) -> Checkpoint | None:
    if not job.spec.distil_weight:
        return None
    return job.teacher or checkpoints.load(SHIPPED)


def _finish(
    job: DenseJob, fitted: TrainingResult, images: str, device: torch.device, teacher: Checkpoint | None
) -> Report:
    test = sources.test_images()
    figures = report(logits(fitted.model, test, device=device), test.labels)
    # Of all epochs, also of those before it was resumed.
    seconds = sum(epoch.seconds for epoch in fitted.history)
    surroundings = {
        **environment(device),
        "precision": computed_in(job.spec.precision, device),
        "seconds": seconds,
    }
    _save(job, fitted, figures, images, surroundings, teacher)
    job.state.unlink(missing_ok=True)
    return figures


def untrained(seed: int) -> ResNet20:
    """A dense network with random weights, the same for the same seed."""
    model = ResNet20()
    initialise(model, torch_generator(seed, "weights"))
    return model


def _resumable(job: DenseJob) -> bytes | None:
    if not job.state.exists():
        if job.resume:
            raise CheckpointError(f"a training to resume must have left {job.state}, found none; leave --resume out")
        return None
    if not job.resume:
        raise CheckpointError(f"{job.state} holds an unfinished training; add --resume to go on, or delete it")
    return job.state.read_bytes()


def _save(
    job: DenseJob,
    fitted: TrainingResult,
    figures: Report,
    images: str,
    surroundings: dict[str, object],
    teacher: Checkpoint | None,
) -> None:
    told = {} if teacher is None else {"teacher": teacher.mention}
    checkpoints.save(
        job.out,
        fitted.model,
        name=job.out.stem,
        recipe=job.spec.to_json(),
        seed=job.spec.seed,
        images=images,
        accuracy={"test": figures.accuracy, "images": figures.images, "precision": "float32", "epoch": "last"},
        reproduce=job.command(teacher),
        environment=surroundings,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        history=[asdict(record) for record in fitted.history],
        **told,
    )
