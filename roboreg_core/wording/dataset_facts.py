"""Data sets as text: classes, images, users."""

from roboreg_core.architecture import RESNET20, Architecture
from roboreg_core.datasets.dataset import Dataset, is_cifar10, name_of
from roboreg_core.wording import fmt


def kind_parts(architecture: Architecture, training_set: str) -> list[str]:
    """Architecture and data set as text, those that are not the default, e.g. `["ResNet-56, 3 classes", "digits"]`.

    `training_set` is empty if it is unknown.
    """
    parts = [] if architecture == RESNET20 else [architecture.label]
    if training_set and not is_cifar10(training_set):
        parts.append(fmt.inline_text(name_of(training_set)))
    return parts


def size_words(dataset: Dataset) -> str:
    """Classes, images per split and image size of a data set."""
    size = dataset.image_size
    return (
        f"{dataset.n_classes} classes; {dataset.training:,} training, {dataset.validation:,} validation and "
        f"{dataset.test:,} test images of {size} × {size} pixels"
    )


def users_words(users: dict[str, int]) -> str:
    """Numbers of records that use a data set as text, e.g. `1 network and 2 runs`, or `nothing`.

    `users` maps kinds of records to numbers, see `library.users_of`.
    """
    counts = [fmt.plural(number, kind) for kind, number in sorted(users.items())]
    return fmt.enumeration(counts) if counts else "nothing"
