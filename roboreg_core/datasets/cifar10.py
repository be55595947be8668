"""Classes, image size and numbers of images of CIFAR-10 and its splits. Without torch."""

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
# Height and width in pixels.
IMAGE_SIZE = 32
# Original training images, of which the first of each class are the validation split.
ALL_TRAINING_IMAGES = 50_000
VALIDATION_PER_CLASS = 200
VALIDATION_IMAGES = VALIDATION_PER_CLASS * len(CLASSES)
TEST_IMAGES = 10_000
# Training images without the validation split, by name of the training set.
TRAINING_COUNTS = {"bundled": 10_000, "full": ALL_TRAINING_IMAGES - VALIDATION_IMAGES}
