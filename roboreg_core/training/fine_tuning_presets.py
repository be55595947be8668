"""Named settings of fine-tuning after pruning, by the time that they take. Without torch.

Distillation as in Zagoruyko and Komodakis 2017; a learning rate that falls linearly to zero is best for a fixed number
of epochs (Li, Yumer and Ramanan 2020, Budgeted Training); pruned networks recover better with high learning rates than
with those of the end of training (Le and Hua 2021, Network Pruning That Matters).
"""

from roboreg_core.datasets.cifar10 import TRAINING_COUNTS
from roboreg_core.errors import SpecError
from roboreg_core.training.spec import AVERAGE, CLIP, DISTIL_WEIGHT, TEMPERATURE, Recipe, TrainSpec


def _preset(name: str, description: str, *, epochs: int, learning_rate: float, warmup_epochs: float) -> Recipe:
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
    return Recipe(description=description, spec=spec, warmup_divisor=8)


# Durations: two CPU cores trained schedule moderate at 700 images per second, teacher included.
QUICK = _preset(
    "quick",
    f"About a minute on two CPU cores with the {TRAINING_COUNTS['bundled']:,} bundled images, for a first look.",
    epochs=4,
    learning_rate=0.01,
    warmup_epochs=0.5,
)
GOOD = _preset(
    "good",
    f"About half an hour on two CPU cores with all {TRAINING_COUNTS['full']:,} images, for most of the recovery.",
    epochs=26,
    learning_rate=0.02,
    warmup_epochs=2.0,
)
FULL = _preset(
    "full",
    "With all images on a GPU or overnight, for figures to report.",
    epochs=120,
    learning_rate=0.02,
    warmup_epochs=5.0,
)
TUNE_PRESETS = {each.spec.recipe: each for each in (QUICK, GOOD, FULL)}
DEFAULT_TUNE_PRESET = QUICK.spec.recipe


def tune_preset(name: str, seed: int = 0, epochs: int | None = None) -> TrainSpec:
    """Settings of the preset `name`; with `epochs` None its default number. All presets distil and need a teacher.

    Raises `SpecError`: the name is unknown.
    """
    if name not in TUNE_PRESETS:
        raise SpecError(f"fine-tuning preset must be one of {', '.join(TUNE_PRESETS)}, got {name!r}")
    return TUNE_PRESETS[name](epochs, seed)
