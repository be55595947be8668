from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as tvf

from roboreg_core.datasets.augmentation import CROP_FLIP, NONE, SIX, Augmentation, affine_matrices, augment
from roboreg_core.datasets.images import Images
from roboreg_core.seeding import torch_generator
from tests.tolerance import assert_same

STILL = Augmentation(pad=0, flip=False)
# Draws are fixed by the seed, so a test at this level is reproducible.
UNLIKELY = 1e-3


def every_crop_and_flip(image: np.ndarray, pad: int, reflect: bool) -> dict[bytes, tuple[int, int, bool]]:
    """All crops and flips of an image (3, h, w) with their top, left and flip."""
    _, height, width = image.shape
    padded = np.pad(image, ((0, 0), (pad, pad), (pad, pad)), mode="reflect" if reflect else "constant")
    found = {}
    for top in range(2 * pad + 1):
        for left in range(2 * pad + 1):
            crop = padded[:, top : top + height, left : left + width]
            found[crop.tobytes()] = (top, left, False)
            found[crop[:, :, ::-1].tobytes()] = (top, left, True)
    return found


@pytest.mark.parametrize("reflect", [True, False])
@pytest.mark.parametrize("pad", [0, 1, 4])
def test_crop_and_flip_copy_pixels_exactly(few_images: Images, pad: int, reflect: bool) -> None:
    spec = Augmentation(pad=pad, reflect=reflect)
    out = augment(few_images.pixels, spec, torch_generator(0))
    assert out.dtype == torch.uint8
    assert out.is_contiguous(memory_format=torch.channels_last)
    for image, changed in zip(few_images.pixels.numpy(), out.numpy(), strict=True):
        assert changed.tobytes() in every_crop_and_flip(image, pad, reflect)


def test_every_crop_and_flip_is_as_likely() -> None:
    image = np.random.default_rng(0).integers(0, 256, (3, 32, 32), dtype=np.uint8)
    known = every_crop_and_flip(image, 4, reflect=True)
    assert len(known) == 2 * 81
    batch = torch.from_numpy(np.repeat(image[None], 8_100, axis=0))
    out = augment(batch, CROP_FLIP, torch_generator(0)).contiguous().numpy()
    counts = dict.fromkeys(known.values(), 0)
    for changed in out:
        counts[known[changed.tobytes()]] += 1
    assert stats.chisquare(list(counts.values())).pvalue > UNLIKELY


def test_the_draws_of_crop_and_flip_are_pinned() -> None:
    # The shipped networks were trained with these draws.
    batch = (torch.arange(8 * 3 * 32 * 32) % 251).to(torch.uint8).view(8, 3, 32, 32)
    out = augment(batch, CROP_FLIP, torch_generator(0, "golden")).permute(0, 2, 3, 1).contiguous()
    digest = hashlib.sha256(out.numpy().tobytes()).hexdigest()
    assert digest == "55c267844fffd804bfa755fc3f309f86781a6d71b0d88a023eddb366dfbf80a3"


