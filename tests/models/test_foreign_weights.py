"""Files of other projects: containers, prefixes, names, masks and biases; refusals name the right reason."""

from __future__ import annotations

import io
import itertools
import pickletools
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from roboreg_core.architecture import Architecture
from roboreg_core.datasets.images import Images
from roboreg_core.errors import CheckpointError
from roboreg_core.evaluation.logits import logits
from roboreg_core.models import checkpoints
from roboreg_core.models.checkpoints import Checkpoint
from roboreg_core.models.resnet import ResNet
from roboreg_core.pruning.prune import PruneSpec, prune
from roboreg_core.schedules.schedule import Schedule, dense_schedule
from tests.conftest import random_network
from tests.models.foreign_files import SPELLINGS, State, biased, masked, renamed, state_of, torch_bytes
from tests.tolerance import assert_same_logits


@pytest.fixture(scope="module")
def model() -> ResNet:
    return random_network(seed=5)


def read(value: Any) -> Checkpoint:
    return checkpoints.from_bytes(value if isinstance(value, bytes) else torch_bytes(value), "the file")


def assert_same_network(found: Checkpoint, model: ResNet) -> None:
    for (key, a), b in zip(found.model.state_dict().items(), model.state_dict().values(), strict=True):
        assert torch.equal(a, b), key


def noted(found: Checkpoint, text: str) -> bool:
    return any(text in note for note in found.notes)


BESIDE: dict[str, Any] = {
    "epoch": 199,
    "arch": "resnet20",
    "best_prec1": np.float64(91.25),
    "acc": np.float32(90.5),
    "curve": np.linspace(0, 1, 300),
    "flags": np.array([True, False]),
    "count": np.int64(3),
    "name": np.str_("resnet"),
    "args": {"lr": 0.1, "seed": None},
}


def optimiser(model: ResNet) -> State:
    adam = torch.optim.Adam(model.parameters())
    sum(parameter.sum() for parameter in model.parameters()).backward()
    adam.step()
    return adam.state_dict()


@pytest.mark.parametrize("key", ["net", "model", "model_state_dict", "state", "state_dict_ema", "params"])
def test_a_wrapped_network_is_found_beside_other_values(model: ResNet, key: str) -> None:
    twin = random_network(seed=5)
    schedule = torch.optim.lr_scheduler.MultiStepLR(torch.optim.SGD(twin.parameters(), lr=0.1), [100, 150])
    found = read({key: state_of(model), **BESIDE, "optimizer": optimiser(twin), "scheduler": schedule.state_dict()})
    assert_same_network(found, model)
    assert found.source == {"place": key, "recorded_accuracy": 0.9125}
    assert noted(found, "records an accuracy of 91.25% (best_prec1)")


def test_a_wrapper_inside_a_wrapper(model: ResNet) -> None:
    found = read({"checkpoint": {"model": {"net": state_of(model)}, "acc": 0.9}, "best_acc": 95})
    assert_same_network(found, model)
    assert found.source == {"place": "checkpoint.model.net", "recorded_accuracy": 0.9}


@pytest.mark.parametrize(
    "value", [np.float64(93.5), np.float32(93.5), np.float16(93.5), 93.5, torch.tensor(93.5), 0.935, np.float64(0.935)]
)
def test_the_recorded_accuracy_is_a_share(model: ResNet, value: Any) -> None:
    source = read({"net": state_of(model), "acc": value}).source
    assert source is not None
    assert source["recorded_accuracy"] == pytest.approx(0.935, rel=1e-6)


@pytest.mark.parametrize("value", [True, "93", None, [93.5], -1, 150, float("nan"), np.str_("x"), torch.ones(2)])
def test_other_values_are_no_accuracy(model: ResNet, value: Any) -> None:
    assert read({"net": state_of(model), "acc": value}).source == {"place": "net"}


def test_reading_numpy_objects_runs_no_code_of_numpy(model: ResNet, monkeypatch: pytest.MonkeyPatch) -> None:
    content = torch_bytes({"net": state_of(model), "a": np.arange(3.0), "b": np.float64(2)})
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = {str(value) for opcode, value, _ in pickletools.genops(archive.read("archive/data.pkl")) if value}
    assert any(name.startswith("numpy") for name in names)
    for function in ("scalar", "_reconstruct"):
        monkeypatch.setattr(np._core.multiarray, function, lambda *_: pytest.fail("called"))
    assert_same_network(read(content), model)
    assert not [each for each in torch.serialization.get_safe_globals() if isinstance(each, tuple)]


