from collections.abc import Callable

import pytest
import torch

from roboreg_core.data.images import Images
from roboreg_core.model.resnet import ResNet20
from roboreg_core.pruning.calibration import reference
from roboreg_core.pruning.least_squares import error
from roboreg_core.pruning.method import parse
from roboreg_core.pruning.site import Site
from roboreg_core.pruning.step import advance, prune_block

Make = Callable[..., ResNet20]


@pytest.mark.parametrize("mended", [False, True])
@pytest.mark.parametrize(("plain", "solved"), [
    ("merge", "filter/kmeans/centroid/sum+refit"),
    ("filter/kmeans/medoid/sum", "filter/kmeans/medoid/sum+refit"),
    ("l1", "filter/none/l1/refit"),
    ("l1", "filter/none/l1/refit+blend"),
    ("filter/none/loss/refit", "refit"),
    ("refit", "refit-plus"),
])  # fmt: skip
def test_refit_is_never_worse_on_its_images_than_the_merge_it_starts_from(
    make_network: Make, few_images: Images, plain: str, solved: str, mended: bool
) -> None:
    model = make_network()
    dense = reference(model, few_images, 0)
    inputs = dense.inputs + 0.1 if mended else dense.inputs
    for k in (2, 9):
        sites = [Site(1, model.blocks[0], parse(name), 0, inputs, dense.blocks[0], mended) for name in (plain, solved)]
        before, after = (prune_block(site, k) for site in sites)
        # conv1 is solved as well where the inputs have changed, so that each is measured on its own channels.
        errors = [
            error(site.moments_of(block.inner), block.outer.start(block.inner.conv2).double())
            for site, block in zip(sites, (before, after), strict=True)
        ]
        assert errors[1] <= errors[0] * (1 + 1e-3)


def test_a_block_that_keeps_all_mends_what_came_before(make_network: Make, few_images: Images) -> None:
    model = make_network()
    dense = reference(model, few_images, 0)
    wrong = dense.inputs * 0.8
    sites = [Site(1, model.blocks[0], parse(name), 0, wrong, dense.blocks[0], True) for name in ("merge", "refit")]
    as_it_was, mended = (advance(site, prune_block(site, 16)) for site in sites)
    right = Site(1, model.blocks[0], parse("merge"), 0, dense.inputs, dense.blocks[0])
    wanted = advance(right, prune_block(right, 16))
    assert float((mended - wanted).square().mean()) < float((as_it_was - wanted).square().mean()) / 4


def test_advancing_is_the_block_in_eval_mode(make_network: Make, few_images: Images) -> None:
    model = make_network()
    dense = reference(model, few_images, 0)
    site = Site(1, model.blocks[0], parse("merge"), 0, dense.inputs, dense.blocks[0])
    with torch.no_grad():
        expected = model.blocks[0](dense.inputs)
    torch.testing.assert_close(advance(site, prune_block(site, 16)), expected, rtol=1e-4, atol=1e-4)
