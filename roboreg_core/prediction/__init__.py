"""Predictions from measured schedules: sensitivity, accuracy, fine-tuning recovery, latency."""
