"""The Train page: dense networks that there are, new ones trained or uploaded, and the images to train on."""
