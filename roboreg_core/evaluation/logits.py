"""Logits of a set of images, from which all metrics are computed."""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from roboreg_core.datasets.dataset import check_architecture
from roboreg_core.datasets.images import Images
from roboreg_core.device import Precision, working_on
from roboreg_core.evaluation.onnx_runtime import onnx_forward
from roboreg_core.models.onnx_graph import onnx_model
from roboreg_core.models.resnet import ResNet

# Large enough for two cores, small enough for activations to stay in the cache.
BATCH_SIZE = 250
# Large enough for computation to take longer than kernel launches.
GPU_BATCH_SIZE = 2_000


@torch.inference_mode()
def logits(
    model: ResNet,
    images: Images,
    *,
    device: torch.device | str = "cpu",
    precision: Precision = "float32",
    batch_size: int | None = None,
    on_batch: Callable[[float], None] | None = None,
) -> Tensor:
    """Logits of all images, float32 (n, classes) on the CPU.

    Args:
        model: evaluated in eval mode, whatever its mode.
        images: images to classify.
        device: device of the forward passes.
        precision: `float32` for reported metrics, `bfloat16` for previews on devices that have it.
        batch_size: images per batch; default `BATCH_SIZE`, on a GPU `GPU_BATCH_SIZE`.
        on_batch: called with the completed share, 0..1, after each batch is launched.

    Raises `DataError`: the number of classes or the image size of the network is not that of the images.
    """
    check_architecture(model.architecture, len(images.classes), images.pixels.shape[-1])
    device = torch.device(device)
    on_cpu = device.type == "cpu"
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    size = batch_size or (BATCH_SIZE if on_cpu else GPU_BATCH_SIZE)
    with working_on(device):
        forward = _forward(model, device, dtype)
        pixels = images.pixels.to(device)
        # Logits stay on the device until the end: a copy per batch would stall a GPU.
        out = torch.empty(len(images), model.linear.out_features, device=device)
        for start in range(0, len(images), size):
            batch = pixels[start : start + size]
            out[start : start + len(batch)] = forward(batch)
            if on_batch is not None:
                on_batch(min(1.0, (start + len(batch)) / len(images)))
        return out.cpu()


def _forward(model: ResNet, device: torch.device, dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
    """Fastest forward pass from raw uint8 images (n, 3, h, w) to logits: onnxruntime for float32 on a CPU."""
    if device.type == "cpu" and dtype == torch.float32:
        run = onnx_forward(onnx_model(fold_batch_norm(model), {}).SerializeToString())
        return lambda pixels: torch.from_numpy(run(pixels.numpy()))
    network = inference_model(model, device, dtype)
    return lambda pixels: network(network.prepare(pixels, dtype))


def inference_model(model: ResNet, device: torch.device, dtype: torch.dtype = torch.float32) -> ResNet:
    """Copy of `model` with batch norm folded, on `device`, in `dtype` and channels-last format."""
    return fold_batch_norm(model).to(device, dtype).to(memory_format=torch.channels_last)


def fold_batch_norm(model: ResNet) -> ResNet:
    """Copy of a network in eval mode with each batch norm folded into the convolution before it."""
    folded = copy.deepcopy(model).eval()
    for module in (folded, *folded.blocks):
        for conv, norm in (("conv1", "bn1"), ("conv2", "bn2")):
            if hasattr(module, conv) and hasattr(module, norm):
                setattr(module, conv, fuse_conv_bn_eval(getattr(module, conv), getattr(module, norm)))
                setattr(module, norm, nn.Identity())
    for block in folded.blocks:
        if isinstance(block.shortcut, nn.Sequential):
            block.shortcut = fuse_conv_bn_eval(*block.shortcut)
    return folded
