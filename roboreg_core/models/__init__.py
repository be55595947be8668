"""ResNet-20, its costs, checkpoints and ONNX graph."""
