from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roboreg_core.datasets.augmentation_settings import CROP_FLIP, SIX
from roboreg_core.errors import SpecError
from roboreg_core.training.fine_tuning_presets import tune_preset
from roboreg_core.training.spec import BEST, DISTILLED, RECIPES, SOURCE, TrainSpec, learning_rate, recipe


def rates(spec: TrainSpec, *epochs: float) -> list[float]:
    return [pytest.approx(learning_rate(spec, epoch), abs=1e-12) for epoch in epochs]


def test_cosine() -> None:
    spec = TrainSpec(recipe="x", epochs=10, learning_rate=0.2)
    assert rates(spec, 0, 2.5, 5, 7.5, 10) == [0.2, 0.17071067811865476, 0.1, 0.02928932188134524, 0.0]


def test_cosine_after_a_warmup() -> None:
    spec = TrainSpec(recipe="x", epochs=10, learning_rate=0.2, warmup_epochs=2)
    assert rates(spec, 0, 0.5, 1, 2, 6, 10) == [0.0, 0.05, 0.1, 0.2, 0.1, 0.0]


def test_multistep_steps_at_the_milestones_of_the_source_project() -> None:
    spec = SOURCE()
    assert rates(spec, 0, 99.99, 100, 149.99, 150, 199.9) == [0.1, 0.1, 0.01, 0.01, 0.001, 0.001]


def test_trapezoid() -> None:
    spec = BEST(epochs=160)
    assert (spec.warmup_epochs, spec.decay_epochs) == (2.0, 24)
    assert rates(spec, 0, 1, 2, 100, 136, 148, 154, 160) == [0.0, 0.05, 0.1, 0.1, 0.1, 0.05, 0.025, 0.0]


def test_short_trapezoids_decay_over_their_second_half() -> None:
    spec = BEST(epochs=10)
    assert rates(spec, 0.5, 1, 5, 7.5, 10) == [0.05, 0.1, 0.1, 0.05, 0.0]


def cosine(epochs: int) -> TrainSpec:
    return TrainSpec(recipe="x", epochs=epochs, learning_rate=0.02, warmup_epochs=min(0.5, epochs / 10))


def triangular(epochs: int, warmup_epochs: float | None = None) -> TrainSpec:
    rise = min(2.0, epochs / 4) if warmup_epochs is None else warmup_epochs
    return TrainSpec(recipe="x", epochs=epochs, rate="triangular", learning_rate=0.2, warmup_epochs=rise)


def test_triangular() -> None:
    assert rates(triangular(10, 2), 0, 0.5, 1, 2, 4, 6, 10) == [0.0, 0.05, 0.1, 0.2, 0.15, 0.1, 0.0]


def test_triangular_without_a_warmup_only_falls() -> None:
    assert rates(triangular(4, 0), 0, 1, 2, 3, 4) == [0.2, 0.15, 0.1, 0.05, 0.0]


@given(st.integers(1, 300), st.floats(0, 1), st.floats(0, 1))
def test_triangular_rises_to_its_peak_and_falls_from_it(epochs: int, first: float, second: float) -> None:
    spec = triangular(epochs)
    peak = spec.warmup_epochs
    early, late = sorted((first, second))
    assert learning_rate(spec, peak) == spec.learning_rate
    assert learning_rate(spec, early * peak) <= learning_rate(spec, late * peak)
    rest = epochs - peak
    assert learning_rate(spec, peak + early * rest) >= learning_rate(spec, peak + late * rest)


@given(st.sampled_from([BEST, cosine, triangular]), st.integers(1, 300), st.floats(0, 1))
def test_rates_stay_in_range_and_end_at_zero(make: object, epochs: int, share: float) -> None:
    spec = make(epochs)  # type: ignore[operator]
    assert 0 <= learning_rate(spec, share * epochs) <= spec.learning_rate
    assert learning_rate(spec, epochs) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    "spec",
    [BEST(), DISTILLED(9), SOURCE(7, seed=3), BEST(3), tune_preset("good", 4)],
    ids=lambda spec: spec.recipe,
)
def test_json_round_trip(spec: TrainSpec) -> None:
    assert TrainSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


def test_older_json_without_teacher_and_average_is_read() -> None:
    old = BEST(2).to_json()
    for name in ("distil_weight", "temperature", "average"):
        del old[name]
    assert TrainSpec.from_json(old) == BEST(2)
    assert (BEST(2).distil_weight, BEST(2).average) == (0, 0)


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(SpecError, match="unknown training settings: gama, lr"):
        TrainSpec.from_json(BEST().to_json() | {"lr": 0.1, "gama": 0.5})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, "epochs must be a whole number 1..1000, got 0"),
        ({"epochs": 1001}, "epochs must be a whole number 1..1000, got 1001"),
        ({"epochs": "5"}, "epochs must be a whole number 1..1000, got '5'"),
        ({"epochs": True}, "epochs must be a whole number 1..1000, got True"),
        ({"batch_size": 0}, "batch size must be a whole number 1..4096, got 0"),
        ({"learning_rate": float("nan")}, "learning rate must be"),
        ({"learning_rate": 0}, "learning rate must be"),
        ({"momentum": 1}, "momentum must be"),
        ({"weight_decay": -1}, "weight decay must be"),
        ({"label_smoothing": 1}, "label smoothing must be"),
        ({"distil_weight": 1.5}, "distil weight must be 0..1, got 1.5"),
        ({"temperature": 0}, "temperature must be 1..100, got 0"),
        ({"average": 1}, "average must be 0..0.99999, got 1"),
        ({"seed": -1}, "seed must be"),
        ({"rate": "linear"}, "rate must be one of cosine, multistep, trapezoid, triangular, got 'linear'"),
        ({"precision": "float16"}, "precision must be one of bfloat16, float32, got 'float16'"),
    ],
)
def test_settings_out_of_range(change: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError) as caught:
        replace(BEST(), **change)
    assert message in str(caught.value)


def test_recipes() -> None:
    assert set(RECIPES) == {"best", "distilled", "source"}
    assert recipe("source") == SOURCE()
    assert [each.spec.epochs for each in RECIPES.values()] == [160, 120, 200]
    assert all(each.description.endswith(".") for each in RECIPES.values())
    assert recipe("best", 30, seed=4) == BEST(30, 4)
    assert SOURCE().augmentation == SIX
    assert (SOURCE().weight_decay, SOURCE().nesterov, SOURCE().epochs) == (1e-4, False, 200)
    assert BEST().augmentation == CROP_FLIP
    assert (BEST().distil_weight, DISTILLED().distil_weight) == (0, 0.9)
    with pytest.raises(SpecError, match="recipe must be one of best, distilled, source, got 'fast'"):
        recipe("fast")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"epochs": 2.5}, "epochs must be a whole number"),
        ({"gamma": -1}, "gamma must be 0..1, got -1"),
        ({"warmup_epochs": 99}, "warm-up epochs must be 0..5, got 99"),
        ({"rate": "trapezoid"}, "decay epochs must be a whole number 1..5, got 0"),
    ],
)
def test_settings_that_do_not_fit_together(change: dict[str, object], reason: str) -> None:
    with pytest.raises(SpecError, match=reason):
        TrainSpec(**{"recipe": "x", "epochs": 5, **change})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "value", [{"epochs": 3}, {"recipe": "x"}, {"recipe": "x", "epochs": 3, "augmentation": {"pda": 4}}]
)
def test_invalid_json_is_refused(value: dict[str, object]) -> None:
    with pytest.raises(SpecError, match=r"must|unknown"):
        TrainSpec.from_json(value)
