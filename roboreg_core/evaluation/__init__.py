"""Evaluation from logits: metrics, paired comparison, changed predictions; latency and ONNX export."""
