"""Augmentation compared with torchvision and kornia: picture, throughput, share of a training epoch."""
