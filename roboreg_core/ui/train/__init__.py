"""The Dense networks page: networks to start from, training, upload, and training images."""
