from collections.abc import Callable

import pytest
import torch

from roboreg_core.architecture import RESNET20
from roboreg_core.datasets.images import Images
from roboreg_core.errors import ScheduleError, SpecError
from roboreg_core.evaluation.logits import logits
from roboreg_core.models.checkpoints import to_bytes
from roboreg_core.models.costs import cost
from roboreg_core.models.resnet import ResNet
from roboreg_core.pruning.block_tensors import BlockTensors, NormTensors
from roboreg_core.pruning.calibration import PIXELS_PER_IMAGE
from roboreg_core.pruning.criteria import SCORES
from roboreg_core.pruning.features import ROWS, filter_rows, folded_rows, raw_rows
from roboreg_core.pruning.merging import correct_variance, merge_folded, merge_source, summed_slices
from roboreg_core.pruning.methods import METHODS
from roboreg_core.pruning.prune import Pruner, PruneSpec, prune
from roboreg_core.schedules.schedule import Schedule, presets
from tests.models.counted import count
from tests.tolerance import LAYERS, PREDICTED, assert_same, assert_same_logits

Make = Callable[..., ResNet]

# Every part at least once, and combinations of parts that interact.
COMPOSED = (
    *METHODS,
    "raw/ward/centroid/sum",
    "folded/ward/medoid/sum",
    "joint/kmeans/loss/sum",
    "responses/ward/centroid/sum+refit",
    "filter/kmeans/centroid/sum+variance",
    "filter/kmeans/medoid/sum+refit",
    "filter/kmeans/l1/none",
    "filter/none/fpgm/refit",
    "responses/kmeans/medoid/sum+refit+blend",
)
EXACT = ("merge", "refit", "filter/none/loss/refit", "filter/ward/centroid/sum+variance",
         "filter/kmeans/medoid/sum+refit", "folded/ward/centroid/sum+refit", "joint/kmeans/loss/sum")  # fmt: skip


def doubled(model: ResNet) -> ResNet:
    """Every second filter of each block made an exact copy of the one before it."""
    with torch.no_grad():
        for block in model.blocks:
            norm = block.bn1
            for tensor in (block.conv1.weight, norm.weight, norm.bias, norm.running_mean, norm.running_var):
                assert tensor is not None
                tensor[1::2] = tensor[0::2]
    return model


def worst(model: ResNet, other: ResNet, images: Images) -> float:
    return float((logits(model, images) - logits(other, images)).abs().max())


@pytest.mark.parametrize("recalibrate", [False, True])
@pytest.mark.parametrize("method", COMPOSED)
def test_keeping_every_filter_is_the_identity(
    make_network: Make, few_images: Images, method: str, recalibrate: bool
) -> None:
    model = make_network()
    spec = PruneSpec(method=method, recalibrate=recalibrate)
    pruned = prune(model, presets()["dense"], spec, calibration=few_images)
    assert worst(model, pruned.model, few_images) == 0
    assert pruned.notes == ()


@pytest.mark.parametrize("method", EXACT)
def test_merging_exact_duplicates_changes_nothing(make_network: Make, few_images: Images, method: str) -> None:
    model = doubled(make_network())
    for recalibrate in (False, True):
        spec = PruneSpec(method=method, recalibrate=recalibrate, calibration=20)
        pruned = prune(model, presets()["moderate"], spec, calibration=few_images)
        assert pruned.model.schedule == presets()["moderate"]
        assert_same_logits(logits(pruned.model, few_images), logits(model, few_images))


def test_the_source_method_shrinks_duplicates(make_network: Make, few_images: Images) -> None:
    model = doubled(make_network())
    pruned = prune(model, presets()["moderate"], PruneSpec(method="source", recalibrate=False))
    assert worst(model, pruned.model, few_images) > 0.1


@pytest.mark.parametrize("method", ["merge", "refit"])
def test_fewer_distinct_filters_than_requested_are_kept_and_reported(
    make_network: Make, few_images: Images, method: str
) -> None:
    model = doubled(make_network())
    wanted = presets()["moderate"].replace(4, 20)
    pruned = prune(model, wanted, PruneSpec(method=method), calibration=few_images)
    assert pruned.model.schedule == presets()["moderate"]
    assert pruned.notes == ("block 4 keeps 16 filters, not 20: only 16 are distinct",)
    assert torch.isfinite(logits(pruned.model, few_images)).all()


