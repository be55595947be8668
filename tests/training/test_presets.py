from __future__ import annotations

from dataclasses import replace

import pytest

from roboreg_core.data.images import Images
from roboreg_core.errors import SpecError
from roboreg_core.model.resnet import ResNet20
from roboreg_core.training.loop import fit
from roboreg_core.training.presets import TUNE_PRESETS, tune_preset

# On two CPU cores with a teacher: images a second for the dense network and for one pruned to half.
SPEEDS = (520, 750)


@pytest.mark.parametrize("name", TUNE_PRESETS)
def test_a_preset_says_what_it_is(name: str) -> None:
    preset = TUNE_PRESETS[name]
    assert preset.spec.recipe == name
    assert preset.meaning.endswith(".")
    assert preset.meaning.count(". ") == 0


@pytest.mark.parametrize("name", TUNE_PRESETS)
def test_only_the_seed_is_open(name: str) -> None:
    assert tune_preset(name) == TUNE_PRESETS[name].spec
    assert tune_preset(name, 7) == replace(TUNE_PRESETS[name].spec, seed=7)


def test_unknown_presets_are_refused() -> None:
    with pytest.raises(SpecError, match="fine-tuning preset must be one of quick, good, full, got 'slow'"):
        tune_preset("slow")


@pytest.mark.parametrize(("name", "images", "least", "most"), [("quick", 10_000, 45, 90), ("good", 48_000, 1500, 2500)])
def test_a_preset_takes_the_time_that_it_says(name: str, images: int, least: float, most: float) -> None:
    assert all(least < tune_preset(name).epochs * images / speed < most for speed in SPEEDS)


@pytest.mark.parametrize("name", TUNE_PRESETS)
def test_a_preset_trains(network: ResNet20, few_images: Images, name: str) -> None:
    spec = replace(tune_preset(name), epochs=1, batch_size=25, warmup_epochs=0.5)
    fitted = fit(network, few_images, spec, validation=few_images, teacher=network)
    assert fitted.best_epoch == 1
