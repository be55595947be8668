from collections.abc import Callable

import pytest
import torch

from roboreg_core.datasets.images import Images
from roboreg_core.evaluation.latency import time_network
from roboreg_core.evaluation.logits import fold_batch_norm, logits
from roboreg_core.models.checkpoints import to_bytes
from roboreg_core.models.resnet import ResNet
from roboreg_core.schedules.schedule import presets
from tests.tolerance import assert_same_logits

Make = Callable[..., ResNet]


def test_folding_batch_norm_changes_nothing_and_leaves_the_model(make_network: Make, few_images: Images) -> None:
    model = make_network(presets()["quarter"])
    before = to_bytes(model)
    with torch.inference_mode():
        plain = model.eval()(model.prepare(few_images.pixels))
    assert_same_logits(logits(model.train(), few_images), plain)
    assert to_bytes(model) == before
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in fold_batch_norm(model).modules())


@pytest.mark.parametrize("batch_size", [1, 7, 50, 999])
def test_batches_do_not_matter(network: ResNet, few_images: Images, batch_size: int) -> None:
    assert_same_logits(logits(network, few_images, batch_size=batch_size), logits(network, few_images))


def test_bfloat16_is_close_to_float32(network: ResNet, few_images: Images) -> None:
    quick, exact = (logits(network, few_images, precision=precision) for precision in ("bfloat16", "float32"))
    assert_same_logits(quick, exact, dtype=torch.bfloat16)


def test_progress_ends_at_one(network: ResNet, few_images: Images) -> None:
    reported: list[float] = []
    logits(network, few_images, batch_size=20, on_batch=reported.append)
    assert reported == pytest.approx([0.4, 0.8, 1.0])


def test_a_timing_records_its_settings(network: ResNet) -> None:
    timing = time_network(network, 4, repeats=5)
    assert (timing.batch, timing.repeats, timing.device) == (4, 5, "CPU")
    assert 0 < timing.low <= timing.median <= timing.high