@pytest.mark.parametrize("method", COMPOSED)
def test_dead_filters_are_reported_and_harmless(make_network: Make, few_images: Images, method: str) -> None:
    model = make_network()
    with torch.no_grad():
        model.blocks[2].conv1.weight[:3] = 0
        model.blocks[2].bn1.weight[3] = 0
    pruned = prune(model, presets()["moderate"], PruneSpec(method=method), calibration=few_images)
    assert pruned.blocks[2].dead == 4
    assert any("block 3 had 4 dead filters" in note for note in pruned.notes)
    assert torch.isfinite(logits(pruned.model, few_images)).all()


@pytest.mark.parametrize("method", COMPOSED)
def test_all_filters_equal_or_one_image_break_nothing(make_network: Make, few_images: Images, method: str) -> None:
    model = make_network()
    with torch.no_grad():
        for block in model.blocks:
            block.conv1.weight[:] = block.conv1.weight[:1]
    one = few_images.take(torch.tensor([0]), "one image")
    pruned = prune(model, presets()["moderate"], PruneSpec(method=method), calibration=one)
    assert torch.isfinite(logits(pruned.model, few_images)).all()


def test_the_network_given_is_not_changed(make_network: Make, few_images: Images) -> None:
    model = make_network()
    before = to_bytes(model)
    prune(model, presets()["quarter"], PruneSpec(recalibrate=True), calibration=few_images)
    assert to_bytes(model) == before


@pytest.mark.parametrize("method", ["merge", "refit", "responses/kmeans/centroid/sum+refit", "random"])
def test_same_seed_same_bytes(make_network: Make, images: Images, method: str) -> None:
    spec = PruneSpec(method=method, recalibrate=True, calibration=40, seed=3)
    first, second = (prune(make_network(), presets()["moderate"], spec, calibration=images).model for _ in range(2))
    assert to_bytes(first) == to_bytes(second)


def test_filters_are_physically_removed(make_network: Make) -> None:
    schedule = Schedule((3, 16, 1, 5, 32, 9, 64, 1, 40))
    pruned = prune(make_network(), schedule, PruneSpec(method="merge")).model
    expected = cost(schedule)
    assert count(pruned) == (expected.parameters, expected.macs)


def test_a_pruned_network_can_be_pruned_further_but_not_grown(make_network: Make, few_images: Images) -> None:
    half = prune(make_network(), presets()["moderate"], PruneSpec(method="merge")).model
    assert prune(half, presets()["quarter"], PruneSpec(method="merge")).model.schedule == presets()["quarter"]
    with pytest.raises(ScheduleError, match=r"block 1 must be 1\.\.8, the filters of this network, got 16"):
        prune(half, presets()["dense"], PruneSpec(method="merge"))


def test_recalibration_without_images_is_refused(make_network: Make) -> None:
    with pytest.raises(SpecError, match="needs training images"):
        prune(make_network(), presets()["moderate"], PruneSpec(method="merge", recalibrate=True))
    with pytest.raises(SpecError, match="needs training images"):
        prune(make_network(), presets()["moderate"], PruneSpec(method="refit"))


