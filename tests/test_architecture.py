from __future__ import annotations

import pytest
from hypothesis import given

from roboreg_core.architecture import RESNET20, Architecture
from roboreg_core.errors import ArchitectureError, ScheduleError
from roboreg_core.models.costs import cost
from roboreg_core.schedules.schedule import Schedule, presets
from tests.architectures import architectures, schedules_of


@given(architectures())
def test_name_and_json_are_read_back(architecture: Architecture) -> None:
    sizes = {"n_classes": architecture.n_classes, "image_size": architecture.image_size}
    assert Architecture.parse(architecture.name, **sizes) == architecture
    assert Architecture.parse(architecture.name.upper(), **sizes) == architecture
    assert Architecture.from_json(architecture.to_json()) == architecture


def test_the_default_is_stored_as_nothing() -> None:
    assert RESNET20.to_json() == RESNET20.stored() == {}
    assert Architecture.from_json(None) == Architecture.from_json({}) == RESNET20
    assert (RESNET20.name, RESNET20.label, RESNET20.option) == ("resnet20", "ResNet-20", "")
    assert presets()["moderate"].stored() == {"schedule": [8, 8, 8, 16, 16, 16, 32, 32, 32]}


def test_names_of_others() -> None:
    other = Architecture.parse("resnet56-B", n_classes=100, image_size=64)
    assert (other.depth, other.shortcut, other.n_blocks) == (56, "B", 27)
    assert other.label == "ResNet-56, option B, 100 classes, 64 × 64 pixels"
    assert other.option == " --architecture resnet56-B"
    assert Architecture.parse("ResNet-32-w8-a-end") == Architecture(depth=32, base_width=8, shortcut="A-end")


@given(architectures())
def test_blocks_and_stages_partition_each_other(architecture: Architecture) -> None:
    blocks = [block for stage in architecture.stages for block in architecture.blocks_of(stage)]
    assert blocks == list(architecture.blocks)
    assert all(block in architecture.blocks_of(architecture.stage_of(block)) for block in blocks)
    assert len(architecture.bounds) == architecture.n_blocks == (architecture.depth - 2) // 2
    assert architecture.stage_sizes[-1] == architecture.image_size // 4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"depth": 21}, r"depth must be 6n \+ 2, 8\.\.302, got 21: choose 20 or 26"),
        ({"depth": 2}, r"depth must be 6n \+ 2, 8\.\.302, got 2$"),
        ({"depth": 20.0}, r"got 20\.0"),
        ({"base_width": 3}, r"base width must be an integer 4\.\.64, got 3"),
        ({"shortcut": "C"}, "shortcut must be one of A, A-end, B, got 'C'"),
        ({"n_classes": 1}, r"number of classes must be an integer 2\.\.1000, got 1"),
        ({"image_size": 30}, r"image size must be a multiple of 4, 16\.\.96, got 30: choose 28 or 32"),
        ({"image_size": True}, "got True"),
    ],
)
def test_other_values_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ArchitectureError, match=message):
        Architecture(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "vgg16", "resnet", "resnet56-C", "20", "resnet20-w", "resnet18"])
def test_other_names_are_refused(text: str) -> None:
    with pytest.raises(ArchitectureError):
        Architecture.parse(text)


@pytest.mark.parametrize("value", [[], 3, {"width": 4}, {"depth": "20"}, {"depth": 57}])
def test_invalid_json_is_refused(value: object) -> None:
    with pytest.raises(ArchitectureError):
        Architecture.from_json(value)


@given(schedules_of(architectures(max_depth=56)))
def test_schedules_carry_their_architecture(schedule: Schedule) -> None:
    assert Schedule.from_stored(schedule.stored()) == schedule
    assert Schedule.parse(str(schedule), schedule.architecture) == schedule
    assert schedule.replace(1, 1).architecture == schedule.architecture
    assert schedule.dense.is_dense


def test_equal_counts_of_two_architectures_are_two_schedules() -> None:
    other = Schedule(presets()["moderate"].counts, Architecture(n_classes=100))
    assert other != presets()["moderate"]
    assert len({other, presets()["moderate"]}) == 2
    assert other.label == "moderate"


@given(architectures())
def test_presets_shrink(architecture: Architecture) -> None:
    sizes = [cost(preset).parameters for preset in presets(architecture).values()]
    assert sizes == sorted(sizes, reverse=True)
    assert all(Schedule.parse(name, architecture) == preset for name, preset in presets(architecture).items())


def test_a_schedule_of_another_length_names_its_blocks() -> None:
    with pytest.raises(ScheduleError, match=r"must have 27 filter counts \(blocks 1-9: 1\.\.16; .*, got 9: block 10"):
        Schedule((1,) * 9, Architecture(depth=56))
