"""Suffixes and size limit of weights files. Without torch."""

SUFFIX = ".safetensors"
FOREIGN_SUFFIXES = (".th", ".pt", ".pth")
SUFFIXES = (SUFFIX, *FOREIGN_SUFFIXES)
# A ResNet-20 takes 1.1 MB, with optimiser state 3.3 MB.
MAX_BYTES = 64 * 2**20
