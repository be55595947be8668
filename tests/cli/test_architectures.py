"""Verbs with networks of other architectures, which are read from the network that is given."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import onnx
import pytest
import torch

from roboreg_core.architecture import RESNET20, Architecture
from roboreg_core.datasets import sources
from roboreg_core.datasets.images import Images
from roboreg_core.errors import SpecError
from roboreg_core.models import checkpoints
from roboreg_core.models.costs import cost
from roboreg_core.runs.filter_groups import clusters_of
from roboreg_core.runs.spec import RunSpec
from roboreg_core.schedules.schedule import Schedule, dense_schedule, presets
from roboreg_core.user_store import open_store
from roboreg_core.wording import run_facts
from tests.command_line import CommandLine
from tests.conftest import random_network

SMALL = Architecture(depth=14, base_width=8, shortcut="B")
HALF = presets(SMALL)["moderate"]


@pytest.fixture
def small_sets(few_images: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("training_images", "validation_images", "test_images"):
        monkeypatch.setattr(sources, name, lambda choice="auto": few_images)


@pytest.fixture
def network(tmp_path: Path) -> Path:
    return checkpoints.save(tmp_path / "small", random_network(dense_schedule(SMALL)))


def test_cost_of_any_architecture(roboreg: CommandLine) -> None:
    found = roboreg.answer("cost", "dense", "--architecture", "resnet56")
    assert (found["parameters"], found["macs"]) == (853_018, 125_485_696)
    assert found["architecture"] == {"depth": 56}
    assert len(found["schedule"]) == 27
    other = Architecture(depth=32, shortcut="B", n_classes=100, image_size=64)
    found = roboreg.answer("cost", "moderate", "--architecture", "resnet32-B", "--classes", "100", "--size", "64")
    counted = cost(presets(other)["moderate"])
    assert (found["parameters"], found["macs"], found["size_bytes"]) == (
        counted.parameters,
        counted.macs,
        counted.size_bytes,
    )
    assert (
        "ResNet-32, option B, 100 classes, 64 × 64 pixels, moderate:"
        in roboreg("cost", "moderate", "--architecture", "resnet32-B", "--classes", "100", "--size", "64")[0]
    )
    assert "architecture" not in roboreg.answer("cost", "dense")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--architecture", "vgg16"], "an architecture must be resnet and a depth 6n + 2"),
        (["--architecture", "resnet51"], "choose 50 or 56"),
        (["--size", "33"], "image size must be a multiple of 4"),
        (["--classes", "1"], "number of classes must be an integer 2..1000"),
    ],
)
def test_other_architectures_are_refused(roboreg: CommandLine, options: list[str], message: str) -> None:
    refused = roboreg.refusal("cost", "dense", *options)
    assert message in refused


@pytest.mark.usefixtures("small_sets")
def test_a_file_is_pruned_run_and_exported_as_what_it_is(roboreg: CommandLine, network: Path, tmp_path: Path) -> None:
    start = ("--from", network, "--images", "bundled")
    pruned = roboreg.answer("prune", "moderate", *start, "--calibration", "20", "--out", tmp_path / "half")
    assert Schedule.from_stored(pruned) == HALF
    assert checkpoints.load(tmp_path / "half.safetensors").model.schedule == HALF
    evaluated = roboreg.answer("evaluate", tmp_path / "half.safetensors")
    assert Schedule.from_stored(evaluated) == HALF
    assert evaluated["accuracy"] == pruned["accuracy"]
    roboreg("export", tmp_path / "half.safetensors", "--onnx", tmp_path / "half.onnx")
    described = {each.key: each.value for each in onnx.load(tmp_path / "half.onnx").metadata_props}
    assert json.loads(described["architecture"]) == SMALL.to_json()
    run = roboreg.answer("run", "moderate", *start, "--calibration", "20", "--epochs", "1", "--batch-size", "25")
    assert run["architecture"] == SMALL.to_json()
    assert run["spec"]["architecture"] == SMALL.to_json()
    assert (
        roboreg.answer("run", "moderate", *start, "--calibration", "20", "--epochs", "1", "--batch-size", "25")[
            "created"
        ]
        == run["created"]
    )
    record, store = open_store().find_record(run["run"]), open_store()
    assert len(clusters_of(record, 6, store).labels) == 32
    with pytest.raises(SpecError, match=r"a block must be 1\.\.6, got 7"):
        clusters_of(record, 7, store)
    assert SMALL.label in run_facts.label(record)
    assert "must have 6 filter counts" in roboreg.refusal("run", "4,4,4,8,8,8,16,16,16", *start)


@pytest.mark.usefixtures("small_sets")
def test_many_schedules_of_a_file_are_measured_predicted_and_searched(roboreg: CommandLine, network: Path) -> None:
    start = ("--from", network, "--images", "bundled", "--method", "l1", "--calibration", "20")
    found = roboreg.answer("sensitivity", *start, "--values", "2")
    assert [curve["block"] for curve in found["curves"]] == [1, 2, 3, 4, 5, 6]
    assert Schedule.from_stored(found) == HALF
    swept = roboreg.answer("sweep", "--random", "25", "--low", "aggressive", *start, "--no-test")
    assert swept["measured"] == 25
    assert all(Schedule.from_stored(point).architecture == SMALL for point in swept["points"])
    plain = roboreg.answer("sweep", "--grid", "source", *start, "--dry-run")
    assert plain["schedules"] == 27
    predicted = roboreg.answer("predict", "moderate", *start)
    assert Schedule.from_stored(predicted) == HALF
    searched = roboreg.answer("search", "--max-macs", "0.5", *start)
    most = 0.5 * cost(dense_schedule(SMALL)).macs
    for each in searched["answers"]:
        assert cost(Schedule.from_stored(each)).macs <= most
    measured = roboreg.answer("search", "--max-macs", "0.5", *start, "--refine", "6")
    assert measured["measured"] == 6
    related = roboreg.answer("correlate", "--sweep", swept["sweep"])
    assert related["schedules"] == 25


def test_saved_schedules_keep_their_architecture(roboreg: CommandLine, tmp_path: Path) -> None:
    kept = roboreg.answer("schedules", "save", "half", "moderate", "--architecture", "resnet14-w8-B")
    assert Schedule.from_stored(kept) == HALF
    default = roboreg.answer("schedules", "save", "half too", "moderate")
    assert "architecture" not in default
    changed = roboreg.answer("schedules", "edit", "half", "--schedule", "quarter")
    assert Schedule.from_stored(changed) == presets(SMALL)["quarter"]
    roboreg("schedules", "export", "--out", tmp_path / "saved.json")
    entries = {each["name"]: each for each in json.loads((tmp_path / "saved.json").read_text())["schedules"]}
    assert entries["half"]["architecture"] == SMALL.to_json()
    assert "architecture" not in entries["half too"]
    roboreg("schedules", "delete", "half")
    added = roboreg.answer("schedules", "import", tmp_path / "saved.json")["imported"]
    assert [Schedule.from_stored(each) for each in added] == [presets(SMALL)["quarter"]]
    broken = json.loads((tmp_path / "saved.json").read_text())
    broken["schedules"][0]["architecture"] = {"depth": 15}
    (tmp_path / "broken.json").write_text(json.dumps(broken))
    assert "entry 1 ('half'): depth must be 6n + 2" in roboreg.refusal("schedules", "import", tmp_path / "broken.json")


@pytest.mark.slow
@pytest.mark.usefixtures("small_sets")
def test_training_of_another_architecture_is_resumed_with_it_only(
    roboreg: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "own.safetensors"
    options = ("--epochs", "2", "--batch-size", "25", "--images", "bundled", "--out", out)
    roboreg("train", "--architecture", "resnet8-w4", *options)
    card = json.loads(out.with_suffix(".json").read_text())
    assert card["architecture"] == {"depth": 8, "base_width": 4}
    assert "train --architecture resnet8-w4 --recipe best" in card["reproduce"]
    loaded = checkpoints.load(out)
    assert loaded.model.architecture == Architecture(depth=8, base_width=4)
    assert RESNET20.option == ""
    from roboreg_core.training import dense_training

    write = dense_training.write_state

    def interrupt(path: Path, content: bytes) -> None:
        write(path, content)
        raise KeyboardInterrupt

    monkeypatch.setattr(dense_training, "write_state", interrupt)
    roboreg("train", "--architecture", "resnet8-w4", *options[:-1], tmp_path / "more.safetensors", code=130)
    monkeypatch.setattr(dense_training, "write_state", write)
    again = (*options[:-1], tmp_path / "more.safetensors", "--resume")
    refused = roboreg.refusal("train", "--architecture", "resnet14-w4", *again)
    assert "must resume with its architecture, ResNet-8, base width 4, got ResNet-14, base width 4" in refused
    roboreg("train", "--architecture", "resnet8-w4", *again)
    resumed = checkpoints.load(tmp_path / "more.safetensors")
    assert resumed.sha256 == loaded.sha256


@pytest.mark.usefixtures("small_sets")
@pytest.mark.parametrize("verb", ["prune", "run"])
def test_a_pruned_file_cannot_keep_more_filters_than_it_has(roboreg: CommandLine, tmp_path: Path, verb: str) -> None:
    file = checkpoints.save(tmp_path / "half", random_network(HALF))
    refused = roboreg.refusal(verb, "three-quarters", "--from", file, "--images", "bundled")
    assert f"block 1 must be 1..{HALF.counts[0]}, the filters of this network, got 6" in refused


@pytest.mark.usefixtures("small_sets")
def test_a_run_of_a_file_is_repeated_by_its_command(roboreg: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "other project's.pt"
    torch.save(checkpoints.load("dense").model.state_dict(), file)
    start = (
        "--from",
        file,
        "--normalisation",
        "imagenet",
        "--images",
        "bundled",
        "--epochs",
        "0",
        "--calibration",
        "20",
    )
    run = roboreg.answer("run", "moderate", *start)
    words = shlex.split(run["result"]["command"])
    assert words[:4] == ["python", "-m", "roboreg_core", "run"]
    assert roboreg.answer(*words[3:])["run"] == run["run"]
    assert RunSpec.from_json(run["spec"]).id == run["run"]
