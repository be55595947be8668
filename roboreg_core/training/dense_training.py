"""Training of dense networks from scratch into files, with resume."""

import shlex
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from roboreg_core.architecture import RESNET20, Architecture
from roboreg_core.datasets import sources
from roboreg_core.datasets.dataset import Dataset, dataset_of, images_fact, images_option
from roboreg_core.device import choose_device, computed_in, environment
from roboreg_core.errors import CheckpointError
from roboreg_core.evaluation.logits import logits
from roboreg_core.evaluation.metrics import Report, report
from roboreg_core.files import check_writable, write_state
from roboreg_core.models import checkpoints
from roboreg_core.models.checkpoints import Checkpoint
from roboreg_core.models.normalisation import IMAGENET, Normalisation
from roboreg_core.models.resnet import ResNet, initialise
from roboreg_core.paths import SHIPPED
from roboreg_core.schedules.schedule import dense_schedule
from roboreg_core.seeding import torch_generator
from roboreg_core.training.loop import EpochRecord, StepProgress, TrainingHooks, fit
from roboreg_core.training.spec import TrainSpec


@dataclass(frozen=True, kw_only=True)
class DenseJob:
    """Training of one dense network.

    Attributes:
        spec: settings.
        architecture: of the network; its classes and image size are replaced by those of the images.
        out: weights file to write; its card and, until the end of the training, its `.state` are written beside it.
        training_set: see `datasets.sources.resolve_training_set`.
        device: `auto`, `cpu` or `cuda`.
        teacher: network for distillation; None for the example network.
        teacher_name: its name on the command line.
        resume: continue from the state of an earlier call.
    """

    spec: TrainSpec
    out: Path
    architecture: Architecture = RESNET20
    training_set: str = "auto"
    device: str = "auto"
    teacher: Checkpoint | None = None
    teacher_name: str = SHIPPED
    resume: bool = False

    @property
    def state(self) -> Path:
        """Path of the file with the saved state that `resume` continues from."""
        return self.out.with_suffix(".state")

    def command(self, teacher: Checkpoint | None = None) -> str:
        """Command line that repeats this training; `teacher` is the network to distil from, if any."""
        images = sources.resolve_training_set(self.training_set)
        decay = f" --decay-epochs {self.spec.decay_epochs}" if self.spec.decay_epochs else ""
        distil = ""
        if teacher is not None:
            name = teacher.sha256[:12] if self.teacher_name == SHIPPED else shlex.quote(self.teacher_name)
            distil = f" --teacher {name}"
        return (
            f"python -m roboreg_core train{self.architecture.option} --recipe {self.spec.recipe} "
            f"--epochs {self.spec.epochs}{decay}{distil} --seed {self.spec.seed} "
            f"--batch-size {self.spec.batch_size} {images_option(images)}"
        )


def train_dense(
    job: DenseJob,
    *,
    on_epoch: Callable[[EpochRecord], None] = lambda record: None,
    on_step: Callable[[StepProgress], None] | None = None,
) -> Report:
    """Train, save weights and card, and return the report on the test images.

    Raises `CheckpointError`: a state exists and `job.resume` is False, the state does not fit the job, or the file
    cannot be written.
    """
    check_writable(job.out, CheckpointError)
    device, resume = choose_device(job.device), _state_to_resume(job)
    training_set = sources.resolve_training_set(job.training_set)
    dataset = dataset_of(training_set)
    images, test = sources.training_images(training_set), sources.test_images(training_set)
    teacher = (job.teacher or checkpoints.load(SHIPPED)) if job.spec.distil_weight else None

    def save_state(record: EpochRecord, state: Callable[[], bytes]) -> None:
        write_state(job.state, state())
        on_epoch(record)

    result = fit(
        untrained(job.spec.seed, dataset.architecture(job.architecture), normalisation_of(dataset)),
        images,
        job.spec,
        device=device,
        validation=sources.validation_images(training_set),
        teacher=teacher.model if teacher is not None else None,
        hooks=TrainingHooks(on_epoch=save_state, on_step=on_step),
        resume=resume,
    )
    test_report = report(logits(result.model, test, device=device), test.labels, test.classes)
    checkpoints.save(
        job.out,
        result.model,
        name=job.out.stem,
        recipe=job.spec.to_json(),
        seed=job.spec.seed,
        images=images.name,
        **images_fact(training_set),
        accuracy={"test": test_report.accuracy, "images": test_report.images, "precision": "float32", "epoch": "last"},
        reproduce=job.command(teacher),
        environment={
            **environment(device),
            "precision": computed_in(job.spec.precision, device),
            # All epochs, including those before a resume.
            "seconds": sum(epoch.seconds for epoch in result.history),
        },
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        history=[asdict(record) for record in result.history],
        **({} if teacher is None else {"teacher": teacher.mention}),
    )
    job.state.unlink(missing_ok=True)
    return test_report


def untrained(seed: int, architecture: Architecture = RESNET20, normalisation: Normalisation = IMAGENET) -> ResNet:
    """Dense network with random weights from `seed`."""
    model = ResNet(dense_schedule(architecture), normalisation)
    initialise(model, torch_generator(seed, "weights"))
    return model


def normalisation_of(dataset: Dataset) -> Normalisation:
    """Normalisation of networks that are trained on a data set: its own, or ImageNet's if it has none."""
    if dataset.mean is None or dataset.std is None:
        return IMAGENET
    return Normalisation(mean=dataset.mean, std=dataset.std)


def _state_to_resume(job: DenseJob) -> bytes | None:
    if not job.state.exists():
        if job.resume:
            raise CheckpointError(f"a training to resume must have saved {job.state}, found none; leave --resume out")
        return None
    if not job.resume:
        raise CheckpointError(f"{job.state} holds an unfinished training; add --resume to continue, or delete it")
    return job.state.read_bytes()
