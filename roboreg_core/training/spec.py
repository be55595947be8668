"""How a network is trained: every setting of the loop as one frozen value, and the named recipes."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args

from roboreg_core.datasets.augmentation import CROP_FLIP, SIX, Augmentation
from roboreg_core.device import Precision
from roboreg_core.errors import SpecError

# With a teacher: nine tenths of the loss, softened by 4, is what Zagoruyko and Komodakis 2017 distil with on CIFAR.
DISTIL_WEIGHT = 0.9
TEMPERATURE = 4.0
# An average over a thousand steps at the most: not three epochs of all images.
AVERAGE = 0.999
# A teacher's gradient is many times its later size while a network knows little, and unclipped steps lose it.
CLIP = 5.0

Rate = Literal["cosine", "multistep", "trapezoid", "triangular"]
MAX_EPOCHS = 1_000


@dataclass(frozen=True, kw_only=True)
class TrainSpec:
    """Settings of one training.

    Attributes:
        recipe: the name under which it is shown.
        epochs: passes over the training images, 1..1000.
        batch_size: images a step, 1..4096.
        rate: `cosine` falls from `learning_rate` to zero; `multistep` multiplies by `gamma` at each milestone (an
            epoch); `trapezoid` stays at `learning_rate` and falls linearly to zero over the last `decay_epochs`;
            `triangular` falls linearly to zero from the end of the warm-up on.
        learning_rate, momentum, nesterov, weight_decay: of SGD.
        warmup_epochs: the rate rises linearly from zero for so long.
        label_smoothing: probability spread over all classes.
        distil_weight: share of the loss, 0..1, that asks for a teacher's softened probabilities in place of the
            labels, see `distil.distilled`; 0 asks for labels alone and needs no teacher.
        temperature: what both networks' logits are divided by before they are compared, 1..100.
        clip: largest norm of the gradient of all weights together, 0..1000; a longer one is scaled down. 0 is none.
        average: largest decay of the weights' moving average per step, 0..0.99999 (`WeightAverage`); 0 for none.
        precision: `bfloat16` autocast where the device is faster in it (`device.computed_in`), or `float32`.
        seed: of the order of images, the augmentation and, in a training from scratch, the weights.
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
        _check("batch size", self.batch_size, 1, 4096, whole=True)
        _check("learning rate", self.learning_rate, 1e-6, 10)
        _check("momentum", self.momentum, 0, 0.9999)
        _check("weight decay", self.weight_decay, 0, 1)
        _check("label smoothing", self.label_smoothing, 0, 0.99)
        _check("distil weight", self.distil_weight, 0, 1)
        _check("temperature", self.temperature, 1, 100)
        _check("clip", self.clip, 0, 1_000)
        _check("average", self.average, 0, 0.99999)
        _check("seed", self.seed, 0, 2**31 - 1, whole=True)
        _check("gamma", self.gamma, 0, 1)
        _check("warm-up epochs", self.warmup_epochs, 0, self.epochs)
        if self.rate == "trapezoid":
            _check("decay epochs", self.decay_epochs, 1, self.epochs, whole=True)
        for name, choices in (("rate", get_args(Rate)), ("precision", get_args(Precision))):
            if getattr(self, name) not in choices:
                raise SpecError(f"{name} must be one of {', '.join(choices)}, got {getattr(self, name)!r}")

    def to_json(self) -> dict[str, Any]:
        """A JSON object from which `from_json` makes an equal spec."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> TrainSpec:
        """Read what `to_json` wrote. Raises `SpecError` on unknown settings."""
        if "recipe" not in value or "epochs" not in value:
            raise SpecError("training settings must name a recipe and its epochs, got neither or one of them")
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
    """The rate after `epoch` epochs (fractions count), 0 <= epoch <= spec.epochs."""
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


def best(epochs: int = 160, seed: int = 0) -> TrainSpec:
    """Our recipe from scratch: crop and flip only, Nesterov, a trapezoid rate.

    A trapezoid can be made longer later: every training that has not begun to decay is the beginning of a longer one.
    """
    return TrainSpec(
        recipe="best",
        epochs=epochs,
        rate="trapezoid",
        warmup_epochs=min(2.0, epochs / 10),
        decay_epochs=min(24, math.ceil(epochs / 2)),
        seed=seed,
    )


def distilled(epochs: int = 120, seed: int = 0) -> TrainSpec:
    """Our recipe from scratch with a teacher: a dense network's answers beside the labels (Hinton et al. 2015).

    A student of a teacher's own size may come out better than it (Furlanello et al. 2018).
    """
    return TrainSpec(
        recipe="distilled",
        epochs=epochs,
        rate="triangular",
        warmup_epochs=min(2.0, epochs / 10),
        distil_weight=DISTIL_WEIGHT,
        temperature=TEMPERATURE,
        clip=CLIP,
        average=AVERAGE,
        seed=seed,
    )


def source(epochs: int = 200, seed: int = 0) -> TrainSpec:
    """The source project's recipe: six augmentations, SGD, the rate divided by ten at epochs 100 and 150."""
    return TrainSpec(
        recipe="source",
        epochs=epochs,
        rate="multistep",
        milestones=(100, 150),
        nesterov=False,
        weight_decay=1e-4,
        augmentation=SIX,
        seed=seed,
    )


RECIPES = {"best": best, "distilled": distilled, "source": source}


def recipe(name: str, epochs: int | None = None, seed: int = 0, decay_epochs: int | None = None) -> TrainSpec:
    """A recipe from scratch by name, `best`, `distilled` or `source`; `decay_epochs` is for `best` alone."""
    if name not in RECIPES:
        raise SpecError(f"recipe must be one of {', '.join(RECIPES)}, got {name!r}")
    spec = RECIPES[name](seed=seed) if epochs is None else RECIPES[name](epochs, seed)
    if decay_epochs is None:
        return spec
    if spec.rate != "trapezoid":
        raise SpecError(f"decay epochs must be left out for recipe {name}, got {decay_epochs}")
    return replace(spec, decay_epochs=decay_epochs)


def _check(name: str, value: float, low: float, high: float, *, whole: bool = False) -> None:
    right_type = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not right_type or not low <= value <= high:
        raise SpecError(f"{name} must be {'a whole number ' if whole else ''}{low}..{high}, got {value!r}")


def _known(what: str, value: dict[str, Any], cls: type) -> None:
    unknown = set(value) - {field.name for field in fields(cls)}
    if unknown:
        raise SpecError(f"{what} must be known ones, got {', '.join(sorted(unknown))}")
