"""Data sets on the command line: scikit-learn's digits from a folder or ZIP to a pruned network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from roboreg_core.datasets import library
from roboreg_core.datasets.dataset import Dataset
from roboreg_core.models import checkpoints
from tests.command_line import CommandLine
from tests.datasets.made_images import classes, encoded, png, write, zipped

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="session")
def digits() -> dict[str, bytes]:
    """PNGs of scikit-learn's digits, `<class>/<number>.png`."""
    found = load_digits()
    pixels = (found.images * (255 / 16)).astype(np.uint8)
    pictures = zip(found.target, pixels, strict=True)
    return {f"{label}/{number:04}.png": encoded(Image.fromarray(each)) for number, (label, each) in enumerate(pictures)}


@pytest.mark.slow
def test_digits_from_a_zip_to_a_fine_tuned_run(roboreg: CommandLine, digits: dict[str, bytes], tmp_path: Path) -> None:
    added = roboreg.answer("data", "add", zipped(tmp_path / "digits.zip", digits), "--size", "16")
    assert (added["name"], added["classes"]) == ("digits", [str(label) for label in range(10)])
    assert (added["training"], added["validation"], added["test"]) == (1_259, 179, 359)
    folder = write(tmp_path / "folder", digits)
    assert "are the data set 'digits' already" in roboreg.refusal("data", "add", folder, "--size", "16")
    dense = tmp_path / "dense.safetensors"
    trained = roboreg.answer("train", "--data", "digits", "--epochs", "16", "--batch-size", "64", "--out", dense)
    assert trained["images"] == 359
    assert trained["accuracy"] > 0.95
    card = checkpoints.load(dense).card
    assert card["training_set"] == added["id"]
    assert f"--data {added['id']}" in card["reproduce"]
    assert card["normalisation"] == {"mean": added["mean"], "std": added["std"]}

    measured = roboreg.answer("evaluate", dense)
    assert measured["accuracy"] == trained["accuracy"]
    assert [row["name"] for row in measured["per_class"]] == added["classes"]
    assert roboreg.answer("evaluate", dense, "--data", added["id"])["accuracy"] == trained["accuracy"]
    stored = roboreg.answer("networks", "add", dense, "--name", "mine")
    assert (stored["accuracy"], stored["training_set"]) == (trained["accuracy"], added["id"])
    run = roboreg.answer("run", "moderate", "--from", "mine", "--preset", "quick")
    assert run["spec"]["training_set"] == added["id"]
    assert run["result"]["stages"]["tuned"]["accuracy"] > 0.95
    assert run["result"]["images"]["test"] == f"359 test images ({added['id']})"
    shown = roboreg.answer("runs", "show", run["run"])
    assert shown["classes"] == added["classes"]
    assert roboreg.answer("data", "show", "digits")["used_by"] == {"network": 1, "run": 1}
    report = tmp_path / "report.html"
    roboreg("report", run["run"], "--out", report)
    assert "digits" in report.read_text()
    onnx = roboreg.answer("export", run["run"], "--onnx", tmp_path / "run.onnx")
    assert onnx["largest_difference"] < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize(("n_classes", "per_class"), [(2, 30), (100, 6)])
