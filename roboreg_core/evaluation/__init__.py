"""Logits once, then every figure read from them; and how long the network takes."""
