"""Data sets as text: classes, images, users."""

from roboreg_core.datasets.dataset import Dataset
from roboreg_core.wording import fmt


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
