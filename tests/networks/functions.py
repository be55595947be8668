"""What a worker runs in the place of the real function: the same, on a handful of images."""

from __future__ import annotations

from typing import Any

from roboreg_core.datasets import sources
from roboreg_core.datasets.images import Images, first_of_each_class
from roboreg_core.jobs.task import Context, Output
from roboreg_core.networks.execute import execute


def small(spec: dict[str, Any], context: Context) -> Output:
    """`execute` with 1,000 training images, so that an epoch takes long enough to be stopped in, and 100 others."""
    everything = sources.training_images("bundled")
    few, many = (_first(everything, count) for count in (10, 100))
    sources.training_images = lambda choice="auto": many  # type: ignore[assignment]
    sources.validation_images = sources.test_images = lambda choice="auto": few  # type: ignore[assignment]
    return execute(spec, context)


def _first(images: Images, count: int) -> Images:
    return images.take(first_of_each_class(images.labels.numpy(), count), f"{10 * count} images")
