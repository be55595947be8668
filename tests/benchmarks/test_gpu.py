from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from typer import Typer
from typer.testing import CliRunner

from benchmarks import gpu
from roboreg_core.models.resnet import ResNet
from roboreg_core.schedules.schedule import presets

app = Typer()
app.command()(gpu.main)


def test_it_measures_everything_on_a_cpu(tmp_path: Path) -> None:
    out = tmp_path / "gpu.json"
    done = CliRunner().invoke(app, ["--device", "cpu", "--quick", "--json", str(out)])
    assert done.exit_code == 0, done.output
    assert "quick: a test of this script, no result" in done.output
    written = json.loads(out.read_text())
    assert written["quick"] is True
    assert written["device"] == "CPU"
    figures = written["figures"]
    assert all(value > 0 for value in figures.values())
    for part in (
        "copy within",
        "matrix product, FLOP/s",
        "best, images/s",
        "source, images/s",
        "one by one",
        "seconds",
    ):
        assert any(part in name for name in figures), part
    assert sum("evaluation" in name for name in figures) == 2


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_missing_cuda_device_is_an_error() -> None:
    done = CliRunner().invoke(app, [])
    assert done.exit_code == 2
    assert "found no CUDA device" in done.output


def test_a_cpu_is_measured_only_with_quick() -> None:
    done = CliRunner().invoke(app, ["--device", "cpu"])
    assert done.exit_code == 2
    assert "needs --quick" in done.output


def test_bytes_follow_from_the_outputs_of_the_convolutions() -> None:
    model, written = ResNet(presets()["moderate"]).eval(), []
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(lambda _, inputs, out: written.append(out.numel()))
    with torch.inference_mode():
        model(torch.zeros(1, 3, 32, 32))
    assert gpu.bytes_per_image(presets()["moderate"]) == gpu.PASSES * 2 * sum(written)