def test_of_several_networks_the_averaged_one_is_taken_and_said(model: ResNet) -> None:
    raw = state_of(random_network(seed=6))
    average = {"n_averaged": torch.tensor(7), **renamed(state_of(model), ("^", "module."))}
    found = read({"state_dict": raw, "state_dict_ema": average})
    assert_same_network(found, model)
    assert noted(found, "the file holds 2 networks (state_dict_ema, state_dict): state_dict_ema is taken")


def test_of_several_networks_the_one_that_can_be_read_is_taken(model: ResNet) -> None:
    other = {"conv1.weight": torch.zeros(4, 3, 3, 3)}
    found = read({"teacher": other, "student": state_of(model)})
    assert_same_network(found, model)
    assert noted(found, "student is taken")


@pytest.mark.parametrize(
    "prefix", ["module.", "_orig_mod.", "model.", "net.", "module.module.", "backbone.", "encoder.", "a.b.c.d."]
)
@pytest.mark.parametrize("head", ["linear", "fc"])
def test_a_common_prefix_is_removed(model: ResNet, prefix: str, head: str) -> None:
    found = read(renamed(state_of(model), ("^linear", head), ("^", prefix)))
    assert_same_network(found, model)
    assert found.source == {"place": ""}


def test_counters_of_operations_are_ignored(model: ResNet) -> None:
    state = state_of(model)
    counted = {f"{key.rpartition('.')[0]}.total_ops": torch.zeros(1, dtype=torch.float64) for key in state}
    assert_same_network(read({**state, **counted, "total_params": torch.zeros(1)}), model)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_other_names_are_matched_by_order_and_shapes(model: ResNet, spelling: str) -> None:
    found = read(renamed(state_of(model), *SPELLINGS[spelling]))
    assert_same_network(found, model)
    assert noted(found, "names matched by order and shapes")
    assert found.source is not None
    blocks = {key.rpartition(".")[0] for key in state_of(model) if key.startswith("layer")}
    assert blocks <= set(found.source["names"].values())


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_other_names_in_alphabetical_order(model: ResNet, spelling: str) -> None:
    found = read(safetensors.torch.save(renamed(state_of(model), *SPELLINGS[spelling])))
    assert_same_network(found, model)


def test_convolutions_before_batch_norms_are_matched(model: ResNet) -> None:
    """A block that creates its convolutions before its batch norms."""
    state = renamed(state_of(model), ("^layer", "stage"))
    blocks = itertools.groupby(state, lambda key: key.rsplit(".", 2)[0])
    order = [key for _, keys in blocks for key in sorted(keys, key=lambda key: "bn" in key)]
    assert_same_network(read({key: state[key] for key in order}), model)


def moved(state: State, key: str, place: int) -> State:
    keys = [each for each in state if not each.startswith(key)]
    keys[place:place] = [each for each in state if each.startswith(key)]
    return {each: state[each] for each in keys}


def preactivated(state: State) -> State:
    """Batch norms before convolutions: the same shapes in the same order, with other names and another network."""
    names = list(dict.fromkeys(key.rpartition(".")[0] for key in state))
    norms = [name for name in names if "bn" in name]
    shifted = dict(zip(norms, [*norms[1:], "last_bn"], strict=True))
    return {
        f"{shifted.get(key.rpartition('.')[0], key.rpartition('.')[0])}.{key.rpartition('.')[2]}": value
        for key, value in state.items()
    }


ARCHITECTURES = [
    Architecture(depth=depth, base_width=width, shortcut=shortcut, n_classes=classes)
    for depth, width, shortcut, classes in (
        (8, 16, "A", 2),
        (14, 16, "B", 10),
        (20, 32, "A", 10),
        (20, 16, "B", 100),
        (32, 16, "A", 10),
        (44, 16, "B", 10),
        (56, 16, "A", 100),
        (110, 16, "A", 200),
        (110, 8, "B", 10),
    )
]


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda each: f"{each.name}-{each.n_classes}")
def test_architecture_and_schedule_follow_from_names_and_shapes(architecture: Architecture) -> None:
    counts = tuple(1 + number % bound for number, bound in enumerate(architecture.bounds))
    for schedule in (dense_schedule(architecture), Schedule(counts, architecture)):
        model = random_network(schedule)
        found = read({"net": renamed(state_of(model), (r"\.shortcut\.", ".downsample."), ("^linear", "module.fc"))})
        assert found.model.schedule == schedule
        assert_same_network(found, model)
        for spelling in SPELLINGS.values():
            assert_same_network(read(renamed(state_of(model), *spelling)), model)


