import json
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import torch

from roboreg_core.cli import main
from roboreg_core.datasets import sources
from roboreg_core.paths import PROJECT
from roboreg_core.schedules.schedule import presets
from tests.command_line import CommandLine

TABLE = {
    "dense": (269_722, 40_551_040),
    "minimal": (264_088, 39_058_048),
    "three-quarters": (202_738, 30_524_032),
    "moderate": (135_754, 20_497_024),
    "quarter": (68_770, 10_470_016),
    "aggressive": (13_054, 3_428_992),
}


@pytest.fixture
def fewer_test_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use only the first 2,000 test images, for speed."""
    some = sources.test_images().take(torch.arange(2_000), "2,000 test images")
    monkeypatch.setattr(sources, "test_images", lambda choice="auto": some)


def test_the_command_runs_and_ends_as_a_process_of_its_own() -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "roboreg_core", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)

    done = run("cost", "moderate", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["parameters"] == TABLE["moderate"][0]
    refused = run("prune", "0,8,8,16,16,16,32,32,32")
    assert refused.returncode == 2
    assert "block 1 must be 1..16, got 0" in refused.stderr
    assert refused.stdout == ""


def test_the_console_command_runs_the_same_function() -> None:
    scripts = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["scripts"]
    command = EntryPoint(name="roboreg", value=scripts["roboreg"], group="console_scripts")
    assert command.load() is main


@pytest.mark.parametrize("name", TABLE)
def test_cost_of_the_presets(roboreg: CommandLine, name: str) -> None:
    by_name, by_counts = roboreg.answer("cost", name), roboreg.answer("cost", str(presets()[name]))
    assert by_name == by_counts
    assert (by_name["parameters"], by_name["macs"]) == TABLE[name]


@pytest.mark.parametrize(
    ("schedule", "reason"),
    [
        ("0,8,8,16,16,16,32,32,32", "block 1 must be 1..16, got 0"),
        ("8,8,8", "got 3: block 4 has none"),
        ("8,8,8,16,16,16,32,32,65", "block 9 must be 1..64, got 65"),
        ("a,b", "block 1 must be an integer 1..16, got 'a'"),
        ("-1,8,8,16,16,16,32,32,32", "block 1 must be 1..16, got -1"),
    ],
)
def test_bad_schedules_end_with_one_line(roboreg: CommandLine, schedule: str, reason: str) -> None:
    out, error = roboreg("cost", schedule, code=2)
    assert reason in error
    assert error.count("\n") == 1
    assert out == ""


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("evaluate", "nothing"), "no network has the name or SHA-256 'nothing': there are 'dense'"),
        (("prune", "moderate", "--method", "magic"), "method must be one of refit, refit-plus, merge, source"),
        (("run", "moderate", "--epochs", "-1"), "epochs must be a whole number"),
        (("run", "moderate", "--images", "some"), "training images must be one of"),
        (("run", "moderate", "--images", "full"), "data fetch"),
        (("run", "moderate", "--device", "tpu9"), "device must be"),
        (("train", "--recipe", "magic"), "recipe must be one of best, distilled, source"),
        (("train", "--teacher", "dense"), "a teacher must be left out for recipe best, got dense"),
        (("train", "--recipe", "distilled", "--teacher", "nowhere"), "nowhere"),
        (("train", "--seeds", "0,a"), "seeds must be comma-separated integers, got '0,a'"),
        (("runs", "show", "ffff"), "ffff"),
    ],
)
def test_bad_input_ends_with_code_two_and_a_reason(
    roboreg: CommandLine, arguments: tuple[str, ...], reason: str
) -> None:
    assert reason in roboreg.refusal(*arguments)


def test_the_shipped_images_verify(roboreg: CommandLine) -> None:
    assert roboreg.answer("data", "verify") == {"ok": True, "problems": []}
    assert roboreg.answer("data", "status")["training_images"] == 10_000


@pytest.mark.slow
def test_the_shipped_dense_network_equals_its_card(roboreg: CommandLine) -> None:
    found = roboreg.answer("evaluate", "dense")
    assert found["images"] == 10_000
    assert found["accuracy"] == pytest.approx(found["card_accuracy"], abs=1e-4)
    assert sum(map(sum, found["confusion"])) == 10_000


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--keep", "centroid"), "keep centroid needs clusters"),
        (("--method", "merge", "--repair", "glue"), "repair must be one of"),
        (("--sparsity", "0.5"), "are for --method weights"),
        (("--method", "weights", "--keep", "l1"), "takes no keep"),
        (("--method", "weights", "--sparsity", "2"), "sparsity must be in [0, 1)"),
        (("--calibration", "0"), "calibration images must be 1..10000"),
        (("--preset", "slow"), "fine-tuning preset must be one of quick"),
    ],
)
def test_parts_of_a_method_that_do_not_fit_are_refused(
    roboreg: CommandLine, arguments: tuple[str, ...], reason: str
) -> None:
    assert reason in roboreg.refusal("prune", "moderate", *arguments)


def test_methods_lists_every_method_and_part_with_its_meaning(roboreg: CommandLine) -> None:
    found = roboreg.answer("methods")
    names = [method["name"] for method in found["methods"]]
    assert names == ["refit", "refit-plus", "merge", "source", "l1", "fpgm", "bn-scale", "random", "weights"]
    assert found["default"] == "refit"
    assert set(found["parts"]) == {"features", "clusters", "keep", "repair"}
    assert all(method["meaning"] for method in found["methods"])


def test_prune_and_run_take_the_same_options(roboreg: CommandLine) -> None:
    texts = {verb: roboreg(verb, "--help")[0] for verb in ("prune", "run")}
    parts = ("method", "features", "clusters", "keep", "repair", "recalibrate", "calibration", "sparsity", "threshold")
    options = {f"--{name}" for name in (*parts, "preset", "distil", "from", "seed", "images", "device")}
    for text in texts.values():
        assert options <= set(text.split())


@pytest.mark.slow
@pytest.mark.usefixtures("fewer_test_images")
def test_refit_loses_little_without_a_gradient_step(roboreg: CommandLine) -> None:
    found = roboreg.answer("prune", "moderate")
    assert found["method"]["method"] == "refit"
    assert (found["parameters"], found["macs"]) == TABLE["moderate"]
    assert found["accuracy"] > found["dense_accuracy"] - 0.08


@pytest.mark.slow
@pytest.mark.usefixtures("fewer_test_images")
def test_single_weights_leave_the_network_as_large_as_it_was(roboreg: CommandLine) -> None:
    found = roboreg.answer("prune", "moderate", "--method", "weights")
    assert (found["parameters"], found["macs"]) == TABLE["dense"]
    assert found["nonzeros"] == pytest.approx(found["weights"] / 2, rel=0.02)
    assert found["file_bytes"]["sparse"] > 0


@pytest.mark.slow
@pytest.mark.usefixtures("fewer_test_images")
def test_merging_beats_the_sources_arithmetic_and_saves_what_it_measured(roboreg: CommandLine, tmp_path: Path) -> None:
    out = tmp_path / "half.safetensors"
    ours = roboreg.answer("prune", "moderate", "--method", "merge", "--recalibrate", "--out", out)
    source = roboreg.answer("prune", "moderate", "--method", "source")
    assert (ours["parameters"], ours["macs"]) == TABLE["moderate"]
    assert ours["accuracy"] > source["accuracy"]
    assert roboreg.answer("evaluate", out)["accuracy"] == ours["accuracy"]


def test_runs_list_shows_the_recorded_runs(roboreg: CommandLine) -> None:
    listed = roboreg.answer("runs", "list")["runs"]
    assert len(listed) == 6
    assert all(run["recorded"] for run in listed)
    shown = roboreg.answer("runs", "show", listed[0]["run"][:8])
    assert shown["accuracy"] == listed[0]["accuracy"]


@pytest.mark.slow
def test_a_run_is_exported_and_reported(roboreg: CommandLine, tmp_path: Path) -> None:
    run = roboreg.answer("runs", "list")["runs"][0]["run"]
    found = roboreg.answer("export", run[:8], "--onnx", tmp_path / "network.onnx")
    assert found["largest_difference"] <= 1e-4
    assert found["bytes"] == (tmp_path / "network.onnx").stat().st_size
    found = roboreg.answer("report", run[:8], "--out", tmp_path / "report.html")
    assert found["runs"] == [run]
    assert run in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("export", "nothing", "--onnx", "x.onnx"), "or a checkpoint (dense)"),
        (("report", "nothing", "--out", "x.html"), "no run begins with 'nothing'"),
    ],
)
def test_what_is_not_there_is_neither_exported_nor_reported(
    roboreg: CommandLine, arguments: tuple[str, ...], reason: str
) -> None:
    assert reason in roboreg.refusal(*arguments)
