"""The preview: how a schedule does right after pruning, measured on validation images, in bfloat16 where that is fast.

It is a question to the job engine's light worker, not a run: nothing of it is recorded. The worker keeps what one
schedule after another shares, so that a changed block costs no more than that block and those behind it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from roboreg_core.device import Precision, choose_device, computed_in, device_name
from roboreg_core.jobs.task import Context, Output, Request, Stopped
from roboreg_core.schedules.schedule import Schedule

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from roboreg_core.models.checkpoints import Checkpoint
    from roboreg_core.models.resnet import ResNet20
    from roboreg_core.pruning.prune import Pruner, PruneSpec
    from roboreg_core.runs.spec import RunSpec

FUNCTION = f"{__name__}:measure"
# A run looks at more images; these are what can be waited for. See docs/decisions.md for what they cost.
CALIBRATION = 1_500
# Pruners and dense networks that are kept: those looked at now and those before.
KEPT = 2


@dataclass(frozen=True, kw_only=True)
class PreviewSpec:
    """All that determines a preview: the part of a `RunSpec` that says how to prune; see there for the fields."""

    schedule: Schedule
    dense_sha256: str
    training_set: str
    method: str
    recalibrate: bool
    calibration: int
    seed: int

    @classmethod
    def of(cls, run: RunSpec) -> PreviewSpec:
        """What a run does before its fine-tuning, on at most `CALIBRATION` images."""
        same = {name: getattr(run, name) for name in cls.__dataclass_fields__}
        return cls(**{**same, "calibration": min(run.calibration, CALIBRATION)})

    def to_json(self) -> dict[str, Any]:
        """A JSON object from which `from_json` makes an equal spec."""
        return {**asdict(self), "schedule": self.schedule.to_json()}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> PreviewSpec:
        """Read what `to_json` wrote."""
        return cls(**{**value, "schedule": Schedule.from_json(value["schedule"])})

    def pruning(self) -> PruneSpec:
        """The settings of pruning."""
        from roboreg_core.pruning.prune import PruneSpec

        return PruneSpec(method=self.method, recalibrate=self.recalibrate, calibration=self.calibration, seed=self.seed)


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What was measured, and on what.

    Attributes:
        right, dense_right: images that the pruned and the dense network classify rightly, of `images`.
        calibration: how many training images pruning looked at; 0 where none.
        device, threads, precision: where and in what it was computed.
        seconds: what pruning and evaluation took, what was kept from before not counted.
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
        """Of the pruned network, 0..1."""
        return self.right / self.images

    @property
    def dense_accuracy(self) -> float:
        """Of the dense network on the same images, in the same precision."""
        return self.dense_right / self.images


def preview_request(spec: PreviewSpec, checkpoint: Checkpoint, channel: str) -> Request:
    """What to ask the job engine; the dense network's bytes go along."""
    return Request(channel=channel, function=FUNCTION, spec=spec.to_json(), inputs={"dense": checkpoint.content})


def measure(spec_json: dict[str, Any], context: Context) -> Output:
    """Prune and evaluate. `context.inputs["dense"]` holds the dense network as safetensors.

    Returns the fields of a `Preview`. Raises `Stopped` where the context says so, `RoboRegError` on bad input.
    """
    import time

    import torch

    spec = PreviewSpec.from_json(spec_json)
    if context.threads:
        torch.set_num_threads(context.threads)

    def go_on(stage: str, **more: Any) -> None:
        if context.should_stop():
            raise Stopped
        context.report({"stage": stage, **more})

    with _BENCH.lock:
        go_on("prepare")
        dense = _BENCH.dense(spec.dense_sha256, context.inputs["dense"])
        pruner = _BENCH.pruner(spec, dense.model)
        started = time.perf_counter()
        pruned = pruner.prune(spec.schedule, on_block=lambda number: go_on("prune", block=number))
        right = _right(pruned.model, _BENCH.device, lambda share: go_on("evaluate"))
        seconds = time.perf_counter() - started
    preview = Preview(
        right=int(right.sum()),
        dense_right=int(dense.right.sum()),
        images=len(right),
        calibration=len(pruner.images) if pruner.images is not None else 0,
        device=device_name(_BENCH.device),
        threads=torch.get_num_threads(),
        precision=precision_on(_BENCH.device),
        seconds=seconds,
    )
    return Output(result=asdict(preview))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Dense:
    """A dense network and which validation images it gets right, bool (n,)."""

    model: ResNet20
    right: Tensor


class _PreviewState:
    """What one process keeps between previews."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._dense: OrderedDict[str, _Dense] = OrderedDict()
        self._pruners: OrderedDict[tuple[Any, ...], Pruner] = OrderedDict()

    @property
    def device(self) -> torch.device:
        """Where previews are computed."""
        return choose_device()

    def dense(self, sha256: str, content: bytes) -> _Dense:
        """The dense network with this digest, evaluated."""
        if sha256 not in self._dense:
            from roboreg_core.models import checkpoints

            model = checkpoints.dense_from_bytes(content, sha256).model
            _keep(self._dense, sha256, _Dense(model=model, right=_right(model, self.device, lambda share: None)))
        return _used(self._dense, sha256)

    def pruner(self, spec: PreviewSpec, dense: ResNet20) -> Pruner:
        """A pruner with the dense network's answers computed."""
        key = (spec.dense_sha256, spec.training_set, spec.pruning())
        if key not in self._pruners:
            from roboreg_core.datasets import sources
            from roboreg_core.pruning.prune import Pruner

            training = sources.training_images(spec.training_set) if spec.pruning().needs_images else None
            pruner = Pruner(dense, spec.pruning(), calibration=training, device=self.device)
            if pruner.method.needs_images:
                self._drop_activations()
            pruner.warm()
            _keep(self._pruners, key, pruner)
        return _used(self._pruners, key)

    def _drop_activations(self) -> None:
        """Drop the pruner that holds activations, more than 1 GB, before another one does."""
        for key in [key for key, pruner in self._pruners.items() if pruner.method.needs_images]:
            del self._pruners[key]


def _keep(kept: OrderedDict[Any, Any], key: Any, value: Any) -> None:
    kept[key] = value
    while len(kept) > KEPT:
        kept.popitem(last=False)


def _used(kept: OrderedDict[Any, Any], key: Any) -> Any:
    kept.move_to_end(key)
    return kept[key]


def precision_on(device: torch.device) -> Precision:
    """What previews are computed in there."""
    return computed_in("bfloat16", device)


def _right(model: ResNet20, device: torch.device, on_batch: Any) -> Tensor:
    """Which validation images a network gets right, bool (n,)."""
    from roboreg_core.datasets import sources
    from roboreg_core.evaluation.logits import logits

    images = sources.validation_images()
    return (
        logits(model, images, device=device, precision=precision_on(device), on_batch=on_batch).argmax(1)
        == images.labels
    )


_BENCH = _PreviewState()
