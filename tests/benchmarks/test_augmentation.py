"""The augmentation benchmark measures all images and the augmentation of the training loop."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import rivals
from benchmarks.augmentation import share, sheet, speed
from benchmarks.augmentation.__main__ import PICTURE
from roboreg_core.errors import RoboRegError


def test_a_share_is_a_part_of_a_real_training() -> None:
    found = share.measure("bfloat16", steps=2, epochs=2)
    assert found.steps == 4
    assert 0 < found.share < 1
    assert found.augmentation_seconds < found.epoch_seconds


def test_our_contender_goes_once_through_all_images() -> None:
    assert speed.prepare_ours(300)() == 300


def test_the_picture_is_deterministic_and_has_one_row_per_augmentation() -> None:
    first, again = sheet.sheet(), sheet.sheet()
    assert first.tobytes() == again.tobytes()
    assert first.height == sheet.HEADER + len(sheet.ROWS) * (32 * sheet.ENLARGED + sheet.ROW_GAP)
    originals = np.asarray(first)[sheet.HEADER : sheet.HEADER + 32 * sheet.ENLARGED, sheet.LABEL_WIDTH :]
    half = originals.shape[1] // 2
    assert np.array_equal(originals[:, :half], originals[:, half:]), "both sides begin with the same images"
    assert PICTURE.is_file()


def test_a_missing_package_is_an_error_with_its_remedy() -> None:
    assert not rivals.present("no_such_rival")
    with pytest.raises(RoboRegError, match=r"needs no_such_rival, found no no_such_rival; run: .*requirements-rivals"):
        rivals.load("no_such_rival")
