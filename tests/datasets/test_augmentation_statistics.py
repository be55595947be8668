"""Our augmentation against torchvision's transforms: distributions of parameters, positions of pixels, colours.

Parameters are compared by two-sample tests, chains of maps at equal parameters by the positions of bright dots.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as tvf

from roboreg_core.datasets.augmentation import NONE, SIX, Augmentation, affine_matrices, augment, jitter_parameters
from roboreg_core.datasets.images import Images
from roboreg_core.seeding import torch_generator

DRAWS = 3_000
# Draws are fixed by the seed, so a test at this level is reproducible.
UNLIKELY = 1e-3
BILINEAR = v2.InterpolationMode.BILINEAR
COLOURS = ("brightness", "contrast", "saturation")
MOVES = replace(SIX, brightness=0, contrast=0, saturation=0)
# Largest difference of two positions measured from a bright dot, in pixels.
FRACTION = 0.1


@dataclass(frozen=True, kw_only=True)
class Maps:
    """Parameters of affine maps, one per image, with the names and signs of torchvision."""

    angle: Tensor
    shear: Tensor
    scale: Tensor
    left: Tensor
    top: Tensor
    flipped: Tensor


def taken_apart(matrices: Tensor) -> Maps:
    """Parameters of maps (n, 2, 3): the inverse of how `affine_matrices` composes them."""
    matrices = matrices.double()
    linear, offset = matrices[:, :, :2], matrices[:, :, 2]
    mirror = torch.linalg.det(linear).sign()
    linear = torch.stack([mirror[:, None] * linear[:, 0], linear[:, 1]], dim=1)
    scale = 1 / torch.linalg.det(linear).sqrt()
    angle = torch.atan2(linear[:, 1, 0], linear[:, 0, 0])
    turned = (angle.cos() * linear[:, 0, 1] + angle.sin() * linear[:, 1, 1]) * scale
    return Maps(
        angle=angle.rad2deg(),
        shear=turned.atan().rad2deg(),
        scale=scale,
        left=offset[:, 0] + SIX.pad,
        top=offset[:, 1] + SIX.pad,
        flipped=mirror < 0,
    )


def theirs(transform: v2.Transform, *names: str) -> np.ndarray:
    """Parameters drawn by a torchvision transform, (DRAWS, names)."""
    image = torch.zeros(3, 32, 32)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        drawn = [transform.make_params([image]) for _ in range(DRAWS)]
    return np.array([[draw[name] for name in names] for draw in drawn])


@pytest.fixture(scope="module")
def ours() -> Maps:
    return taken_apart(affine_matrices(DRAWS, SIX, torch_generator(0, "statistics")))


def alike(one: np.ndarray | Tensor, other: np.ndarray | Tensor) -> bool:
    return stats.ks_2samp(np.asarray(one), np.asarray(other)).pvalue > UNLIKELY


def test_angles_are_torchvisions(ours: Maps) -> None:
    assert alike(ours.angle, theirs(v2.RandomRotation(SIX.rotation), "angle")[:, 0])


def test_shears_and_scales_are_torchvisions(ours: Maps) -> None:
    transform = v2.RandomAffine(0, shear=SIX.shear, scale=SIX.scale)
    drawn = theirs(transform, "scale", "angle")
    shears = theirs(transform, "shear").reshape(DRAWS, 2)
    assert alike(ours.scale, drawn[:, 0])
    assert alike(ours.shear, shears[:, 0])
    assert not drawn[:, 1].any(), "an affine transform of no degrees must turn nothing"
    assert not shears[:, 1].any(), "torchvision must shear along x alone, as we do"


def test_shifts_are_torchvisions(ours: Maps) -> None:
    drawn = theirs(v2.RandomCrop(32, padding=SIX.pad), "top", "left")
    for mine, their in ((ours.top, drawn[:, 0]), (ours.left, drawn[:, 1])):
        whole = mine.round().long()
        assert (mine - whole).abs().max() < 1e-5
        table = np.array([np.bincount(each, minlength=9) for each in (whole.numpy(), their.astype(int))])
        assert table.shape == (2, 9)
        # Few values: counts are compared, as a Kolmogorov-Smirnov test is for values without ties.
        assert stats.chi2_contingency(table).pvalue > UNLIKELY


def test_flips_are_as_frequent_as_torchvisions(ours: Maps) -> None:
    image, flip = torch.tensor([[[0.0, 1.0]]]), v2.RandomHorizontalFlip()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        flipped = sum(bool(flip(image)[0, 0, 0]) for _ in range(DRAWS))
    counts = np.array([[flipped, DRAWS - flipped], [int(ours.flipped.sum()), int((~ours.flipped).sum())]])
    assert stats.fisher_exact(counts).pvalue > UNLIKELY


@pytest.mark.parametrize("column", range(3), ids=COLOURS)
def test_colour_factors_are_torchvisions(column: int) -> None:
    factors, _ = jitter_parameters(DRAWS, SIX, torch_generator(0))
    jitter = v2.ColorJitter(SIX.brightness, SIX.contrast, SIX.saturation)
    assert alike(factors[:, column], theirs(jitter, f"{COLOURS[column]}_factor")[:, 0])


def test_colours_change_in_every_order_as_often_as_torchvisions() -> None:
    _, order = jitter_parameters(DRAWS, SIX, torch_generator(0))
    places = theirs(v2.ColorJitter(0.2, 0.2, 0.2), "fn_idx").reshape(DRAWS, 4)
    without_hue = places[places != 3].reshape(DRAWS, 3)
    counts = [np.unique(each, axis=0, return_counts=True)[1] for each in (order.numpy(), without_hue)]
    assert [len(each) for each in counts] == [6, 6]
    assert stats.chi2_contingency(np.array(counts)).pvalue > UNLIKELY


def test_what_is_drawn_is_independent() -> None:
    maps = taken_apart(affine_matrices(DRAWS, SIX, torch_generator(3)))
    columns = torch.stack([maps.angle, maps.shear, maps.scale, maps.left, maps.top, maps.flipped.double()])
    between = torch.corrcoef(columns) - torch.eye(6, dtype=torch.double)
    assert between.abs().max() < 4 / DRAWS**0.5


def dot(x: float, y: float) -> Tensor:
    """A bright round dot (3, 32, 32) at (x, y) pixels from the centre of the image, uint8."""
    rows, columns = torch.meshgrid(torch.arange(32) - 15.5, torch.arange(32) - 15.5, indexing="ij")
    near = (-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 1.5**2)).exp()
    return (255 * near).round().to(torch.uint8).expand(3, 32, 32)


def positions(images: Tensor) -> Tensor:
    """Position of the dot in each image (n, 3, 32, 32): x and y from the centre in pixels, (n, 2)."""
    light, place = images[:, 0].double(), torch.arange(32, dtype=torch.double) - 15.5
    total = light.sum((1, 2))
    return torch.stack([(light.sum(1) * place).sum(1) / total, (light.sum(2) * place).sum(1) / total], dim=1)


def chained(image: Tensor, maps: Maps, number: int) -> Tensor:
    """Apply the maps one after the other by torchvision's functions, with one resampling each."""
    pad = SIX.pad
    image = tvf.pad(image.float(), [pad] * 4)
    image = tvf.crop(image, round(maps.top[number].item()), round(maps.left[number].item()), 32, 32)
    image = tvf.horizontal_flip(image) if maps.flipped[number] else image
    image = tvf.rotate(image, maps.angle[number].item(), interpolation=BILINEAR)
    return tvf.affine(
        image,
        angle=0,
        translate=[0, 0],
        scale=maps.scale[number].item(),
        shear=[maps.shear[number].item(), 0],
        interpolation=BILINEAR,
    )


