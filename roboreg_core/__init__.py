"""Pruning ResNet-20 on CIFAR-10 by merging filters: the library behind the RoboReg dashboard.

Importing this package reads no file, starts no thread and loads no torch.
"""

__version__ = "0.1.0"
