"""Every method on public and on our weights through the command line."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from roboreg_core.cli.verbs import app
from roboreg_core.datasets import sources
from roboreg_core.datasets.images import Images
from roboreg_core.models import checkpoints
from roboreg_core.models.costs import cost
from roboreg_core.pruning.methods import METHODS
from roboreg_core.schedules.schedule import Schedule

SCHEDULE = "moderate"
IMAGENET = ("--normalisation", "imagenet")


@pytest.fixture(autouse=True)
def small_sets(images: Images, few_images: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "training_images", lambda choice="auto": images)
    monkeypatch.setattr(sources, "validation_images", lambda choice="auto": few_images)
    monkeypatch.setattr(sources, "test_images", lambda choice="auto": images)


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our dense network in the format of public option-A ResNet-20 weights: `state_dict` wrapper, `module.` prefix."""
    state = checkpoints.load("dense").model.state_dict()
    named = {f"module.{name}": value for name, value in state.items() if "num_batches" not in name}
    path = tmp_path_factory.mktemp("public") / "resnet20-12fca82f.th"
    torch.save({"state_dict": named, "best_prec1": 91.73}, path)
    return path


def prune(*arguments: str | Path) -> dict[str, Any]:
    done = CliRunner().invoke(app, ["prune", SCHEDULE, "--calibration", "50", "--json", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_prunes_public_weights(method: str, public: Path) -> None:
    found = prune("--method", method, "--from", public, *IMAGENET)
    assert found["from"] == public.stem
    counted = cost(Schedule.parse(SCHEDULE))
    assert (found["parameters"], found["macs"]) == (counted.parameters, counted.macs)
    assert found["notes"][0].startswith("normalisation imagenet as requested")
    assert found["source"]["inputs"]["normalisation"] == "imagenet"
    assert 0 <= found["accuracy"] <= found["dense_accuracy"]


@pytest.mark.parametrize("method", ["refit", "merge"])
def test_the_same_weights_are_pruned_alike_under_both_names(method: str, public: Path) -> None:
    ours, theirs = (
        prune("--method", method, "--recalibrate", "--from", *start) for start in (("dense",), (public, *IMAGENET))
    )
    assert ours["accuracy"] == theirs["accuracy"]
    assert ours["blocks"] == theirs["blocks"]


def test_weight_pruning_of_public_weights(public: Path) -> None:
    found = prune("--method", "weights", "--sparsity", "0.9", "--from", public, *IMAGENET)
    assert found["nonzeros"] == pytest.approx(found["weights"] / 10, abs=1)
    dense = cost(Schedule.parse("dense"))
    assert (found["parameters"], found["macs"]) == (dense.parameters, dense.macs)
    sizes = found["file_bytes"]
    assert sizes["sparse"] < sizes["plain"] / 3
    assert sizes["dense"] < sizes["plain"]
    assert set(found["latency"]) == {"dense", "pruned"}