@pytest.mark.parametrize("spec", [CROP_FLIP, SIX, replace(CROP_FLIP, brightness=0.3)], ids=["two", "six", "light"])
def test_same_seed_same_bytes_and_the_input_is_left_alone(images: Images, spec: Augmentation) -> None:
    before = images.pixels.clone()
    first, same, other = (augment(images.pixels, spec, torch_generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    assert torch.equal(images.pixels, before)
    assert first.shape == before.shape
    assert first.dtype == (torch.uint8 if spec is CROP_FLIP else torch.float32)
    assert first.min() >= 0
    assert first.max() <= 255


def test_images_of_a_batch_have_their_own_parameters(few_images: Images) -> None:
    batch = few_images.pixels[:1].repeat(64, 1, 1, 1)
    assert len({image.numpy().tobytes() for image in augment(batch, SIX, torch_generator(0))}) == 64


def test_without_changes_images_are_unchanged(few_images: Images) -> None:
    out = augment(few_images.pixels, NONE, torch_generator(0))
    assert out.dtype == torch.uint8
    assert torch.equal(out, few_images.pixels)


def test_an_affine_map_without_change_is_the_identity(few_images: Images) -> None:
    spec = replace(STILL, rotation=1e-9)
    assert spec.is_affine
    out = augment(few_images.pixels, spec, torch_generator(0))
    assert out.dtype == torch.float32
    # Places are rounded as numbers up to the image's width, so that neighbours mix by so much more.
    scale = few_images.pixels.shape[-1] * float(few_images.pixels.float().norm())
    assert_same(out, few_images.pixels.float(), terms=4, scale=scale)


def test_whole_pixel_shifts_and_flips_are_exact_in_the_affine_path(few_images: Images) -> None:
    spec = Augmentation(reflect=False, rotation=1e-9)
    out = augment(few_images.pixels, spec, torch_generator(0))
    assert (out - out.round()).abs().max() < 0.01
    rounded = out.round().to(torch.uint8).contiguous().numpy()
    for image, changed in zip(few_images.pixels.numpy(), rounded, strict=True):
        assert changed.tobytes() in every_crop_and_flip(image, 4, reflect=False)


def angles(matrices: Tensor) -> Tensor:
    return torch.atan2(matrices[:, 1, 0], matrices[:, 0, 0]).rad2deg()


def shears(matrices: Tensor) -> Tensor:
    return (matrices[:, 0, 1] / matrices[:, 1, 1]).atan().rad2deg()


def disc(radius: float) -> Tensor:
    """Pixels within `radius` of the centre of a 32x32 image."""
    x = torch.arange(32) - 15.5
    return (x[:, None] ** 2 + x[None] ** 2).sqrt() < radius


def test_a_rotation_turns_as_torchvisions_does(few_images: Images) -> None:
    spec = replace(STILL, rotation=40)
    degrees = angles(affine_matrices(len(few_images), spec, torch_generator(5)))
    out = augment(few_images.pixels, spec, torch_generator(5))
    assert degrees.abs().max() > 30
    for image, changed, angle in zip(few_images.pixels.float(), out, degrees, strict=True):
        theirs = tvf.rotate(image, angle.item(), interpolation=v2.InterpolationMode.BILINEAR)
        assert (changed - theirs)[:, disc(14)].abs().max() < 0.5


def test_shear_and_scale_move_as_torchvisions_do(few_images: Images) -> None:
    spec = replace(STILL, shear=20, scale=(0.7, 1.3))
    matrices = affine_matrices(len(few_images), spec, torch_generator(6))
    out = augment(few_images.pixels, spec, torch_generator(6))
    for image, changed, matrix in zip(few_images.pixels.float(), out, matrices, strict=True):
        theirs = tvf.affine(
            image,
            angle=0,
            translate=[0, 0],
            scale=1 / matrix[1, 1].item(),
            shear=[shears(matrix[None]).item(), 0],
            interpolation=v2.InterpolationMode.BILINEAR,
        )
        assert (changed - theirs)[:, disc(8)].abs().max() < 0.5


def test_rotation_comes_before_shear_and_scale(few_images: Images) -> None:
    spec = replace(STILL, rotation=30, shear=20, scale=(0.7, 1.3))
    parts = [replace(STILL, rotation=30), replace(STILL, shear=20, scale=(0.7, 1.3))]
    whole = affine_matrices(20, spec, torch_generator(7))[:, :, :2]
    # All three are drawn whatever the spec is, so the same seed gives the same angle, shear and scale.
    rotation, rest = (affine_matrices(20, part, torch_generator(7))[:, :, :2] for part in parts)
    assert_same(whole, rotation @ rest, terms=2, depth=3)


def test_the_outside_is_black(few_images: Images) -> None:
    white = torch.full((8, 3, 32, 32), 255, dtype=torch.uint8)
    out = augment(white, replace(STILL, scale=(0.5, 0.5)), torch_generator(0))
    assert not out[:, :, :7].any()
    assert not out[:, :, :, 25:].any()
    assert (out[:, :, 9:23, 9:23] == 255).all()
    assert out.mean().item() / 255 == pytest.approx(0.25, abs=0.01)


def flat(red: float, green: float, blue: float) -> Tensor:
    return torch.tensor([red, green, blue]).view(1, 3, 1, 1).expand(64, 3, 4, 4).to(torch.uint8)


def test_colours_stay_in_range() -> None:
    spec = replace(NONE, brightness=0.9, contrast=0.9, saturation=0.9)
    out = augment(flat(255, 128, 0), spec, torch_generator(0))
    assert out.min() >= 0
    assert out.max() <= 255


def test_colours_alone_move_nothing(few_images: Images) -> None:
    out = augment(few_images.pixels, replace(NONE, brightness=0.5), torch_generator(0))
    ratio = out.flatten(1).amax(1) / few_images.pixels.flatten(1).amax(1)
    expected = (few_images.pixels * ratio.view(-1, 1, 1, 1)).clamp(0, 255)
    dim = ratio < 1
    assert_same(out[dim], expected[dim], terms=1, depth=3)
