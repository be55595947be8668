"""CIFAR-style ResNets, their costs, checkpoints and ONNX graph."""
