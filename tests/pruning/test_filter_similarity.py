"""Dendrograms, correlations and pictures of filters by their definitions."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from roboreg_core.datasets.images import Images
from roboreg_core.models.resnet import ResNet
from roboreg_core.pruning import filter_similarity
from roboreg_core.pruning.clustering import cluster
from roboreg_core.pruning.least_squares import TAPS
from roboreg_core.pruning.methods import parse
from roboreg_core.pruning.prune import PruneSpec, prune
from roboreg_core.schedules.schedule import Schedule, presets
from tests.tolerance import assert_same

Make = Callable[..., ResNet]


@given(st.integers(2, 12), st.integers(0, 10_000))
def test_each_merge_loses_what_its_mean_gives_up(n: int, seed: int) -> None:
    rows = np.random.default_rng(seed).normal(size=(n, 4))
    found = filter_similarity.tree(rows)
    assert sorted(found.order.tolist()) == list(range(n))
    assert found.lost.sum() == pytest.approx(1)
    assert found.members(2 * n - 2) == list(range(n))

    def spread(members: list[int]) -> float:
        return float(((rows[members] - rows[members].mean(0)) ** 2).sum())

    total = spread(list(range(n)))
    for number, (left, right) in enumerate(found.merges[:, :2].astype(int)):
        parts = spread(found.members(left)) + spread(found.members(right))
        assert found.lost[number] * total == pytest.approx(spread(found.members(n + number)) - parts, abs=1e-9)


def test_the_cut_dendrogram_is_the_clustering() -> None:
    rows = np.random.default_rng(0).normal(size=(16, 5))
    found, clusters = filter_similarity.tree(rows), cluster(rows, 6, 0, "ward")
    made = [set(found.members(16 + number)) for number in range(10)]
    for members in made:
        assert len({int(clusters.labels[each]) for each in members}) == 1


def test_correlations_are_numpys_and_constant_rows_have_none() -> None:
    rows = np.random.default_rng(0).normal(size=(6, 9))
    np.testing.assert_allclose(filter_similarity.correlations(rows), np.corrcoef(rows), atol=1e-12)
    rows[2] = 0.5
    assert filter_similarity.correlations(rows)[2].tolist() == [0, 0, 1, 0, 0, 0]


def test_pictures_of_the_first_block_are_stem_and_filter_acting_together(make_network: Make) -> None:
    model = make_network(presets()["quarter"])
    pictures = filter_similarity.pictures(model, 1)
    assert (pictures.shape, pictures.dtype) == ((4, 5, 5, 3), np.uint8)
    images = torch.randn(2, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    scale = (model.bn1.weight / torch.sqrt(model.bn1.running_var + model.bn1.eps)).view(1, -1, 1, 1)
    std = torch.tensor(model.normalisation.std).view(1, 3, 1, 1)
    block = model.blocks[0].conv1.weight
    with torch.no_grad():
        wanted = F.conv2d(F.conv2d(images / std, model.conv1.weight) * scale, block)
        kernels = filter_similarity._over_rgb(model, block).permute(0, 3, 1, 2)
        assert_same(F.conv2d(images, kernels), wanted, terms=TAPS * model.conv1.out_channels, depth=2)


def test_later_pictures_hold_every_kernel_once(make_network: Make) -> None:
    model = make_network(presets()["quarter"])
    pictures = filter_similarity.pictures(model, 4)
    weights = model.blocks[3].conv1.weight.detach()
    assert pictures.shape == (8, 15, 15, 3)  # 16 inputs in a square of four, a line between
    first = 127.5 + 127.5 * weights[0, 0].numpy() / float(weights.abs().max())
    np.testing.assert_allclose(pictures[0, :3, :3, 0], first, atol=0.51)


def test_kept_filters(make_network: Make) -> None:
    model = make_network(presets()["quarter"])
    labels = np.array([0, 1, 1, -1])
    assert filter_similarity.kept_filters(model, 1, parse("refit"), labels, 0).tolist() == [True, True, False, False]
    together = np.array([0, 1, 1, 1])
    assert filter_similarity.kept_filters(model, 1, parse("merge"), together, 0).tolist() == [True, False, False, False]
    one = filter_similarity.kept_filters(model, 1, parse("raw/ward/l1/sum"), together, 0)
    norms = model.blocks[0].conv1.weight.detach().abs().sum((1, 2, 3)).numpy()
    assert one.tolist() == [True, *(norms[1:] == norms[1:].max()).tolist()]
    assert filter_similarity.kept_filters(model, 1, parse("raw/kmeans/loss/refit"), together, 0) is None


def test_a_report_has_the_marginal_loss_of_each_dropped_filter(make_network: Make, images: Images) -> None:
    model = make_network(presets()["quarter"])
    small = prune(model, Schedule((2, 4, 3, 4, 8, 2, 3, 4, 16)), PruneSpec(calibration=100), calibration=images)
    for report in small.blocks:
        if report.kept == report.before:
            assert report.losses == ()
            continue
        losses, labels = np.array(report.losses), np.array(report.labels)
        assert len(losses) == report.before
        assert (losses[labels >= 0] == 0).all()
        assert ((losses[labels < 0] > 0) & (losses[labels < 0] < 1)).all()
        assert report.to_json()["losses"] == list(report.losses)
    merged = prune(model, presets()["aggressive"], PruneSpec(method="merge"))
    assert all(report.losses == () for report in merged.blocks)
