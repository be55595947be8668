"""ResNet-20 for a schedule, its costs, checkpoints, weights from other projects, and its ONNX graph."""
