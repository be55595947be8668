"""Choose how the inputs of a network of another project are prepared, on validation images alone.

A state dict shows neither the normalisation of its training, nor the order of colour channels, nor where option-A
shortcuts put their zeros. Each combination that public code uses is a form; the most accurate one is taken. All forms
are measured on a part of the images, those that are not significantly worse than the best one on all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from roboreg_core.architecture import PROJECTION, ZEROS, ZEROS_AT_END
from roboreg_core.datasets.images import Images
from roboreg_core.errors import CheckpointError, SpecError
from roboreg_core.evaluation.guessing import beats_guessing
from roboreg_core.evaluation.logits import logits
from roboreg_core.evaluation.paired_tests import ALPHA, mcnemar
from roboreg_core.models import checkpoints
from roboreg_core.models.checkpoints import Checkpoint
from roboreg_core.models.normalisation import AUTO, NORMALISATIONS, check_normalisation
from roboreg_core.models.resnet import ResNet
from roboreg_core.schedules.schedule import Schedule

# Images on which all forms are measured, and the most forms that are then measured on all images.
FEW, _FINALISTS = 500, 6
# Pixels in 0..255 are tried last, like colour channels in the order blue, green, red with other than the best form.
_PIXELS = "pixels"
_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class InputForm:
    """Preparation of the inputs of a network of another project, and the kind of its shortcuts.

    Attributes:
        normalisation: a name in `NORMALISATIONS`.
        shortcut: one of `architecture.SHORTCUTS`.
        is_bgr: True if the network expects the colour channels in the order blue, green, red.
    """

    normalisation: str
    shortcut: str
    is_bgr: bool = False

    def applied(self, model: ResNet, image_size: int) -> ResNet:
        """Copy of a network with this normalisation and shortcut, in eval mode, for RGB images of this size in pixels.

        For a network that expects BGR, the input channels of its first convolution are reversed.
        """
        schedule = model.schedule
        architecture = replace(schedule.architecture, shortcut=self.shortcut, image_size=image_size)
        normalisation = NORMALISATIONS[self.normalisation]
        made = ResNet(Schedule(schedule.counts, architecture), normalisation.reversed if self.is_bgr else normalisation)
        state = model.state_dict()
        made.load_state_dict({**state, "conv1.weight": state["conv1.weight"].flip(1)} if self.is_bgr else state)
        return made.eval()

    def words_beside(self, other: InputForm) -> str:
        """The form as text beside another: the normalisation alone if all else is equal, else `words`."""
        is_same = (self.shortcut, self.is_bgr) == (other.shortcut, other.is_bgr)
        return self.normalisation if is_same else self.words

    @property
    def words(self) -> str:
        """The form as text, e.g. `cifar10, BGR, zeros after the channels`."""
        order = ", BGR" if self.is_bgr else ""
        return f"{self.normalisation}{order}{', zeros after the channels' if self.shortcut == ZEROS_AT_END else ''}"


@dataclass(frozen=True, kw_only=True, eq=False)
class _Trial:
    """A form with its results: which images are classified correctly, with finite outputs, and the mean loss."""

    form: InputForm
    right: np.ndarray
    finite: np.ndarray
    loss: float

    @property
    def accuracy(self) -> float:
        return float(self.right.mean())

    @property
    def rank(self) -> tuple[int, float]:
        """Orders trials on the same images, the best one first."""
        return -int(self.right.sum()), self.loss

    def is_worse(self, best: _Trial) -> bool:
        """True if the accuracy is significantly lower than that of another trial on the same images (McNemar)."""
        lost, gained = (best.right & ~self.right).sum(), (self.right & ~best.right).sum()
        return bool(lost > gained and mcnemar(lost, gained) < ALPHA)

    def beats_guessing(self, n_classes: int) -> bool:
        return beats_guessing(int(self.right.sum()), len(self.right), n_classes)

    def to_json(self) -> dict[str, Any]:
        return {**vars(self.form), "accuracy": self.accuracy, "images": len(self.right)}


def choose_inputs(
    loaded: Checkpoint,
    images: Images,
    normalisation: str = AUTO,
    *,
    device: torch.device | str = "cpu",
    on_progress: Callable[[float], None] = lambda share: None,
) -> Checkpoint:
    """Choose the preparation of inputs with which a network of another project is most accurate.

    A network from a file of RoboReg, which holds its normalisation, is returned unchanged.

    Args:
        loaded: a network from a file.
        images: validation images, of the network's classes.
        normalisation: a name in `NORMALISATIONS` to try this one alone, or `AUTO` to try all.
        device: device of the forward passes.
        on_progress: called with the share that is done, 0..1; may raise to stop.

    Returns:
        The network with the best `InputForm` applied and a note on it. Its `source["inputs"]` holds that form with its
        accuracy (0..1), and all forms under `tried`.

    Raises `SpecError`: the normalisation is unknown, or given for a file that holds its own; `CheckpointError`: the
    network has another number of classes, its outputs are not finite, or no form is better than guessing.
    """
    check_normalisation(normalisation)
    if loaded.source is None:
        if normalisation != AUTO:
            raise SpecError(f"normalisation must be {AUTO} for {loaded.name}, which holds its own, got {normalisation}")
        return loaded
    _check_classes(loaded, images)
    bench = _Bench(model=loaded.model, images=images, device=device, on_progress=on_progress)
    trials = bench.trials(list(NORMALISATIONS) if normalisation == AUTO else [normalisation])
    best = trials[0]
    _check_fit(loaded.name, trials, n_classes=loaded.model.architecture.n_classes)
    model = best.form.applied(loaded.model, images.pixels.shape[-1])
    source = {**loaded.source, "inputs": {**best.to_json(), "tried": [trial.to_json() for trial in trials]}}
    content = checkpoints.to_bytes(model)
    notes = (_choice_note(trials, normalisation, images), *loaded.notes)
    return replace(loaded, model=model, content=content, notes=notes, source=source)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Bench:
    """A network and the images on which its forms are tried."""

    model: ResNet
    images: Images
    device: torch.device | str
    on_progress: Callable[[float], None]

    @property
    def n_classes(self) -> int:
        return self.model.architecture.n_classes

    def trials(self, names: Sequence[str]) -> list[_Trial]:
        """Trials of all forms with these normalisations, best first: the best ones on all images, the others on few."""
        rows = np.arange(0, len(self.images), max(len(self.images) // FEW, 1))
        few = self.images.take(rows, f"{len(rows):,} images")
        usual = [name for name in names if name != _PIXELS] or names
        tried = self._ranked(self._forms(usual), few, (0.0, 0.4))
        if tried[0].beats_guessing(self.n_classes):
            rare = [replace(tried[0].form, is_bgr=True)]
        else:
            rare = [*self._forms([name for name in names if name not in usual]), *self._forms(names, is_bgr=True)]
        tried = sorted([*tried, *self._ranked(rare, few, (0.4, 0.5))], key=lambda trial: trial.rank)
        if len(few) == len(self.images):
            return tried
        finalists = [trial for trial in tried if not trial.is_worse(tried[0])][:_FINALISTS]
        finals = self._ranked([trial.form for trial in finalists], self.images, (0.5, 1.0))
        return [*finals, *(trial for trial in tried if trial not in finalists)]

    def _forms(self, names: Sequence[str], *, is_bgr: bool = False) -> list[InputForm]:
        own = self.model.architecture.shortcut
        shortcuts = (own,) if own == PROJECTION else (ZEROS, ZEROS_AT_END)
        return [
            InputForm(normalisation=name, shortcut=shortcut, is_bgr=is_bgr) for name in names for shortcut in shortcuts
        ]

    def _ranked(self, forms: Sequence[InputForm], images: Images, span: tuple[float, float]) -> list[_Trial]:
        """Trials on these images, best first; the progress goes through the span."""
        trials = []
        for number, form in enumerate(forms):
            self.on_progress(span[0] + (span[1] - span[0]) * number / len(forms))
            trials.append(self._trial(form, images))
        return sorted(trials, key=lambda trial: trial.rank)

    def _trial(self, form: InputForm, images: Images) -> _Trial:
        values = logits(form.applied(self.model, images.pixels.shape[-1]), images, device=self.device)
        finite = torch.isfinite(values).all(1)
        right = (values.argmax(1) == images.labels) & finite
        loss = F.cross_entropy(values[finite], images.labels[finite]).item() if finite.any() else math.inf
        return _Trial(form=form, right=right.numpy(), finite=finite.numpy(), loss=loss)


def _check_classes(loaded: Checkpoint, images: Images) -> None:
    n_classes, expected = loaded.model.architecture.n_classes, len(images.classes)
    if n_classes != expected:
        raise CheckpointError(
            f"{loaded.name} must have the {expected} classes of the images, got {n_classes}: choose its data set "
            "(--data NAME)"
        )


def _check_fit(name: str, trials: Sequence[_Trial], n_classes: int) -> None:
    best = trials[0]
    infinite, count = int((~best.finite).sum()), len(best.finite)
    if infinite:
        raise CheckpointError(
            f"{name} must classify the images, but its outputs are not finite on {infinite:,} of {count:,} images: "
            "train it again, or save it in float32"
        )
    if not best.beats_guessing(n_classes):
        raise CheckpointError(
            f"{name} must be better than guessing, got an accuracy of {best.accuracy:.1%} on {count:,} validation "
            f"images with the best of {len(trials)} normalisations and shortcuts ({best.form.words}): this network "
            "does not fit these images"
        )


def _choice_note(trials: Sequence[_Trial], normalisation: str, images: Images) -> str:
    """Sentence on the form that was taken, and those that are about as accurate on the same images."""
    best = trials[0]
    how = "chosen by" if normalisation == AUTO else "as requested;"
    text = f"normalisation {best.form.words} {how} {len(images):,} validation images: {best.accuracy:.2%}"
    close = [trial for trial in trials[1:] if len(trial.right) == len(images) and not trial.is_worse(best)]
    listed = ", ".join(f"{trial.form.words_beside(best.form)} {trial.accuracy:.2%}" for trial in close[:_SHOWN])
    return f"{text}; not significantly worse: {listed}" if close else text
