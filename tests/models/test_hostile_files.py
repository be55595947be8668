"""Malformed weights files end every verb and the upload with one line; time and memory stay bounded."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from roboreg_core.datasets import sources
from roboreg_core.errors import CheckpointError
from roboreg_core.models import checkpoints
from roboreg_core.networks import uploaded_weights
from tests.command_line import CommandLine
from tests.models import hostile_files

# Torch and zipfile warn about what the generators make.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
# Each verb that reads a weights file.
VERBS: dict[str, Callable[[Path], tuple[str | Path, ...]]] = {
    "evaluate": lambda file: ("evaluate", file),
    "prune": lambda file: ("prune", "moderate", "--from", file),
    "run": lambda file: ("run", "moderate", "--from", file),
    "export": lambda file: ("export", file, "--onnx", file.parent / "made.onnx"),
    "train": lambda file: ("train", "--recipe", "distilled", "--teacher", file),
    "networks add": lambda file: ("networks", "add", file),
    "sweep": lambda file: ("sweep", "moderate", "--from", file),
    "sensitivity": lambda file: ("sensitivity", "--from", file),
    "predict": lambda file: ("predict", "moderate", "--from", file),
    "search": lambda file: ("search", "--max-macs", "0.5", "--from", file),
}
MEGABYTES, SECONDS = 300, 10
ERRORS: dict[tuple[str, str], CheckpointError] = {}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All malformed files."""
    made = tmp_path_factory.mktemp("hostile")
    for name, make in hostile_files.weights().items():
        (made / name.replace("/", "|")).write_bytes(make())
    return made


@pytest.fixture
def shared_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give later verbs the error that an earlier one got for the same file: the gate depends on the file alone."""
    read = checkpoints.from_bytes

    def from_bytes(content: bytes, name: str = "network", card: Any = None) -> Any:
        key = (hashlib.sha256(content).hexdigest(), name)
        if key not in ERRORS:
            try:
                read(content, name, card)
            except CheckpointError as error:
                ERRORS[key] = error
        raise ERRORS[key].with_traceback(None)

    monkeypatch.setattr(checkpoints, "from_bytes", from_bytes)


@pytest.fixture(autouse=True)
def no_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where images are loaded before the file is refused."""
    for name in ("test_images", "training_images", "validation_images"):
        monkeypatch.setattr(sources, name, lambda *_, name=name: pytest.fail(f"loaded {name}"))


def test_there_are_enough_files_of_each_kind(folder: Path) -> None:
    assert len(list(folder.iterdir())) >= 126


@pytest.mark.usefixtures("shared_gate")
@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_refuses_every_file_with_one_line(roboreg: CommandLine, folder: Path, verb: str) -> None:
    wrong = []
    for file in sorted(folder.iterdir()):
        out, error = roboreg(*VERBS[verb](file), code=2)
        if (
            out
            or error.count("\n") != 1
            or not error.startswith("error: ")
            or "must" not in error
            or len(error) > 1_100
        ):
            wrong.append((file.name, out, error))
    assert not wrong
    assert not list(folder.glob("made.onnx"))


def test_the_upload_refuses_every_file_with_one_line(folder: Path) -> None:
    wrong = []
    for file in sorted(folder.iterdir()):
        try:
            loaded: object = uploaded_weights.read(file.read_bytes(), file.name)
        except CheckpointError as refused:
            loaded = "" if "must" in str(refused) else refused
        except Exception as error:
            loaded = repr(error)
        if loaded:
            wrong.append((file.name, repr(loaded)[:200]))
    assert not wrong


@pytest.mark.parametrize("verb", ["evaluate", "export"])
@pytest.mark.parametrize("card", hostile_files.cards())
def test_a_malformed_card_is_refused(roboreg: CommandLine, tmp_path: Path, card: str, verb: str) -> None:
    file, content = tmp_path / "net.safetensors", hostile_files.whole("ours")
    file.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest().encode()
    file.with_suffix(".json").write_bytes(hostile_files.cards()[card].replace(b"SHA", digest))
    error = roboreg.refusal(*VERBS[verb](file))
    assert error.count("\n") == 1
    assert "card" in error


def special_files(folder: Path) -> Iterator[Path]:
    (folder / "folder.pt").mkdir()
    yield folder / "folder.pt"
    os.mkfifo(folder / "pipe.pt")
    yield folder / "pipe.pt"
    yield Path("/dev/zero")
    for name, target in {"zero.pt": "/dev/zero", "loop.pt": "loop.pt", "dangling.pt": "nowhere", "dir.pt": "/"}.items():
        (folder / name).symlink_to(target)
        yield folder / name
    yield folder / "absent.pt"
    yield folder / ("x" * 5_000 + ".pt")
    yield Path("~nobody-of-this-name/net.pt")
    with (folder / "huge.pt").open("wb") as file:
        file.truncate(500 * 2**20)
    yield folder / "huge.pt"


@pytest.mark.parametrize("verb", VERBS)
def test_what_is_no_regular_file_is_refused(roboreg: CommandLine, tmp_path: Path, verb: str) -> None:
    for file in special_files(tmp_path):
        error = roboreg.refusal(*VERBS[verb](file))
        assert error.count("\n") == 1, file


def test_a_link_to_a_valid_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "net.safetensors").write_bytes(hostile_files.whole("ours"))
    (tmp_path / "link.safetensors").symlink_to("net.safetensors")
    assert checkpoints.load(tmp_path / "link.safetensors").content == hostile_files.whole("ours")


@pytest.mark.parametrize("form", ["safe", "zip", "legacy"])
def test_valid_files_of_each_format_are_read(tmp_path: Path, form: str) -> None:
    content = hostile_files.whole(form)
    loaded = checkpoints.from_bytes(content)
    for name in ("net.pt", "net.safetensors", "net.exe", "net"):
        assert uploaded_weights.read(content, name).sha256 == loaded.sha256


LARGEST = (
    "deflated to 400 MB.pt",
    "600,000 entries.pt",
    "bytearray of 2.6 GB.pt",
    "copied dictionaries.pt",
    "encoded texts.pt",
    "many blocks with long names.pt",
    "sparse with a view of 2**40 indices.pt",
    "15 million elements.safetensors",
    "header of 60 MB.safetensors",
)
# Reads a file; prints megabytes above the start and CPU seconds.
MEASURE = """
import resource, sys, time
from roboreg_core.errors import CheckpointError
from roboreg_core.models import checkpoints
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
checkpoints.load("dense")
start, began = peak(), time.process_time()
try:
    checkpoints.load(sys.argv[1])
except CheckpointError:
    print(peak() - start, time.process_time() - began)
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGEST)
def test_memory_and_time_stay_bounded(folder: Path, name: str) -> None:
    command = [sys.executable, "-c", MEASURE, str(folder / name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    megabytes, seconds = map(float, done.stdout.split())
    assert megabytes <= MEGABYTES
    assert seconds <= SECONDS
