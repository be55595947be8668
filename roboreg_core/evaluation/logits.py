"""One pass over a set of images. Everything that is reported about a network is computed from these logits."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from roboreg_core.datasets.images import Images
from roboreg_core.device import Precision, working_on
from roboreg_core.evaluation.onnx_runtime import onnx_forward
from roboreg_core.models.onnx_graph import onnx_model
from roboreg_core.models.resnet import ResNet20

# Large enough to fill two cores, small enough that activations stay in the cache.
BATCH_SIZE = 250
# Large enough that a GPU works longer on a batch than its launches take.
GPU_BATCH_SIZE = 2_000


@torch.inference_mode()
def logits(
    model: ResNet20,
    images: Images,
    *,
    device: torch.device | str = "cpu",
    precision: Precision = "float32",
    batch_size: int | None = None,
    on_batch: Callable[[float], None] | None = None,
) -> Tensor:
    """Logits (n, 10), float32, on the CPU.

    Args:
        model: not changed; batch norm uses its running statistics, whatever mode the model is in.
        images: what to run through it.
        device: where to run.
        precision: `float32` for what is reported, `bfloat16` for a quick look where the device has it.
        batch_size: images at once; `BATCH_SIZE`, on a GPU `GPU_BATCH_SIZE`, where left out.
        on_batch: told the share done, 0..1, after each batch; a GPU is still at work on it then.
    """
    device = torch.device(device)
    on_cpu = device.type == "cpu"
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    size = batch_size or (BATCH_SIZE if on_cpu else GPU_BATCH_SIZE)
    with working_on(device):
        forward = _forward(model, device, dtype)
        pixels = images.pixels.to(device)
        # Answers stay on the device until the last one: to fetch each would make a GPU wait for the processor.
        out = torch.empty(len(images), model.linear.out_features, device=device)
        for start in range(0, len(images), size):
            part = pixels[start : start + size]
            out[start : start + len(part)] = forward(part)
            if on_batch is not None:
                on_batch(min(1.0, (start + len(part)) / len(images)))
        return out.cpu()


def _forward(model: ResNet20, device: torch.device, dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
    """The fastest forward pass from raw images (n, 3, 32, 32), uint8, to logits: onnxruntime's for float32 on a CPU."""
    if device.type == "cpu" and dtype == torch.float32:
        run = onnx_forward(onnx_model(fold_batch_norm(model), {}).SerializeToString())
        return lambda pixels: torch.from_numpy(run(pixels.numpy()))
    network = inference_model(model, device, dtype)
    return lambda pixels: network(network.prepare(pixels, dtype))


def inference_model(model: ResNet20, device: torch.device, dtype: torch.dtype = torch.float32) -> ResNet20:
    """A copy of `model` for inference: batch norms folded, on `device`, in `dtype`, channels last."""
    return fold_batch_norm(model).to(device, dtype).to(memory_format=torch.channels_last)


def fold_batch_norm(model: ResNet20) -> ResNet20:
    """A copy in eval mode whose batch norms are folded into the convolutions before them; its outputs are the same."""
    folded = copy.deepcopy(model).eval()
    for module in (folded, *folded.blocks):
        for conv, norm in (("conv1", "bn1"), ("conv2", "bn2")):
            if hasattr(module, conv) and hasattr(module, norm):
                setattr(module, conv, fuse_conv_bn_eval(getattr(module, conv), getattr(module, norm)))
                setattr(module, norm, nn.Identity())
    return folded