@pytest.mark.parametrize(
    ("settings", "reason"),
    [({"method": "magic"}, "method must be one of"), ({"calibration": 0}, "calibration"), ({"seed": -1}, "seed")],
)
def test_bad_settings_are_refused(settings: dict[str, object], reason: str) -> None:
    with pytest.raises(SpecError, match=reason):
        PruneSpec(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "method", ["merge", "refit", "filter/none/loss/refit", "joint/ward/loss/sum+refit", "l1", "fpgm", "bn-scale"]
)
def test_order_of_filters_does_not_matter(make_network: Make, images: Images, method: str) -> None:
    model, shuffled = make_network(), make_network()
    order = torch.randperm(RESNET20.bounds[6], generator=torch.Generator().manual_seed(0))
    block = shuffled.blocks[6]
    with torch.no_grad():
        for tensor in (
            block.conv1.weight,
            *(value for name, value in block.bn1.state_dict().items() if "num" not in name),
        ):
            tensor.copy_(tensor[order].clone())
        block.conv2.weight.copy_(block.conv2.weight[:, order].clone())
    spec = PruneSpec(method=method)
    first, second = (prune(each, presets()["moderate"], spec, calibration=images) for each in (model, shuffled))
    one, other = (torch.tensor(found.blocks[6].labels) for found in (first, second))
    assert torch.equal(one[order] >= 0, other >= 0)
    found, wanted = (logits(each.model, images) for each in (second, first))
    if "refit" in method:
        samples = len(images) * max(PIXELS_PER_IMAGE)
        assert_same(found, wanted, terms=samples, depth=LAYERS, scale=PREDICTED * float(wanted.norm()))
    else:
        assert_same_logits(found, wanted)


def test_another_schedule_costs_only_what_differs_and_gives_the_same(make_network: Make, few_images: Images) -> None:
    spec = PruneSpec(seed=1)
    wanted = presets()["moderate"].replace(9, 20)
    visited: list[int] = []
    pruner = Pruner(make_network(), spec, calibration=few_images)
    pruner.prune(presets()["moderate"])
    again = pruner.prune(wanted, on_block=visited.append)
    assert visited == [9]
    assert to_bytes(again.model) == to_bytes(prune(make_network(), wanted, spec, calibration=few_images).model)


def test_state_outside_the_branches_is_recomputed(make_network: Make, few_images: Images) -> None:
    spec, visited = PruneSpec(seed=1), []
    pruner = Pruner(make_network(), spec, calibration=few_images)
    for at, first in ((9, 1), (5, 4), (2, 1), (4, 1)):
        wanted = presets()["moderate"].replace(at, 3)
        visited.clear()
        found = pruner.prune(wanted, on_block=visited.append, branches={3})
        assert visited[0] == first
        assert to_bytes(found.model) == to_bytes(prune(make_network(), wanted, spec, calibration=few_images).model)
        assert sorted(pruner._contexts) == [1, 4]
    visited.clear()
    again = pruner.prune(wanted, on_block=visited.append, branches={3})
    assert not visited
    assert to_bytes(again.model) == to_bytes(found.model)


def test_a_refitted_block_that_keeps_all_filters_does_not_depend_on_earlier_schedules(
    make_network: Make, few_images: Images
) -> None:
    # Block 5 first loses filters, then keeps all; later blocks keep all.
    before, wanted = (presets()["dense"].replace(2, 4).replace(5, k) for k in (9, 32))
    pruner = Pruner(make_network(), PruneSpec(), calibration=few_images)
    pruner.prune(before)
    again = pruner.prune(wanted)
    assert to_bytes(again.model) == to_bytes(prune(make_network(), wanted, PruneSpec(), calibration=few_images).model)
    assert not torch.equal(again.model.blocks[4].conv2.weight, make_network().blocks[4].conv2.weight)


def test_a_stop_in_the_middle_leaves_the_pruner_usable(make_network: Make, few_images: Images) -> None:
    pruner = Pruner(make_network(), PruneSpec(), calibration=few_images)

    def stop(number: int) -> None:
        if number == 4:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        pruner.prune(presets()["quarter"], on_block=stop)
    expected = prune(make_network(), presets()["moderate"], PruneSpec(), calibration=few_images)
    assert to_bytes(pruner.prune(presets()["moderate"]).model) == to_bytes(expected.model)


def test_a_refitted_network_normalises_its_calibration_images(make_network: Make, images: Images) -> None:
    pruned = prune(make_network(), presets()["moderate"], PruneSpec(calibration=300), calibration=images).model
    seen: list[torch.Tensor] = []
    pruned.blocks[4].bn1.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    with torch.no_grad():
        pruned(pruned.prepare(images.pixels))
    norm = pruned.blocks[4].bn1
    assert norm.running_mean is not None
    assert norm.running_var is not None
    # Sampled pixels of the same images: statistics agree, not exactly.
    assert float((seen[0].mean((0, 2, 3)) - norm.running_mean).abs().max()) < 0.3 * float(seen[0].std())
    torch.testing.assert_close(seen[0].var((0, 2, 3)), norm.running_var, rtol=0.3, atol=1e-3)


