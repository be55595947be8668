"""CIFAR-10 in memory: where it comes from, how it is split, and batched augmentation."""
