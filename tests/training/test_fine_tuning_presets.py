from __future__ import annotations

from dataclasses import replace

import pytest

from roboreg_core.datasets.images import Images
from roboreg_core.errors import SpecError
from roboreg_core.models.resnet import ResNet
from roboreg_core.training.fine_tuning_presets import TUNE_PRESETS, tune_preset
from roboreg_core.training.loop import fit
from roboreg_core.training.spec import learning_rate


@pytest.mark.parametrize("name", TUNE_PRESETS)
def test_a_preset_has_name_label_and_description(name: str) -> None:
    preset = TUNE_PRESETS[name]
    assert preset.spec.recipe == name
    assert preset.description.endswith(".")
    assert preset.description.count(". ") == 0
    assert preset.label.casefold() == name


@pytest.mark.parametrize("name", TUNE_PRESETS)
def test_only_the_seed_is_open(name: str) -> None:
    assert tune_preset(name) == TUNE_PRESETS[name].spec
    assert tune_preset(name, 7) == replace(TUNE_PRESETS[name].spec, seed=7)


def test_unknown_presets_are_refused() -> None:
    with pytest.raises(SpecError, match="fine-tuning preset must be one of quick, good, full, got 'slow'"):
        tune_preset("slow")


def test_presets_are_ordered_from_the_shortest_to_the_longest() -> None:
    epochs = [tune_preset(name).epochs for name in TUNE_PRESETS]
    assert epochs == sorted(set(epochs))


@pytest.mark.parametrize("name", TUNE_PRESETS)
def test_the_rate_rises_to_its_peak_and_falls_to_zero(name: str) -> None:
    spec = tune_preset(name)
    rates = [learning_rate(spec, spec.epochs * step / 240) for step in range(241)]
    peak = rates.index(max(rates))
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert learning_rate(spec, spec.warmup_epochs) == spec.learning_rate
    assert rates[0] == rates[-1] == 0


@pytest.mark.parametrize("name", TUNE_PRESETS)
def test_a_preset_needs_a_teacher(network: ResNet, few_images: Images, name: str) -> None:
    with pytest.raises(SpecError, match="without a teacher"):
        fit(network, few_images, tune_preset(name))


@pytest.mark.parametrize("name", TUNE_PRESETS)
def test_a_preset_trains(network: ResNet, few_images: Images, name: str) -> None:
    spec = replace(tune_preset(name), epochs=1, batch_size=25, warmup_epochs=0.5)
    fitted = fit(network, few_images, spec, validation=few_images, teacher=network)
    assert fitted.best_epoch == 1