def test_merges_follow_their_formulas() -> None:
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    tensors = BlockTensors(
        conv1=draw(3, 2, 3, 3),
        norm=NormTensors(gamma=draw(3), beta=draw(3), mean=draw(3), var=draw(3).abs() + 0.5, eps=1e-5),
        conv2=draw(4, 3, 3, 3),
    )  # fmt: skip
    labels = torch.tensor([0, 1, 0])
    source, folded = merge_source(tensors, labels), merge_folded(tensors, labels)
    torch.testing.assert_close(source.conv1[0], (tensors.conv1[0] + tensors.conv1[2]) / 2)
    torch.testing.assert_close(source.norm.var[0], (tensors.norm.var[0] + tensors.norm.var[2]) / 2)
    torch.testing.assert_close(source.conv2[:, 0], (tensors.conv2[:, 0] + tensors.conv2[:, 2]) / 2)
    torch.testing.assert_close(folded.conv2[:, 0], (tensors.conv2[:, 0] + tensors.conv2[:, 2]) / 2)
    torch.testing.assert_close(summed_slices(tensors, labels)[:, 0], tensors.conv2[:, 0] + tensors.conv2[:, 2])
    torch.testing.assert_close(summed_slices(tensors, torch.tensor([0, -1, -1]))[:, 0], tensors.conv2[:, 0])
    # The merged channel is the mean of the members' folded filters, bias included.
    members = folded_rows(tensors)
    torch.testing.assert_close(folded_rows(folded)[0], (members[0] + members[2]) / 2)
    torch.testing.assert_close(folded_rows(folded)[1], members[1])
    assert raw_rows(tensors).shape == (3, 18)
    assert filter_rows(tensors).shape == (3, 20)
    responses = draw(3, 50)
    assert {name: rows(tensors, responses).shape for name, rows in ROWS.items()} == {
        "raw": (3, 18), "filter": (3, 20), "folded": (3, 19), "joint": (3, 54), "responses": (3, 50)
    }  # fmt: skip
    # Scores of filters.
    size = tensors.conv1[1].numel()
    assert_same(SCORES["l1"](tensors, generator)[1], tensors.conv1[1].abs().sum(), terms=size)
    far = (tensors.conv1[1] - tensors.conv1[0]).norm() + (tensors.conv1[1] - tensors.conv1[2]).norm()
    assert_same(SCORES["fpgm"](tensors, generator)[1], far, terms=size)
    # Two opposite or uncorrelated members lose variance, equal ones none.
    raised = correct_variance(folded, tensors, labels).norm.gamma / folded.norm.gamma
    row = tensors.folded()[0].flatten(1)
    rho = torch.cosine_similarity(row[0], row[2], dim=0)
    assert_same(raised[0], torch.sqrt(2 / (1 + rho)), terms=size, depth=3)
    assert_same(raised[1], torch.tensor(1.0), terms=size, depth=3)
    # A filter alone in its cluster keeps its weights' size (its sign goes with gamma's), whatever its batch norm.
    torch.testing.assert_close(folded.conv1[1], tensors.conv1[1] * tensors.norm.gamma[1].sign())
    torch.testing.assert_close(folded.norm.var[1], tensors.norm.var[1])


def test_a_merge_of_dead_filters_is_dead_and_finite() -> None:
    tensors = BlockTensors(
        conv1=torch.zeros(2, 1, 3, 3),
        norm=NormTensors(gamma=torch.zeros(2), beta=torch.tensor([0.5, 0.7]), mean=torch.ones(2), var=torch.zeros(2),
                         eps=1e-5),
        conv2=torch.ones(1, 2, 3, 3),
    )  # fmt: skip
    merged = merge_folded(tensors, torch.tensor([0, 0]))
    torch.testing.assert_close(folded_rows(merged)[0], torch.tensor([0.0] * 9 + [0.6]))
    assert all(
        bool(torch.isfinite(part).all())
        for part in (merged.conv1, merged.norm.gamma, merged.norm.mean, merged.norm.var)
    )
