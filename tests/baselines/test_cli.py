"""The verbs about networks, in this process: a handful of images stands for every set."""

from __future__ import annotations

import json
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from roboreg_core.cli import main
from roboreg_core.model import checkpoints
from roboreg_core.model.resnet import ResNet20
from roboreg_core.schedule import PRESETS
from tests.conftest import random_network

Roboreg = Callable[..., tuple[int, str, str]]
Answer = Callable[..., dict[str, Any]]


@pytest.fixture
def roboreg(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Roboreg:
    """`roboreg("networks", "list")`: exit code, standard output, standard error."""

    def called(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["roboreg", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, error = capsys.readouterr()
        return int(ended.value.code or 0), out, error

    return called


@pytest.fixture
def answer(roboreg: Roboreg) -> Answer:
    def asked(*arguments: str | Path) -> dict[str, Any]:
        code, out, error = roboreg(*arguments, "--json")
        assert code == 0, error
        return dict(json.loads(out))

    return asked


@pytest.fixture
def file(dense: ResNet20, tmp_path: Path) -> Path:
    path = tmp_path / "public.th"
    torch.save({"state_dict": {f"module.{key}": value for key, value in dense.state_dict().items()}}, path)
    return path


def test_what_is_added_is_listed_and_can_be_started_from(answer: Answer, roboreg: Roboreg, file: Path) -> None:
    assert [each["name"] for each in answer("networks", "list")["networks"]] == ["dense"]
    added = answer("networks", "add", file, "--name", "my net")
    assert (added["name"], added["origin"], added["images"]) == ("my net", "uploaded", 50)
    assert answer("networks", "add", file)["name"] == "my net", "the same bytes are the same network"
    listed = answer("networks", "list")["networks"]
    assert [each["name"] for each in listed] == ["dense", "my net"]
    assert listed[1] == added

    measured = answer("evaluate", "MY NET")
    assert (measured["sha256"], measured["accuracy"]) == (added["sha256"], added["accuracy"])
    pruned = answer("prune", "aggressive", "--from", added["sha256"][:8], "--calibration", "50")
    assert (pruned["from"], pruned["from_sha256"]) == ("my net", added["sha256"])
    run = answer("run", "aggressive", "--from", "my net", "--epochs", "0", "--calibration", "50")
    assert (run["spec"]["dense"], run["spec"]["dense_sha256"]) == ("my net", added["sha256"])
    assert run["result"]["command"].endswith("--from 'my net'")
    predicted = roboreg("predict", "aggressive", "--from", "my net")
    assert "no network" not in predicted[2]


def test_a_name_follows_from_the_file(answer: Answer, file: Path, tmp_path: Path) -> None:
    assert answer("networks", "add", file)["name"] == "public"
    other = tmp_path / "dense.safetensors"
    other.write_bytes(checkpoints.to_bytes(random_network(seed=3)))
    assert answer("networks", "add", other)["name"] == "dense (2)"


def test_rename_delete_restore(answer: Answer, roboreg: Roboreg, file: Path) -> None:
    added = answer("networks", "add", file)
    assert answer("networks", "rename", "public", "mine")["name"] == "mine"
    assert roboreg("networks", "rename", "mine", "dense")[0] == 2
    assert answer("networks", "delete", "mine")["deleted"] is True
    assert [each["name"] for each in answer("networks", "list")["networks"]] == ["dense"]
    assert [each["name"] for each in answer("networks", "list", "--deleted")["networks"]] == ["mine"]
    code, _, error = roboreg("evaluate", "mine")
    assert (code, error.count("\n")) == (2, 1)
    assert "no network has the name or SHA-256 'mine': there are 'dense'" in error
    restored = answer("networks", "restore", "mine")
    assert {**restored, "name": "public"} == added
    assert "mine" in roboreg("networks", "list")[1]
    code, _, error = roboreg("networks", "delete", "dense")
    assert (code, "ships with the project" in error) == (2, True)


def test_what_is_no_network_ends_with_one_line(roboreg: Roboreg, tmp_path: Path) -> None:
    def written(name: str, content: bytes) -> Path:
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    huge = tmp_path / "huge.pt"
    with huge.open("wb") as sparse:
        sparse.truncate(500 * 2**20)
    pruned = checkpoints.to_bytes(random_network(PRESETS["quarter"]))
    for file, reason in {
        tmp_path / "absent.pt": "cannot read",
        written("notes.txt", b"text"): "must end in .safetensors, .th, .pt, .pth",
        written("empty.pt", b""): "got an empty one",
        written("code.pt", pickle.dumps(print)): "readable with weights_only=True",
        written("pruned.safetensors", pruned): "must hold a dense network, got one pruned to 4,4,4",
        huge: "must be at most 64 MB, got 500 MB",
    }.items():
        code, out, error = roboreg("networks", "add", file)
        assert (code, out, error.count("\n")) == (2, "", 1), error
        assert reason in error
    assert "no deleted networks" in roboreg("networks", "list", "--deleted")[1]
