"""Which weights files are read, known without loading torch."""

SUFFIX = ".safetensors"
FOREIGN_SUFFIXES = (".th", ".pt", ".pth")
SUFFIXES = (SUFFIX, *FOREIGN_SUFFIXES)
# A ResNet-20 takes 1.1 MB, with an optimiser's state 3.3 MB; what is far larger is another network.
MAX_BYTES = 64 * 2**20
