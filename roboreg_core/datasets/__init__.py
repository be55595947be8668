"""Data sets: CIFAR-10, CIFAR-100 and own images; files, splits, download, import and augmentation."""
