"""Preview: validation accuracy of a schedule right after pruning, in bfloat16 if the device computes it fast.

Previews are requests to the job engine's light worker and leave no record. The worker caches dense networks and
pruners, so that changing a block costs that block and the ones behind it.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from roboreg_core.architecture import RESNET20, Architecture
from roboreg_core.device import Precision, choose_device, computed_in, device_name
from roboreg_core.jobs.task import Context, Output, Request, Stopped
from roboreg_core.runs.spec import PruneSettings
from roboreg_core.schedules.schedule import Schedule

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from roboreg_core.models.checkpoints import Checkpoint
    from roboreg_core.models.resnet import ResNet
    from roboreg_core.pruning.prune import Pruner
    from roboreg_core.runs.spec import RunSpec

FUNCTION = f"{__name__}:measure"
# Calibration images of a preview: fewer than a run's, for speed. See docs/decisions.md for the loss of accuracy.
CALIBRATION = 1_500
# Pruners and dense networks in the cache: the current one and the one before.
KEPT = 2


@dataclass(frozen=True, kw_only=True)
class PreviewSpec(PruneSettings):
    """Everything that determines a preview: the pruning settings and a schedule (filters kept per block)."""

    schedule: Schedule

    @classmethod
    def of(cls, run: RunSpec) -> PreviewSpec:
        """Spec of the preview of a run, with at most `CALIBRATION` calibration images."""
        settings = {**PruneSettings.to_json(run), "calibration": min(run.calibration, CALIBRATION)}
        return cls(schedule=run.schedule, **settings)

    def to_json(self) -> dict[str, Any]:
        """A JSON object from which `from_json` restores the spec."""
        return {**super().to_json(), **self.schedule.stored()}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> PreviewSpec:
        """Inverse of `to_json`."""
        settings = {name: each for name, each in value.items() if name in PruneSettings.__dataclass_fields__}
        return cls(schedule=Schedule.from_stored(value), **settings)


@dataclass(frozen=True, kw_only=True)
class Preview:
    """A measured preview.

    Attributes:
        right, dense_right: number of images that the pruned and the dense network classify correctly.
        images: number of validation images.
        calibration: number of calibration images used; 0 for a method that needs none.
        device, threads, precision: device, number of CPU threads and number format of the computation.
        seconds: duration of pruning and evaluation, without cached work.
    """

    right: int
    dense_right: int
    images: int
    calibration: int
    device: str
    threads: int
    precision: Precision
    seconds: float

    @property
    def accuracy(self) -> float:
        """Accuracy of the pruned network, 0..1."""
        return self.right / self.images

    @property
    def dense_accuracy(self) -> float:
        """Accuracy of the dense network on the same images in the same precision, 0..1."""
        return self.dense_right / self.images


def preview_request(spec: PreviewSpec, checkpoint: Checkpoint, channel: str) -> Request:
    """Request for a preview, for `Engine.request`; it includes the weights in `checkpoint`.

    `channel` identifies the visitor, whose next request replaces this one.
    """
    return Request(channel=channel, function=FUNCTION, spec=spec.to_json(), inputs={"dense": checkpoint.content})


def measure(spec_json: dict[str, Any], context: Context) -> Output:
    """Task function: prune and evaluate the `PreviewSpec` in `spec_json`.

    `context.inputs["dense"]` holds the dense network as safetensors.

    Returns:
        Output whose result has the fields of a `Preview`.

    Raises `Stopped`: the context requested it; `RoboRegError`: the input is invalid.
    """
    import time

    import torch

    spec = PreviewSpec.from_json(spec_json)
    if context.threads:
        torch.set_num_threads(context.threads)

    def report(stage: str, **more: Any) -> None:
        if context.should_stop():
            raise Stopped
        context.report({"stage": stage, **more})

    with _STATE.lock:
        report("prepare")
        dense = _STATE.dense(spec.dense_sha256, context.inputs["dense"], spec.training_set)
        pruner = _STATE.pruner(spec, dense.model)
        started = time.perf_counter()
        pruned = pruner.prune(
            spec.schedule,
            on_block=lambda number: report("prune", block=number),
            branches=_kept_depths(spec.schedule.architecture),
        )
        right = _correct(pruned.model, spec.training_set, lambda share: report("evaluate"))
        seconds = time.perf_counter() - started
    device = choose_device()
    preview = Preview(
        right=int(right.sum()),
        dense_right=int(dense.right.sum()),
        images=len(right),
        calibration=len(pruner.images) if pruner.images is not None else 0,
        device=device_name(device),
        threads=torch.get_num_threads(),
        precision=precision_on(device),
        seconds=seconds,
    )
    return Output(result=asdict(preview))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Dense:
    """A dense network and its correct predictions on the validation images, bool (n,)."""

    model: ResNet
    right: Tensor


class _PreviewState:
    """Dense networks and pruners that one process caches between previews."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._dense: OrderedDict[tuple[str, str], _Dense] = OrderedDict()
        self._pruners: OrderedDict[tuple[Any, ...], Pruner] = OrderedDict()

    def dense(self, sha256: str, content: bytes, training_set: str) -> _Dense:
        """The dense network with this digest, evaluated on the data set of `training_set`."""
        key = (sha256, training_set)
        if key not in self._dense:
            from roboreg_core.models import checkpoints

            model = checkpoints.dense_from_bytes(content, sha256).model
            right = _correct(model, training_set, lambda share: None)
            _add(self._dense, key, _Dense(model=model, right=right))
        self._dense.move_to_end(key)
        return self._dense[key]

    def pruner(self, spec: PreviewSpec, dense: ResNet) -> Pruner:
        """A pruner with the dense network's activations computed."""
        pruning = spec.pruning()
        key = (spec.dense_sha256, spec.training_set, pruning)
        if key not in self._pruners:
            from roboreg_core.datasets import sources
            from roboreg_core.pruning.prune import Pruner

            training = sources.training_images(spec.training_set) if pruning.needs_images else None
            pruner = Pruner(dense, pruning, calibration=training, device=choose_device())
            if pruner.method.needs_images:
                self._drop_activations()
            pruner.warm()
            _add(self._pruners, key, pruner)
        self._pruners.move_to_end(key)
        return self._pruners[key]

    def _drop_activations(self) -> None:
        """Drop the pruner that holds activations, over 1 GB, before another one allocates its own."""
        for key in [key for key, pruner in self._pruners.items() if pruner.method.needs_images]:
            del self._pruners[key]


def _kept_depths(architecture: Architecture) -> range:
    """Depths at which a pruner keeps activations to continue from: after every block of the default architecture.

    Larger networks and images take as much memory, about 1 GB, and up to a few more blocks to prune again.
    """
    own, default = (each.n_blocks * each.base_width * each.image_size**2 for each in (architecture, RESNET20))
    return range(0, architecture.n_blocks, math.ceil(own / default))


def _add(cache: OrderedDict[Any, Any], key: Any, value: Any) -> None:
    cache[key] = value
    while len(cache) > KEPT:
        cache.popitem(last=False)


def precision_on(device: torch.device) -> Precision:
    """Precision of previews on this device: bfloat16 if it is fast there, else float32."""
    return computed_in("bfloat16", device)


def _correct(model: ResNet, training_set: str, on_batch: Callable[[float], None]) -> Tensor:
    """Correct predictions on the validation images, bool (n,)."""
    from roboreg_core.datasets import sources
    from roboreg_core.evaluation.logits import logits

    images, device = sources.validation_images(training_set), choose_device()
    values = logits(model, images, device=device, precision=precision_on(device), on_batch=on_batch)
    return values.argmax(1) == images.labels


_STATE = _PreviewState()