def test_shortcuts_in_any_place_of_a_block_are_matched() -> None:
    architecture = Architecture(shortcut="B")
    model = random_network(dense_schedule(architecture))
    state = renamed(state_of(model), ("^layer", "stage"), (r"shortcut\.0", "skip_conv"), (r"shortcut\.1", "skip_bn"))
    blocks = [list(keys) for _, keys in itertools.groupby(state, lambda key: key.split(".")[:2])]
    for first in ("skip", "conv"):
        order = [key for keys in blocks for key in sorted(keys, key=lambda key: first not in key)]
        assert_same_network(read({key: state[key] for key in order}), model)


def test_biases_of_shortcuts_become_part_of_batch_norm(few_images: Images) -> None:
    model = random_network(dense_schedule(Architecture(shortcut="B")))
    state = state_of(model)
    for stage in (2, 3):
        mean, bias = f"layer{stage}.0.shortcut.1.running_mean", torch.linspace(-1, 1, 16 << (stage - 1))
        state |= {f"layer{stage}.0.shortcut.0.bias": bias, mean: state[mean] + bias}
    assert_same_logits(logits(read(biased(state)).model, few_images), logits(model, few_images))


AMBIGUOUS: dict[str, Callable[[State], State]] = {
    "a block's convolution first": lambda state: moved(renamed(state, ("^layer", "stage")), "stage1.1.conv2", 0),
    "batch norm before convolutions": lambda state: preactivated(renamed(state, ("^layer", "stage"))),
    "a stage before another": lambda state: moved(renamed(state, ("^layer", "stage")), "stage3", 6),
}


@pytest.mark.parametrize("case", AMBIGUOUS)
def test_an_order_that_is_ambiguous_is_refused_with_the_first_names(model: ResNet, case: str) -> None:
    with pytest.raises(CheckpointError, match=r"got also stage\d\.\d\.(conv|bn)") as error:
        read(AMBIGUOUS[case](state_of(model)))
    assert "matched by order and shapes" in str(error.value)


STRANGERS: dict[str, tuple[Callable[[State], State], str]] = {
    "learned activations": (
        lambda state: state | {f"layer1.{n}.act.alpha": torch.ones(1) for n in range(9)},
        "got also layer1.0.act.alpha, layer1.1.act.alpha, layer1.2.act.alpha and 6 more",
    ),
    "PReLU": (lambda state: state | {"layer1.0.relu.weight": torch.ones(16)}, "got also layer1.0.relu.weight"),
    "quantiser levels": (
        lambda state: {key: value for k, v in state.items() for key, value in ((k, v), (f"{k}_levels", torch.ones(4)))},
        "got also conv1.weight_levels, bn1.weight_levels, bn1.bias_levels and 113 more",
    ),
    "adder kernels": (
        lambda state: renamed(state, (r"^(layer.*conv\d)\.weight", r"\1.adder")),
        "got also layer1.0.conv1.adder, layer1.0.conv2.adder, layer1.1.conv1.adder and 15 more",
    ),
    "a fourth stage": (
        lambda state: state | {"layer4.0.conv1.weight": torch.zeros(128, 64, 3, 3)},
        "got also layer4.0.conv1.weight",
    ),
    "other widths": (
        lambda state: state | {"layer3.0.conv2.weight": torch.zeros(48, 64, 3, 3)},
        "layer3.0.conv2.weight must have shape (64, 64, 3, 3), got (48, 64, 3, 3)",
    ),
    "shortcuts without batch norm": (
        lambda state: state | {f"layer{n}.0.shortcut.0.weight": torch.zeros(8 << n, 4 << n, 1, 1) for n in (2, 3)},
        "must hold layer2.0.shortcut.1.weight of shape (32,), found none",
    ),
    "stages of different depths": (
        lambda state: {key: value for key, value in state.items() if not key.startswith("layer3.2")},
        "the same number of blocks in each of 3 stages, got 3, 3, 2",
    ),
    "inside a wrapper": (
        lambda state: {"net": state | {"module.scale": torch.ones(1)}, "acc": 90},
        "got also module.scale",
    ),
}


