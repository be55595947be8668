"""Filter pruning of residual networks for small images: the library of the RoboReg dashboard.

Importing this package reads no file, starts no thread and imports no torch.
"""

__version__ = "0.1.0"
