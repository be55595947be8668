from __future__ import annotations

import pytest

from roboreg_core.evaluation.guessing import beats_guessing, guessing_notes


@pytest.mark.parametrize(
    ("right", "images", "classes", "better"),
    [
        (200, 2_000, 10, False),
        (230, 2_000, 10, False),
        (250, 2_000, 10, True),
        (0, 2_000, 10, False),
        (0, 1, 10, False),
        (20, 2_000, 100, False),
        (40, 2_000, 100, True),
        (1_050, 2_000, 2, False),
        (1_100, 2_000, 2, True),
    ],
)
def test_better_than_guessing(right: int, images: int, classes: int, better: bool) -> None:
    assert beats_guessing(right, images, classes) == better
    assert bool(guessing_notes(right / images, images, classes)) != better
