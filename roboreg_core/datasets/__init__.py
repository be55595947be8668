"""CIFAR-10: files, splits, download and data augmentation."""
