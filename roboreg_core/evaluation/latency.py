"""Latency of a forward pass."""

import statistics
import time
from contextlib import nullcontext
from dataclasses import dataclass

import torch

from roboreg_core.device import device_name, working_on
from roboreg_core.evaluation.logits import inference_model
from roboreg_core.models.resnet import ResNet

WARM_UP = 5
BATCH = 256


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Latency of one batch, in seconds, in float32 with batch norm folded.

    Attributes:
        batch: images per batch.
        median, low, high: median, 10th and 90th percentile of the seconds of `repeats` calls.
        repeats: number of timed calls.
        device: name of the processor or GPU.
        threads: number of torch's CPU threads.
    """

    batch: int
    median: float
    low: float
    high: float
    repeats: int
    device: str
    threads: int


@torch.inference_mode()
def time_network(model: ResNet, batch: int = 1, *, device: torch.device | str = "cpu", repeats: int = 30) -> Timing:
    """Time `repeats` forward passes of one batch of `batch` images, after `WARM_UP` untimed ones."""
    device = torch.device(device)
    seconds = []
    # On a CPU `working_on` would change malloc's settings for the whole process.
    with working_on(device) if device.type == "cuda" else nullcontext():
        network = inference_model(model, device)
        size = model.architecture.image_size
        images = torch.zeros(batch, 3, size, size, device=device).to(memory_format=torch.channels_last)
        for call in range(WARM_UP + repeats):
            started = time.perf_counter()
            network(images)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            if call >= WARM_UP:
                seconds.append(time.perf_counter() - started)
    deciles = statistics.quantiles(seconds, n=10) if repeats > 1 else [seconds[0]] * 9
    return Timing(
        batch=batch,
        median=statistics.median(seconds),
        low=deciles[0],
        high=deciles[-1],
        repeats=repeats,
        device=device_name(device),
        threads=torch.get_num_threads(),
    )
