"""Settings of the training loop as one frozen value, and named recipes for training from scratch. Without torch."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args

from roboreg_core.datasets.augmentation_settings import CROP_FLIP, SIX, Augmentation
from roboreg_core.device import Precision
from roboreg_core.errors import SpecError

# Knowledge distillation on CIFAR as in Zagoruyko and Komodakis 2017 (Paying More Attention to Attention).
DISTIL_WEIGHT = 0.9
TEMPERATURE = 4.0
# The moving average covers about 1,000 steps, less than three epochs of the full training images.
AVERAGE = 0.999
# The distillation gradient is many times larger in the first steps; without clipping training may diverge.
CLIP = 5.0
# Epochs at first on the Dense networks page: minutes on a CPU with the bundled images, fewer than any recipe's default.
SHORT_EPOCHS = 20

Rate = Literal["cosine", "multistep", "trapezoid", "triangular"]
MAX_EPOCHS, MAX_SEED = 1_000, 2**31 - 1
BATCH_SIZES, LEARNING_RATES = (1, 4096), (1e-6, 10.0)


def _check(name: str, value: float, low: float, high: float, *, whole: bool = False) -> None:
    right_type = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not right_type or not low <= value <= high:
        raise SpecError(f"{name} must be {'a whole number ' if whole else ''}{low}..{high}, got {value!r}")


def _known(name: str, value: dict[str, Any], cls: type) -> None:
    known = [field.name for field in fields(cls)]
    unknown = set(value) - set(known)
    if unknown:
        raise SpecError(f"unknown {name}: {', '.join(sorted(unknown))}; choose from {', '.join(known)}")


@dataclass(frozen=True, kw_only=True)
class TrainSpec:
    """Settings of one training.

    Attributes:
        recipe: name of the recipe or fine-tuning preset.
        epochs: passes over the training images, 1..1000.
        batch_size: images per step, 1..4096.
        rate: learning-rate schedule. `cosine` falls to zero; `multistep` falls in steps; `trapezoid` is
            constant, then falls linearly to zero over the last `decay_epochs`; `triangular` falls linearly to zero
            after the warm-up.
        learning_rate, momentum, nesterov, weight_decay: settings of SGD; `learning_rate` is the highest.
        warmup_epochs: linear rise of the learning rate from zero.
        milestones, gamma: epochs at which `multistep` multiplies the learning rate, and the factor, 0..1.
        label_smoothing: probability spread over all classes.
        distil_weight: weight of the distillation loss, 0..1 (`distillation.distilled`); 0 needs no teacher.
        temperature: divisor of the logits in the distillation loss, 1..100.
        clip: largest norm of the gradient, 0..1000; 0 for no clipping.
        average: largest decay of the moving average of the weights per step, 0..0.99999 (`WeightAverage`); 0 for none.
        augmentation: random changes of the training images.
        precision: `bfloat16` autocast if the device has it natively (`device.computed_in`), or `float32`.
        seed: seed for the order of images, the augmentation and, from scratch, the initial weights.

    Raises `SpecError`: a setting is out of range.
    """

    recipe: str
    epochs: int
    batch_size: int = 128
    rate: Rate = "cosine"
    learning_rate: float = 0.1
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 5e-4
    warmup_epochs: float = 0.0
    milestones: tuple[int, ...] = ()
    gamma: float = 0.1
    decay_epochs: int = 0
    label_smoothing: float = 0.0
    distil_weight: float = 0.0
    temperature: float = 4.0
    clip: float = 0.0
    average: float = 0.0
    augmentation: Augmentation = CROP_FLIP
    precision: Precision = "bfloat16"
    seed: int = 0

    def __post_init__(self) -> None:
        _check("epochs", self.epochs, 1, MAX_EPOCHS, whole=True)
        _check("batch size", self.batch_size, *BATCH_SIZES, whole=True)
        _check("learning rate", self.learning_rate, *LEARNING_RATES)
        _check("momentum", self.momentum, 0, 0.9999)
        _check("weight decay", self.weight_decay, 0, 1)
        _check("label smoothing", self.label_smoothing, 0, 0.99)
        _check("distil weight", self.distil_weight, 0, 1)
        _check("temperature", self.temperature, 1, 100)
        _check("clip", self.clip, 0, 1_000)
        _check("average", self.average, 0, 0.99999)
        _check("seed", self.seed, 0, MAX_SEED, whole=True)
        _check("gamma", self.gamma, 0, 1)
        _check("warm-up epochs", self.warmup_epochs, 0, self.epochs)
        if self.rate == "trapezoid":
            _check("decay epochs", self.decay_epochs, 1, self.epochs, whole=True)
        for name, choices in (("rate", get_args(Rate)), ("precision", get_args(Precision))):
            if getattr(self, name) not in choices:
                raise SpecError(f"{name} must be one of {', '.join(choices)}, got {getattr(self, name)!r}")

    def to_json(self) -> dict[str, Any]:
        """All settings as a JSON object that `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> TrainSpec:
        """Spec from a JSON object. Raises `SpecError`: a setting is missing, unknown or out of range."""
        if "recipe" not in value or "epochs" not in value:
            raise SpecError(f"training settings must have recipe and epochs, got {', '.join(value) or 'neither'}")
        _known("training settings", value, cls)
        _known("augmentation settings", value.get("augmentation") or {}, Augmentation)
        augmentation = dict(value.get("augmentation") or {})
        if "scale" in augmentation:
            augmentation["scale"] = tuple(augmentation["scale"])
        changes: dict[str, Any] = {"augmentation": Augmentation(**augmentation)}
        if "milestones" in value:
            changes["milestones"] = tuple(value["milestones"])
        return cls(**{**value, **changes})


def learning_rate(spec: TrainSpec, epoch: float) -> float:
    """Learning rate of `spec` after `epoch` epochs, 0..spec.epochs; `epoch` may be fractional."""
    if epoch < spec.warmup_epochs:
        return spec.learning_rate * epoch / spec.warmup_epochs
    if spec.rate == "multistep":
        passed = sum(epoch >= milestone for milestone in spec.milestones)
        return spec.learning_rate * spec.gamma**passed
    if spec.rate == "trapezoid":
        return spec.learning_rate * min(1.0, (spec.epochs - epoch) / spec.decay_epochs)
    share = (epoch - spec.warmup_epochs) / max(spec.epochs - spec.warmup_epochs, 1e-9)
    if spec.rate == "triangular":
        return spec.learning_rate * (1 - min(share, 1.0))
    return spec.learning_rate * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A named training: of a dense network from scratch, or a fine-tuning after pruning.

    Attributes:
        description: text for users, a sentence or two.
        spec: settings with the default number of epochs and seed 0; its `recipe` is the name.
        warmup_divisor: the warm-up takes at most the number of epochs divided by this.
    """

    description: str
    spec: TrainSpec
    warmup_divisor: int = 10

    @property
    def label(self) -> str:
        """Capitalised name, for users."""
        return self.spec.recipe.capitalize()

    def __call__(self, epochs: int | None = None, seed: int = 0) -> TrainSpec:
        """Settings for a number of epochs (None for the default); a short training has a shorter warm-up and decay."""
        if epochs is None:
            return replace(self.spec, seed=seed)
        return replace(
            self.spec,
            epochs=epochs,
            warmup_epochs=min(self.spec.warmup_epochs, epochs / self.warmup_divisor),
            decay_epochs=min(self.spec.decay_epochs, math.ceil(epochs / 2)),
            seed=seed,
        )


BEST = Recipe(
    description="Crop and flip, SGD with Nesterov momentum, constant then decaying learning rate. The teacher of the "
    "example dense network was trained with it.",
    # Any training that has not begun to decay can be continued with more epochs.
    spec=TrainSpec(recipe="best", epochs=160, rate="trapezoid", warmup_epochs=2.0, decay_epochs=24),
)
# A student as large as its teacher may surpass it (Furlanello et al. 2018, Born-Again Networks).
DISTILLED = Recipe(
    description="Knowledge distillation from the example dense network, with a learning rate that falls linearly. The "
    "example dense network itself was trained with it, from another teacher.",
    spec=TrainSpec(
        recipe="distilled",
        epochs=120,
        rate="triangular",
        warmup_epochs=2.0,
        distil_weight=DISTIL_WEIGHT,
        temperature=TEMPERATURE,
        clip=CLIP,
        average=AVERAGE,
    ),
)
SOURCE = Recipe(
    description="Settings of the original project, for comparison with its figures: six augmentations, SGD with "
    "momentum, learning rate divided by ten at epochs 100 and 150.",
    spec=TrainSpec(
        recipe="source",
        epochs=200,
        rate="multistep",
        milestones=(100, 150),
        nesterov=False,
        weight_decay=1e-4,
        augmentation=SIX,
    ),
)
RECIPES = {each.spec.recipe: each for each in (BEST, DISTILLED, SOURCE)}


def recipe(name: str, epochs: int | None = None, seed: int = 0, decay_epochs: int | None = None) -> TrainSpec:
    """Settings of the recipe `name`; `epochs` and `decay_epochs` are its defaults if None.

    Raises `SpecError`: unknown name, or `decay_epochs` for a recipe whose `rate` is not `trapezoid`.
    """
    if name not in RECIPES:
        raise SpecError(f"recipe must be one of {', '.join(RECIPES)}, got {name!r}")
    spec = RECIPES[name](epochs, seed)
    if decay_epochs is None:
        return spec
    if spec.rate != "trapezoid":
        raise SpecError(f"decay epochs must be left out for recipe {name}, got {decay_epochs}")
    return replace(spec, decay_epochs=decay_epochs)
