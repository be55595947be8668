"""Fine-tuning by the time that it may take: three named settings for after pruning.

Temperature 4 and nine tenths of the loss from the teacher are what Zagoruyko and Komodakis 2017 distil with on CIFAR. A
rate that falls linearly to zero makes the most of a fixed budget (Li, Yumer and Ramanan 2020), and pruned networks
recover best from rates above those that fine-tuning used to have (Le and Hua 2021).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from roboreg_core.errors import SpecError
from roboreg_core.training.spec import AVERAGE, CLIP, DISTIL_WEIGHT, TEMPERATURE, TrainSpec


@dataclass(frozen=True, kw_only=True)
class FineTuningPreset:
    """Settings of fine-tuning under a name.

    Attributes:
        meaning: one sentence: how long it takes, and what for.
        spec: every setting, with seed 0; its `recipe` is the preset's name.
    """

    meaning: str
    spec: TrainSpec


def _preset(name: str, meaning: str, *, epochs: int, learning_rate: float, warmup_epochs: float) -> FineTuningPreset:
    spec = TrainSpec(
        recipe=name,
        epochs=epochs,
        batch_size=128,
        rate="triangular",
        learning_rate=learning_rate,
        warmup_epochs=warmup_epochs,
        distil_weight=DISTIL_WEIGHT,
        temperature=TEMPERATURE,
        average=AVERAGE,
        clip=CLIP,
    )
    return FineTuningPreset(meaning=meaning, spec=spec)


# Times are from two CPU cores: at moderate they trained at 700 images a second, teacher included.
TUNE_PRESETS = {
    "quick": _preset(
        "quick",
        "About a minute on two CPU cores with the 10,000 bundled images, to see whether a schedule is worth more.",
        epochs=4,
        learning_rate=0.01,
        warmup_epochs=0.5,
    ),
    "good": _preset(
        "good",
        "About half an hour on two CPU cores with 48,000 images, for most of what fine-tuning can win back.",
        epochs=26,
        learning_rate=0.02,
        warmup_epochs=2.0,
    ),
    "full": _preset(
        "full",
        "120 epochs, on all images for a GPU or a night, for figures to report.",
        epochs=120,
        learning_rate=0.02,
        warmup_epochs=5.0,
    ),
}


def tune_preset(name: str, seed: int = 0) -> TrainSpec:
    """Settings of fine-tuning by name, `quick`, `good` or `full`; needs a teacher. Raises `SpecError` on others."""
    if name not in TUNE_PRESETS:
        raise SpecError(f"fine-tuning preset must be one of {', '.join(TUNE_PRESETS)}, got {name!r}")
    return replace(TUNE_PRESETS[name].spec, seed=seed)
