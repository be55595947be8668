"""Inference of ONNX files on the CPU by onnxruntime, with the number of threads of torch."""

from collections.abc import Callable

import numpy as np
import torch

from roboreg_core.errors import CheckpointError
from roboreg_core.models.onnx_graph import INPUT, OUTPUT


def onnx_forward(content: bytes) -> Callable[[np.ndarray], np.ndarray]:
    """Load an ONNX file and return its forward pass: uint8 images (n, 3, h, w) -> float32 logits (n, classes).

    Raises `CheckpointError`: onnxruntime cannot load it.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has its own error classes
        message = " ".join(str(error).split())[:160]
        raise CheckpointError(f"an ONNX file must load in onnxruntime, got {message}; export it again") from None

    def forward(pixels: np.ndarray) -> np.ndarray:
        logits: np.ndarray = session.run([OUTPUT], {INPUT: pixels})[0]
        return logits

    return forward
