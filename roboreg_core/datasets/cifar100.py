"""Classes, groups, normalisation and numbers of images of CIFAR-100. Without torch."""

# The 20 coarse classes with their five fine ones (Krizhevsky 2009).
COARSE_CLASSES = {
    "aquatic_mammals": ("beaver", "dolphin", "otter", "seal", "whale"),
    "fish": ("aquarium_fish", "flatfish", "ray", "shark", "trout"),
    "flowers": ("orchid", "poppy", "rose", "sunflower", "tulip"),
    "food_containers": ("bottle", "bowl", "can", "cup", "plate"),
    "fruit_and_vegetables": ("apple", "mushroom", "orange", "pear", "sweet_pepper"),
    "household_electrical_devices": ("clock", "keyboard", "lamp", "telephone", "television"),
    "household_furniture": ("bed", "chair", "couch", "table", "wardrobe"),
    "insects": ("bee", "beetle", "butterfly", "caterpillar", "cockroach"),
    "large_carnivores": ("bear", "leopard", "lion", "tiger", "wolf"),
    "large_man-made_outdoor_things": ("bridge", "castle", "house", "road", "skyscraper"),
    "large_natural_outdoor_scenes": ("cloud", "forest", "mountain", "plain", "sea"),
    "large_omnivores_and_herbivores": ("camel", "cattle", "chimpanzee", "elephant", "kangaroo"),
    "medium_mammals": ("fox", "porcupine", "possum", "raccoon", "skunk"),
    "non-insect_invertebrates": ("crab", "lobster", "snail", "spider", "worm"),
    "people": ("baby", "boy", "girl", "man", "woman"),
    "reptiles": ("crocodile", "dinosaur", "lizard", "snake", "turtle"),
    "small_mammals": ("hamster", "mouse", "rabbit", "shrew", "squirrel"),
    "trees": ("maple_tree", "oak_tree", "palm_tree", "pine_tree", "willow_tree"),
    "vehicles_1": ("bicycle", "bus", "motorcycle", "pickup_truck", "train"),
    "vehicles_2": ("lawn_mower", "rocket", "streetcar", "tank", "tractor"),
}
_COARSE_OF = {fine: coarse for coarse, every in COARSE_CLASSES.items() for fine in every}
# The fine classes, in the order of their labels, and the coarse class of each.
CLASSES = tuple(sorted(_COARSE_OF))
GROUPS = tuple(_COARSE_OF[name] for name in CLASSES)
# Height and width in pixels.
IMAGE_SIZE = 32
PER_CLASS = {"train": 500, "test": 100}
# The first of each class: as many validation images in all as CIFAR-10 has.
VALIDATION_PER_CLASS = 20
VALIDATION_IMAGES = VALIDATION_PER_CLASS * len(CLASSES)
TRAINING_IMAGES = PER_CLASS["train"] * len(CLASSES) - VALIDATION_IMAGES
TEST_IMAGES = PER_CLASS["test"] * len(CLASSES)
# Of RGB / 255 over the 50,000 training images, as commonly published.
MEAN, STD = (0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)
