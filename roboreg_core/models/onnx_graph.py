"""A network as an ONNX graph from raw images to logits.

All networks have the same kinds of layers, so the graph is written node by node, with operators that runtimes have had
since 2021.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor, nn

from roboreg_core.architecture import Architecture
from roboreg_core.models.resnet import BasicBlock, LambdaLayer, ResNet

if TYPE_CHECKING:
    from onnx import ModelProto

# The oldest versions with all operators used, for the widest choice of runtimes.
OPSET, IR_VERSION = 13, 7
INPUT, OUTPUT = "images", "logits"


def onnx_model(folded: ResNet, metadata: dict[str, str]) -> ModelProto:
    """ONNX model of a network with batch norm folded.

    Args:
        folded: the network, from `evaluation.logits.fold_batch_norm`.
        metadata: key-value pairs to store in the file.

    Returns:
        Model with input `images`, uint8 RGB (n, 3, h, w), and output `logits`, float32 (n, classes); it scales and
        normalises images itself.
    """
    from onnx import helper

    graph = _Graph()
    x = _normalised(graph, folded)
    x = graph.node("Relu", "stem.relu", _convolution(graph, "stem", x, folded.conv1))
    for number, block in enumerate(folded.blocks, start=1):
        x = _block(graph, f"block{number}", x, block)
    x = graph.node("Flatten", "flat", graph.node("GlobalAveragePool", "pool", x), axis=1)
    weight, bias = (
        graph.constant(f"linear.{part}", _array(getattr(folded.linear, part))) for part in ("weight", "bias")
    )
    graph.node("Gemm", "linear", x, weight, bias, transB=1, output=OUTPUT)
    model = helper.make_model(
        graph.proto(folded.architecture),
        producer_name="roboreg",
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )
    helper.set_model_props(model, metadata)
    return model


class _Graph:
    """Builder of a graph; the output of a node has the node's name."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def constant(self, name: str, value: np.ndarray) -> str:
        from onnx import numpy_helper

        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, kind: str, name: str, *inputs: str, output: str | None = None, **settings: Any) -> str:
        from onnx import helper

        output = output or name
        self._nodes.append(helper.make_node(kind, list(inputs), [output], name=name, **settings))
        return output

    def proto(self, architecture: Architecture) -> Any:
        from onnx import TensorProto, helper

        size, classes = architecture.image_size, architecture.n_classes
        shape: list[str | int | None] = ["n", 3, size, size]
        images = helper.make_tensor_value_info(INPUT, TensorProto.UINT8, shape, "RGB images, 0..255")
        logits = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["n", classes], "one number per class")
        return helper.make_graph(self._nodes, f"ResNet-{architecture.depth}", [images], [logits], self._constants)


def _normalised(graph: _Graph, network: ResNet) -> str:
    from onnx import TensorProto

    # Same precision and order of operations as `resnet.normalise`.
    mean = np.array(network.normalisation.mean, np.float32).reshape(1, 3, 1, 1) * np.float32(255)
    scale = 1 / (np.array(network.normalisation.std, np.float32).reshape(1, 3, 1, 1) * np.float32(255))
    x = graph.node("Cast", "as_floats", INPUT, to=TensorProto.FLOAT)
    x = graph.node("Sub", "centred", x, graph.constant("mean", mean))
    return graph.node("Mul", "normalised", x, graph.constant("scale", scale.astype(np.float32)))


def _block(graph: _Graph, name: str, x: str, block: BasicBlock) -> str:
    hidden = graph.node("Relu", f"{name}.relu1", _convolution(graph, f"{name}.conv1", x, block.conv1))
    out = _convolution(graph, f"{name}.conv2", hidden, block.conv2)
    added = graph.node("Add", f"{name}.add", out, _shortcut(graph, f"{name}.shortcut", x, block))
    return graph.node("Relu", f"{name}.relu2", added)


def _shortcut(graph: _Graph, name: str, x: str, block: BasicBlock) -> str:
    """Identity, 1x1 convolution (option B), or subsampling and zero channels (option A)."""
    shortcut = block.shortcut
    if isinstance(shortcut, nn.Conv2d):
        return _convolution(graph, name, x, shortcut)
    if not isinstance(shortcut, LambdaLayer):
        return x
    ends = np.array([np.iinfo(np.int64).max] * 2)
    parts = {"starts": np.array([0, 0]), "ends": ends, "axes": np.array([2, 3]), "steps": np.array([2, 2])}
    given = [graph.constant(f"{name}.{part}", value.astype(np.int64)) for part, value in parts.items()]
    subsampled = graph.node("Slice", f"{name}.thinned", x, *given)
    pads = np.array([0, shortcut.before, 0, 0, 0, shortcut.after, 0, 0], np.int64)
    return graph.node("Pad", f"{name}.padded", subsampled, graph.constant(f"{name}.pads", pads), mode="constant")


def _convolution(graph: _Graph, name: str, x: str, conv: nn.Conv2d) -> str:
    inputs = [x, graph.constant(f"{name}.weight", _array(conv.weight))]
    if conv.bias is not None:
        inputs.append(graph.constant(f"{name}.bias", _array(conv.bias)))
    size, stride = list(conv.kernel_size), list(conv.stride)
    # "Same" padding.
    pads = [each // 2 for each in size] * 2
    return graph.node("Conv", name, *inputs, kernel_shape=size, strides=stride, pads=pads)


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().float().contiguous().numpy()
