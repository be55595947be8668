"""The training loop and the recipes."""