@pytest.mark.parametrize("place", [(0.0, 0.0), (4.0, -3.0), (-5.0, 2.0), (1.5, 5.5)], ids=str)
def test_one_resampling_moves_a_dot_as_the_chain_of_maps_does(place: tuple[float, float]) -> None:
    n = 60
    maps = taken_apart(affine_matrices(n, MOVES, torch_generator(9)))
    found = augment(dot(*place).expand(n, 3, 32, 32), MOVES, torch_generator(9))
    expected = torch.stack([chained(dot(*place), maps, number) for number in range(n)])
    assert 0 < int(maps.flipped.sum()) < n
    assert positions(found).std(0).min() > 1, "the maps must move the dot"
    assert (positions(found) - positions(expected)).abs().max() < FRACTION


def test_a_wrong_order_of_maps_would_be_seen() -> None:
    maps = taken_apart(affine_matrices(60, MOVES, torch_generator(9)))
    wrong = replace(maps, angle=-maps.angle)
    right, other = (
        torch.stack([chained(dot(4.0, -3.0), each, number) for number in range(60)]) for each in (maps, wrong)
    )
    assert (positions(right) - positions(other)).abs().max() > 5 * FRACTION


def test_dots_land_where_torchvisions_own_chain_puts_them() -> None:
    """The source project's transforms with bilinear resampling."""
    chain = v2.Compose(
        [
            v2.RandomCrop(32, padding=SIX.pad),
            v2.RandomHorizontalFlip(),
            v2.RandomRotation(SIX.rotation, interpolation=BILINEAR),
            v2.RandomAffine(0, shear=SIX.shear, scale=SIX.scale, interpolation=BILINEAR),
        ]
    )
    n, image = 1_500, dot(4.0, -3.0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        expected = positions(torch.stack([chain(image.float()) for _ in range(n)]))
    found = positions(augment(image.expand(n, 3, 32, 32), MOVES, torch_generator(1)))
    assert alike(found[:, 0], expected[:, 0])
    assert alike(found[:, 1], expected[:, 1])


def adjusted(image: Tensor, factors: Tensor, order: Tensor) -> Tensor:
    """Colours of one image in 0..255 changed by torchvision's functions."""
    image = image.float() / 255
    for change in order.tolist():
        function: Callable[[Tensor, float], Tensor] = getattr(tvf, f"adjust_{COLOURS[change]}")
        image = function(image, factors[change].item())
    return image * 255


@pytest.mark.parametrize("strength", [0.2, 0.9])
@pytest.mark.parametrize("names", [*((name,) for name in COLOURS), COLOURS], ids="+".join)
def test_colours_become_torchvisions_within_one_of_255(
    few_images: Images, names: tuple[str, ...], strength: float
) -> None:
    spec = replace(NONE, **dict.fromkeys(names, strength))
    plain = torch.tensor([[250, 10, 90], [7, 130, 200], [128, 128, 128]], dtype=torch.uint8)
    batch = torch.cat([plain[:, :, None, None].expand(3, 3, 32, 32), few_images.pixels])
    found = augment(batch, spec, torch_generator(4))
    # Crop and flip always draw first.
    generator = torch_generator(4)
    augment(batch, NONE, generator)
    factors, order = jitter_parameters(len(batch), spec, generator)
    for image, changed, factor, places in zip(batch, found, factors, order, strict=True):
        assert (changed - adjusted(image, factor, places)).abs().max() < 1


def test_strong_colour_changes_are_spread_as_torchvisions() -> None:
    """Pixels that are cut off at 255 depend on the order: equal spreads mean equal orders."""
    strength, n = 0.9, 2_000
    image = torch.tensor([[250, 60], [40, 200], [130, 240]], dtype=torch.uint8)[:, None]
    jitter = v2.ColorJitter(strength, strength, strength)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        expected = torch.stack([jitter(image.float() / 255) for _ in range(n)]) * 255
    spec = Augmentation(pad=0, flip=False, brightness=strength, contrast=strength, saturation=strength)
    found = augment(image.expand(n, 3, 1, 2), spec, torch_generator(2))
    for channel in range(3):
        assert alike(found[:, channel, 0, 0], expected[:, channel, 0, 0])


@pytest.mark.parametrize("spec", [SIX, MOVES, replace(NONE, brightness=0.2, contrast=0.2, saturation=0.2)])
def test_float32_results_are_bytes_that_follow_from_the_seed(images: Images, spec: Augmentation) -> None:
    batches = images.pixels.split(100)

    def epoch(seed: int, order: tuple[int, ...] = (0, 1, 2)) -> list[bytes]:
        generator = torch_generator(seed)
        results = [augment(batches[place], spec, generator) for place in order]
        assert all(result.dtype == torch.float32 for result in results)
        return [result.numpy().tobytes() for result in results]

    first = epoch(0)
    assert epoch(0) == first
    assert set(epoch(1)).isdisjoint(first)
    # One generator serves a whole epoch: what a batch becomes depends on how many came before it.
    turned = epoch(0, (0, 2, 1))
    assert turned[0] == first[0]
    assert set(turned[1:]).isdisjoint(first)


def test_the_result_does_not_depend_on_the_number_of_threads(images: Images) -> None:
    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            results.append(augment(images.pixels, SIX, torch_generator(0)).numpy().tobytes())
    finally:
        torch.set_num_threads(before)
    assert results[0] == results[1]