@pytest.mark.parametrize("case", STRANGERS)
def test_the_first_tensors_that_do_not_belong_are_named(model: ResNet, case: str) -> None:
    change, reason = STRANGERS[case]
    with pytest.raises(CheckpointError) as error:
        read(change(state_of(model)))
    assert reason in str(error.value)


@pytest.mark.parametrize("kind", [torch.float32, torch.bool])
def test_masks_are_multiplied_and_the_share_of_zeros_is_said(model: ResNet, kind: torch.dtype) -> None:
    state = masked(state_of(model))
    state |= {key: value.to(kind) for key, value in state.items() if key.endswith("_mask")}
    state["layer1.0.conv1.weight_mask"][:3] = 0
    state["layer3.1.conv1.weight_mask"][10:15] = 0
    found = read({"state_dict": renamed(state, ("^", "module."))})
    weights = {key: value for key, value in found.model.state_dict().items() if f"{key}_mask" in state}
    for key, value in weights.items():
        assert torch.equal(value, state[f"{key}_orig"] * state[f"{key}_mask"])
    assert found.source is not None
    zeros = 1 - sum(int(w.count_nonzero()) for w in weights.values()) / sum(w.numel() for w in weights.values())
    assert found.source["zeros"] == pytest.approx(zeros)
    assert noted(found, f"{zeros:.1%} of them are zero")
    assert noted(found, "3 in block 1, 5 in block 8; the schedule 13,16,16,32,32,32,64,59,64 with method l1")


def test_filters_of_zeros_are_removed_by_the_schedule_that_is_said(model: ResNet) -> None:
    state = state_of(model)
    for block, filters in (("layer1.1", [0, 5, 9]), ("layer3.0", [63])):
        state[f"{block}.conv1.weight"] = state[f"{block}.conv1.weight"].clone()
        state[f"{block}.conv1.weight"][filters] = 0
    found = read(state)
    schedule = Schedule.parse("16,13,16,32,32,32,63,64,64")
    assert noted(found, f"zero as a whole: 3 in block 2, 1 in block 7; the schedule {schedule} with method l1 removes")
    pruned = prune(found.model, schedule, PruneSpec(method="l1")).model
    for block in pruned.blocks:
        assert (block.conv1.weight != 0).flatten(1).any(1).all()


def test_biases_of_convolutions_become_part_of_batch_norm(model: ResNet, few_images: Images) -> None:
    found = read(biased(state_of(model)))
    assert_same_logits(logits(found.model, few_images), logits(model, few_images))


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_and_parameters_load(model: ResNet, kind: torch.dtype) -> None:
    values = {k: v.to(kind) if v.is_floating_point() else v for k, v in state_of(model).items()}
    found = read({k: torch.nn.Parameter(v) if v.is_floating_point() else v for k, v in values.items()})
    for key, value in found.model.state_dict().items():
        assert torch.equal(value, values[key].float() if value.is_floating_point() else values[key])


NOT_WEIGHTS: dict[str, tuple[bytes, str]] = {
    "pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1104321\n",
        "a Git LFS pointer: fetch the file itself with git lfs pull",
    ),
    "page": (b"\n <!DOCTYPE html>\n<html><head></head></html>", "a web page: download the file itself"),
    "gzip": (b"\x1f\x8b\x08" + bytes(30), "a gzip file: unpack it"),
    "keras": (b"\x89HDF\r\n\x1a\n" + bytes(30), "an HDF5 file"),
    "text": (b"no weights", "something else than tensors"),
}


@pytest.mark.parametrize("case", NOT_WEIGHTS)
def test_other_files_are_named(case: str) -> None:
    content, reason = NOT_WEIGHTS[case]
    with pytest.raises(CheckpointError) as error:
        read(content)
    assert reason in str(error.value)


def test_a_cut_off_file_is_named(model: ResNet) -> None:
    whole = torch_bytes(state_of(model))
    with pytest.raises(CheckpointError, match="a damaged or cut-off file"):
        read(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match="a damaged or cut-off file"):
        read(checkpoints.to_bytes(model)[:-1])


@pytest.mark.parametrize("how", [True, False])
def test_a_pickled_module_is_refused_with_its_conversion(model: ResNet, how: bool) -> None:
    for value in (model, {"net": torch.nn.DataParallel(model)}, torch.nn.Sequential(model)):
        with pytest.raises(CheckpointError, match="whole pickled module") as error:
            read(torch_bytes(value, _use_new_zipfile_serialization=how))
        assert "model = torch.load(file, weights_only=False); torch.save(model.state_dict(), " in str(error.value)