def test_any_number_of_classes_is_trained_and_pruned(
    roboreg: CommandLine, tmp_path: Path, n_classes: int, per_class: int
) -> None:
    files = {name.replace("class 0/", f"{HOSTILE}/"): each for name, each in classes(n_classes, per_class).items()}
    roboreg("data", "add", write(tmp_path / "made", files), "--size", "16")
    dense = tmp_path / "dense.safetensors"
    trained = roboreg.answer("train", "--data", "made", "--epochs", "1", "--batch-size", "32", "--out", dense)
    assert len(trained["per_class"]) == n_classes
    assert 0 <= trained["accuracy"] <= 1
    pruned = roboreg.answer("prune", "moderate", "--from", dense, "--calibration", "50", "--out", tmp_path / "pruned")
    assert pruned["training_set"] == library.find_dataset("made").id
    run = roboreg.answer("run", "quarter", "--from", dense, "--epochs", "0", "--calibration", "50")
    shown = roboreg.answer("runs", "show", run["run"])
    assert len(shown["classes"]) == len(shown["paired"]["pruned"]["per_class"]) == n_classes
    swept = roboreg.answer("sweep", "moderate", "dense", "--from", dense, "--calibration", "50")
    assert all(len(point["validation"]["images"]) == n_classes for point in swept["points"])
    roboreg("report", run["run"], "--out", tmp_path / "report.html")
    assert HOSTILE not in (tmp_path / "report.html").read_text()


def add(roboreg: CommandLine, tmp_path: Path, name: str = "made", first: int = 0) -> Dataset:
    folder = write(tmp_path / name, classes(2, 30, first=first))
    return library.find_dataset(roboreg.answer("data", "add", folder, "--size", "16")["id"])


def test_list_rename_delete_restore(roboreg: CommandLine, tmp_path: Path) -> None:
    dataset = add(roboreg, tmp_path)
    assert [each["name"] for each in roboreg.answer("data", "list")["datasets"]] == ["CIFAR-10", "made"]
    assert roboreg.answer("data", "rename", "made", "defects")["name"] == "defects"
    deleted = roboreg.answer("data", "delete", "defects")
    assert (deleted["deleted"], deleted["used_by"]) == (True, {})
    assert [each["id"] for each in roboreg.answer("data", "list", "--deleted")["datasets"]] == [dataset.id]
    assert roboreg.answer("data", "restore", "defects")["id"] == dataset.id
    assert roboreg.answer("data", "show", "defects")["used_by"] == {}
    assert roboreg.answer("data", "verify")["ok"] is True


def test_the_report_is_printed_before_the_data_set(roboreg: CommandLine, tmp_path: Path) -> None:
    folder = write(tmp_path / "made", {**classes(2, 30), "class 0/bad.jpg": b"bad", "rare/1.png": png(5_000)})
    out, error = roboreg("data", "add", folder, "--size", "16")
    assert "class 0/bad.jpg" in error
    assert "rare" in error
    assert out.startswith("added: made")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (("data", "add", "absent"), "must be in a folder or a ZIP"),
        (("data", "add", ".", "--size", "17"), "multiple of 4"),
        (("data", "add", ".", "--name", "cifar10"), "other images"),
        (("data", "show", "nothing"), "no data set"),
        (("data", "delete", "cifar10"), "cannot be renamed or deleted"),
        (("data", "restore", "nothing"), "no deleted data set"),
        (("data", "fetch", "nothing"), "no data set"),
        (("evaluate", "dense", "--data", "nothing"), "no data set"),
        (("evaluate", "dense", "--data", "cifar100"), "cifar-100-python"),
        (("run", "moderate", "--data", "cifar100"), "cifar-100-python"),
        (("train", "--data", "nothing"), "no data set"),
    ],
)
def test_bad_lines(
    roboreg: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: tuple[str, ...], reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    error = roboreg.refusal(*line)
    assert reason in error
    assert error.count("\n") == 1


def test_a_data_set_and_a_part_of_cifar10(roboreg: CommandLine, tmp_path: Path) -> None:
    add(roboreg, tmp_path)
    assert "--images must be left out" in roboreg.refusal("run", "moderate", "--data", "made", "--images", "bundled")


def test_a_network_of_other_classes_is_refused(roboreg: CommandLine, tmp_path: Path) -> None:
    add(roboreg, tmp_path)
    assert "data set that it was trained on" in roboreg.refusal("evaluate", "dense", "--data", "made")
    refused = roboreg.refusal("train", "--data", "made", "--recipe", "distilled", "--out", tmp_path / "a.safetensors")
    assert "teacher" in refused
