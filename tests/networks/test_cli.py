"""The verbs about networks, in this process: a handful of images stands for every set."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

from roboreg_core.models import checkpoints
from roboreg_core.models.resnet import ResNet
from tests.command_line import CommandLine
from tests.conftest import random_network


@pytest.fixture
def file(trained: ResNet, tmp_path: Path) -> Path:
    path = tmp_path / "public.th"
    torch.save({"state_dict": {f"module.{key}": value for key, value in trained.state_dict().items()}}, path)
    return path


def test_what_is_added_is_listed_and_can_be_started_from(roboreg: CommandLine, file: Path) -> None:
    assert [each["name"] for each in roboreg.answer("networks", "list")["networks"]] == ["dense"]
    added = roboreg.answer("networks", "add", file, "--name", "my net")
    assert (added["name"], added["origin"], added["images"]) == ("my net", "uploaded", 50)
    assert roboreg.answer("networks", "add", file)["name"] == "my net", "the same bytes are the same network"
    listed = roboreg.answer("networks", "list")["networks"]
    assert [each["name"] for each in listed] == ["dense", "my net"]
    assert listed[1] == added

    measured = roboreg.answer("evaluate", "MY NET")
    assert (measured["sha256"], measured["accuracy"]) == (added["sha256"], added["accuracy"])
    pruned = roboreg.answer("prune", "aggressive", "--from", added["sha256"][:8], "--calibration", "50")
    assert (pruned["from"], pruned["from_sha256"]) == ("my net", added["sha256"])
    run = roboreg.answer("run", "aggressive", "--from", "my net", "--epochs", "0", "--calibration", "50")
    assert (run["spec"]["dense"], run["spec"]["dense_sha256"]) == ("my net", added["sha256"])
    assert run["result"]["command"].endswith("--from 'my net'")
    assert "no network" not in roboreg.refusal("predict", "aggressive", "--from", "my net")


def test_a_name_follows_from_the_file(roboreg: CommandLine, file: Path, tmp_path: Path) -> None:
    assert roboreg.answer("networks", "add", file)["name"] == "public"
    other = tmp_path / "dense.safetensors"
    other.write_bytes(checkpoints.to_bytes(random_network(seed=3)))
    assert roboreg.answer("networks", "add", other)["name"] == "dense (2)"


def test_a_normalisation_is_requested(roboreg: CommandLine, file: Path) -> None:
    auto = roboreg.answer("networks", "add", file)
    half = roboreg.answer("networks", "add", file, "--name", "other", "--normalisation", "half")
    assert half["sha256"] != auto["sha256"]
    assert half["notes"][0].startswith("normalisation half as requested")
    found = roboreg.answer("evaluate", file, "--normalisation", "half")
    assert (found["sha256"], found["accuracy"]) == (half["sha256"], half["accuracy"])
    assert found["source"]["inputs"]["normalisation"] == "half"
    assert roboreg.answer("evaluate", file)["sha256"] == auto["sha256"]
    error = roboreg.refusal("prune", "moderate", "--from", "other", "--normalisation", "unit")
    assert "normalisation must be auto for other, which holds its own, got unit" in error
    assert "must be one of auto, imagenet" in roboreg.refusal(
        "run", "moderate", "--from", file, "--normalisation", "no"
    )


def test_a_pruned_network_is_a_network_to_start_from(roboreg: CommandLine, tmp_path: Path) -> None:
    half = tmp_path / "half.safetensors"
    roboreg.answer("prune", "moderate", "--calibration", "50", "--out", half)
    added = roboreg.answer("networks", "add", half)
    assert added["notes"] == ["a pruned network, which runs prune further: 8,8,8,16,16,16,32,32,32"]
    run = roboreg.answer("run", "quarter", "--from", "half", "--epochs", "0", "--calibration", "50")
    assert (run["spec"]["dense"], run["schedule"]) == ("half", [4, 4, 4, 8, 8, 8, 16, 16, 16])
    assert run["result"]["dense_cost"]["macs"] < 25_000_000
    for start in ("half", half):
        error = roboreg.refusal("run", "three-quarters", "--from", start, "--epochs", "0", "--calibration", "50")
        assert "filter count for block 1 must be 1..8, the filters of this network, got 12" in error


def test_rename_delete_restore(roboreg: CommandLine, file: Path) -> None:
    added = roboreg.answer("networks", "add", file)
    assert roboreg.answer("networks", "rename", "public", "mine")["name"] == "mine"
    assert "dense" in roboreg.refusal("networks", "rename", "mine", "dense")
    assert roboreg.answer("networks", "delete", "mine")["deleted"] is True
    assert [each["name"] for each in roboreg.answer("networks", "list")["networks"]] == ["dense"]
    assert [each["name"] for each in roboreg.answer("networks", "list", "--deleted")["networks"]] == ["mine"]
    error = roboreg.refusal("evaluate", "mine")
    assert error.count("\n") == 1
    assert "no network has the name or SHA-256 'mine': there are 'dense'" in error
    restored = roboreg.answer("networks", "restore", "mine")
    assert {**restored, "name": "public"} == added
    assert "mine" in roboreg("networks", "list")[0]
    assert "is the example network" in roboreg.refusal("networks", "delete", "dense")


def test_an_invalid_file_ends_with_a_one_line_error(roboreg: CommandLine, tmp_path: Path) -> None:
    def written(name: str, content: bytes) -> Path:
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    huge = tmp_path / "huge.pt"
    with huge.open("wb") as sparse:
        sparse.truncate(500 * 2**20)
    for file, reason in {
        tmp_path / "absent.pt": "cannot read",
        written("notes.txt", b"text"): "must be a safetensors file or a PyTorch state dict",
        written("empty.pt", b""): "got an empty one",
        written("code.pt", pickle.dumps(print)): "readable with weights_only=True",
        huge: "must be at most 64 MB, got 500 MB",
    }.items():
        out, error = roboreg("networks", "add", file, code=2)
        assert (out, error.count("\n")) == ("", 1), error
        assert reason in error
    assert "no deleted networks" in roboreg("networks", "list", "--deleted")[0]
