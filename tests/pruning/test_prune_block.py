from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from roboreg_core.architecture import RESNET20
from roboreg_core.datasets.images import Images
from roboreg_core.models.resnet import ResNet
from roboreg_core.pruning.block_context import BlockContext
from roboreg_core.pruning.calibration import PIXELS_PER_IMAGE, dense_reference
from roboreg_core.pruning.least_squares import TAPS, error, to_unknowns
from roboreg_core.pruning.methods import parse
from roboreg_core.pruning.prune_block import advance, prune_block
from tests.tolerance import PREDICTED, PRODUCTS, SOLVED, assert_same

Make = Callable[..., ResNet]


@pytest.mark.parametrize("upstream_changed", [False, True])
@pytest.mark.parametrize(("plain", "solved"), [
    ("merge", "filter/kmeans/centroid/sum+refit"),
    ("filter/kmeans/medoid/sum", "filter/kmeans/medoid/sum+refit"),
    ("l1", "filter/none/l1/refit"),
    ("l1", "filter/none/l1/refit+blend"),
    ("filter/none/loss/refit", "refit"),
    ("refit", "refit-plus"),
])  # fmt: skip
def test_refit_is_never_worse_on_its_images_than_the_merge_it_starts_from(
    make_network: Make, few_images: Images, plain: str, solved: str, upstream_changed: bool
) -> None:
    model = make_network()
    dense = dense_reference(model, few_images, 0)
    inputs = tuple(x + 0.1 for x in dense.inputs) if upstream_changed else dense.inputs
    for k in (2, 9):
        contexts = [
            BlockContext(1, model.blocks[0], parse(name), 0, inputs, dense.blocks[0], upstream_changed)
            for name in (plain, solved)
        ]
        before, after = (prune_block(context, k) for context in contexts)
        # With changed inputs conv1 is fitted too, so each error is of the block's own channels.
        errors = [
            error(
                context.statistics(block.tensors).moments,
                to_unknowns(*block.output_norm.fold(block.tensors.conv2)).double(),
            )
            for context, block in zip(contexts, (before, after), strict=True)
        ]
        assert errors[1] <= errors[0] * (1 + 1e-3)


def test_a_block_that_keeps_all_filters_compensates_errors_of_earlier_blocks(
    make_network: Make, few_images: Images
) -> None:
    model = make_network()
    dense = dense_reference(model, few_images, 0)
    wrong = tuple(x * 0.8 for x in dense.inputs)
    contexts = [
        BlockContext(1, model.blocks[0], parse(name), 0, wrong, dense.blocks[0], True) for name in ("merge", "refit")
    ]
    merged, refitted = (torch.cat(advance(context, prune_block(context, 16))) for context in contexts)
    right = BlockContext(1, model.blocks[0], parse("merge"), 0, dense.inputs, dense.blocks[0])
    wanted = torch.cat(advance(right, prune_block(right, 16)))
    assert float((refitted - wanted).square().mean()) < float((merged - wanted).square().mean()) / 4


def test_advancing_is_the_block_in_eval_mode(make_network: Make, few_images: Images) -> None:
    model = make_network()
    dense = dense_reference(model, few_images, 0)
    context = BlockContext(1, model.blocks[0], parse("merge"), 0, dense.inputs, dense.blocks[0])
    with torch.no_grad():
        expected = model.blocks[0](torch.cat(dense.inputs))
    assert_same(
        torch.cat(advance(context, prune_block(context, 16))), expected, terms=TAPS * RESNET20.bounds[0], depth=2
    )


@pytest.mark.parametrize("number", [1, 4, 9])
def test_channels_mixed_from_kept_ones_are_those_of_the_new_filters(
    make_network: Make, few_images: Images, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    model = make_network()
    dense = dense_reference(model, few_images, 0)
    with torch.no_grad():
        whole = torch.cat(dense.inputs)
        for block in model.blocks[:1] if number == 1 else model.blocks[: number - 1]:
            whole = block(whole)
        inputs = (whole,)
    known, again = (
        BlockContext(number, model.blocks[number - 1], parse("refit"), 0, inputs, dense.blocks[number - 1])
        for _ in range(2)
    )
    mixed = prune_block(known, 5)
    monkeypatch.setattr("roboreg_core.pruning.block_context.KEPT_BYTES", 0)
    computed = prune_block(again, 5)
    assert mixed.channels
    assert mixed.report.labels == computed.report.labels
    samples = len(few_images) * max(PIXELS_PER_IMAGE)
    weights, output = computed.tensors.conv2, torch.cat(advance(again, computed))
    assert_same(mixed.tensors.conv2, weights, terms=samples, scale=SOLVED * float(weights.norm()))
    found = torch.cat(advance(known, mixed))
    assert_same(found, output, terms=samples, scale=PREDICTED * float(output.norm()))
    # The mixed channels are those of the new filters.
    assert_same(found, torch.cat(advance(known, replace(mixed, channels=()))), terms=PRODUCTS, depth=3)
