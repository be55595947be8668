"""CIFAR-10 in memory: sources, splits, readers and batched augmentation."""
