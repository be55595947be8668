import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from roboreg_core import paths
from roboreg_core.architecture import RESNET20
from roboreg_core.datasets.images import CLASSES, Images
from roboreg_core.errors import CheckpointError
from roboreg_core.evaluation import onnx_export
from roboreg_core.evaluation.logits import logits
from roboreg_core.evaluation.onnx_runtime import onnx_forward
from roboreg_core.models.checkpoints import to_bytes
from roboreg_core.models.costs import cost
from roboreg_core.models.resnet import ResNet
from roboreg_core.runs.results import onnx_for
from roboreg_core.runs.spec import KIND
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.store.store import Store
from tests.conftest import random_network
from tests.tolerance import assert_same_logits

Make = Callable[..., ResNet]
OUTSIDE = Path(__file__).parent / "outside.py"


@settings(max_examples=8)
@given(counts=st.tuples(*(st.integers(1, bound) for bound in RESNET20.bounds)), seed=st.integers(0, 99))
def test_every_schedule_gives_the_same_logits(few_images: Images, counts: tuple[int, ...], seed: int) -> None:
    network = random_network(Schedule(counts), seed)
    with torch.no_grad():
        network.linear.weight *= 0.1  # logits as large as a trained network's: the tolerance is absolute
    made = onnx_export.export_onnx(network, few_images)
    assert made.difference <= onnx_export.TOLERANCE
    assert made.images == len(few_images)


@pytest.mark.parametrize("n", [1, 2, 7])
def test_any_number_of_images_goes_in(network: ResNet, few_images: Images, n: int) -> None:
    content = onnx_export.onnx_bytes(network, CLASSES)
    found = onnx_forward(content)(few_images.pixels[:n].contiguous().numpy())
    assert found.shape == (n, 10)
    assert_same_logits(found, logits(network, few_images)[:n])


def test_the_file_is_as_small_as_the_pruned_network_and_says_what_it_is(network: ResNet) -> None:
    before = to_bytes(network)
    proto = onnx.load_from_string(onnx_export.onnx_bytes(network, CLASSES, run="<script>", test_accuracy=0.5))
    assert to_bytes(network) == before
    weights = [each for each in proto.graph.initializer if each.data_type == onnx.TensorProto.FLOAT]
    counted = cost(network.schedule)
    # Folded: a bias replaces scale and shift of each batch norm; normalisation adds six numbers.
    channels = sum(layer.outputs for layer in counted.layers if layer.name != "linear")
    assert sum(int(np.prod(each.dims)) for each in weights) == counted.parameters - channels + 6
    assert "BatchNormalization" not in {node.op_type for node in proto.graph.node}
    described = {each.key: each.value for each in proto.metadata_props}
    assert json.loads(described["classes"]) == list(CLASSES)
    assert json.loads(described["schedule"]) == network.schedule.to_json()
    assert json.loads(described["normalisation"])["mean"] == list(network.normalisation.mean)
    assert (described["run"], described["test_accuracy"]) == ("<script>", "0.5")


@pytest.mark.parametrize("wrong", [1e-3, float("nan")])
def test_a_file_that_computes_something_else_is_not_offered(
    network: ResNet, few_images: Images, monkeypatch: pytest.MonkeyPatch, wrong: float
) -> None:
    whole = onnx_export.onnx_model

    def broken(folded: ResNet, metadata: dict[str, str]) -> onnx.ModelProto:
        with torch.no_grad():
            folded.linear.bias += wrong
        return whole(folded, metadata)

    monkeypatch.setattr(onnx_export, "onnx_model", broken)
    with pytest.raises(CheckpointError, match=r"must be within 0\.0001 of the network's, got"):
        onnx_export.export_onnx(network, few_images)


def test_an_invalid_onnx_file_is_refused() -> None:
    with pytest.raises(CheckpointError, match="must load in onnxruntime"):
        onnx_forward(b"nothing")


@pytest.mark.slow
def test_the_file_alone_gives_the_recorded_accuracy(tmp_path: Path) -> None:
    store = Store(paths.home(), shipped=paths.recorded())
    record = next(each for each in store.list_records(KIND) if each.result["cost"]["parameters"] == 68_770)
    file = tmp_path / "network.onnx"
    file.write_bytes(onnx_for(record, store).content)
    # -I ignores this folder and PYTHONPATH, so roboreg_core cannot be imported.
    command = [sys.executable, "-I", str(OUTSIDE), str(file), str(paths.bundled_data())]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=True)
    found = json.loads(done.stdout)
    assert found["images"] == 10_000
    # A logit that is equal for two classes up to rounding may fall to either: one image at most.
    assert found["accuracy"] == pytest.approx(record.result["stages"]["tuned"]["accuracy"], abs=1e-4)
    assert found["metadata"]["run"] == record.id
