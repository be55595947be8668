"""Named settings of fine-tuning after pruning, by the time that they take. Without torch.

Distillation as in Zagoruyko and Komodakis 2017; a learning rate that falls linearly to zero is best for a fixed number
of epochs (Li, Yumer and Ramanan 2020, Budgeted Training); pruned networks recover better with high learning rates than
with those of the end of training (Le and Hua 2021, Network Pruning That Matters).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from roboreg_core.datasets.cifar10 import TRAINING_COUNTS
from roboreg_core.errors import SpecError
from roboreg_core.training.spec import AVERAGE, CLIP, DISTIL_WEIGHT, TEMPERATURE, TrainSpec


@dataclass(frozen=True, kw_only=True)
class FineTuningPreset:
    """A named fine-tuning with knowledge distillation.

    Attributes:
        label: for users.
        description: one sentence for users: duration and purpose.
        spec: settings with seed 0; its `recipe` is the name.
    """

    label: str
    description: str
    spec: TrainSpec


def _preset(
    name: str, description: str, *, epochs: int, learning_rate: float, warmup_epochs: float
) -> FineTuningPreset:
    spec = TrainSpec(
        recipe=name,
        epochs=epochs,
        rate="triangular",
        learning_rate=learning_rate,
        warmup_epochs=warmup_epochs,
        distil_weight=DISTIL_WEIGHT,
        temperature=TEMPERATURE,
        average=AVERAGE,
        clip=CLIP,
    )
    return FineTuningPreset(label=name.capitalize(), description=description, spec=spec)


# Durations: two CPU cores trained schedule moderate at 700 images per second, teacher included.
DEFAULT_TUNE_PRESET = "quick"
TUNE_PRESETS = {
    "quick": _preset(
        "quick",
        f"About a minute on two CPU cores with the {TRAINING_COUNTS['bundled']:,} bundled images: a first look.",
        epochs=4,
        learning_rate=0.01,
        warmup_epochs=0.5,
    ),
    "good": _preset(
        "good",
        f"About half an hour on two CPU cores with all {TRAINING_COUNTS['full']:,} images: most of the recovery.",
        epochs=26,
        learning_rate=0.02,
        warmup_epochs=2.0,
    ),
    "full": _preset(
        "full",
        "120 epochs with all images, for a GPU or overnight: figures to report.",
        epochs=120,
        learning_rate=0.02,
        warmup_epochs=5.0,
    ),
}


def tune_preset(name: str, seed: int = 0) -> TrainSpec:
    """Settings of a preset by name; they need a teacher. Raises `SpecError` on an unknown name."""
    if name not in TUNE_PRESETS:
        raise SpecError(f"fine-tuning preset must be one of {', '.join(TUNE_PRESETS)}, got {name!r}")
    return replace(TUNE_PRESETS[name].spec, seed=seed)
