"""Networks on disk: safetensors with a JSON card beside them, and foreign PyTorch weights read safely.

A weights file carries its schedule and normalisation in its own header, so that it can be rebuilt without its card.
Nothing here ever runs code from a file: safetensors holds only numbers, and PyTorch files are read with
`weights_only=True`.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from roboreg_core import paths
from roboreg_core.errors import CheckpointError, SpecError
from roboreg_core.models.file_formats import MAX_BYTES, SUFFIX, SUFFIXES
from roboreg_core.models.foreign_weights import infer_schedule, to_our_names
from roboreg_core.models.resnet import IMAGENET, Normalisation, ResNet20
from roboreg_core.schedules.schedule import Schedule

CARD_FORMAT = 1
HEADER_KEY = "roboreg"


@dataclass(frozen=True, kw_only=True, eq=False)
class Checkpoint:
    """A network read from a file.

    Attributes:
        name: the file's stem, or what the caller named it.
        model: in eval mode, float32, on the CPU.
        content: the same network as the bytes of a safetensors file.
        card: the JSON beside the file; {} where there is none.
        notes: what a person should know, e.g. an assumed normalisation.
    """

    name: str
    model: ResNet20
    content: bytes
    card: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def mention(self) -> dict[str, str]:
        """Name and SHA-256, as the card of a network that it taught tells them."""
        return {"name": self.name, "sha256": self.sha256}

    @property
    def sha256(self) -> str:
        """Digest of `content`, the network's identity."""
        return hashlib.sha256(self.content).hexdigest()


def names() -> list[str]:
    """Names of the dense networks that ship with the project."""
    return sorted(path.stem for path in paths.checkpoints().glob(f"*{SUFFIX}"))


def load(where: str | Path) -> Checkpoint:
    """Read a network: a path, or the name of one in `checkpoints/` or its `others/`.

    Raises `CheckpointError` where there is none, it is damaged, differs from its card, or is no ResNet-20 (option A).
    """
    path = _find(where)
    content = _read(path)
    if path.suffix != SUFFIX:
        return from_foreign(content, path.stem)
    card = _read_card(path)
    if card and card.get("sha256") != hashlib.sha256(content).hexdigest():
        raise CheckpointError(f"{path} must have the SHA-256 of its card, got another; restore both files together")
    return from_bytes(content, path.stem, card)


def dense_from_bytes(content: bytes, sha256: str, name: str = "dense") -> Checkpoint:
    """The dense network in the bytes of a safetensors file, which must have this digest.

    Raises:
        SpecError: it has another.
    """
    found = from_bytes(content, name)
    if found.sha256 != sha256:
        raise SpecError(
            f"the dense network must have SHA-256 {sha256[:12]}, got {found.sha256[:12]}; hand that one over"
        )
    return found


def from_bytes(content: bytes, name: str = "network", card: dict[str, Any] | None = None) -> Checkpoint:
    """Rebuild a network from the bytes of a safetensors file."""
    try:
        state = safetensors.torch.load(content)
        header = _header(content)
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"{name} must be a safetensors file, got {_short(error)}; save or download it again"
        ) from None
    if header is None:
        return _built(to_our_names(state, name), IMAGENET, name, ("ImageNet normalisation assumed",))
    try:
        normalisation = Normalisation(**{key: tuple(value) for key, value in header["normalisation"].items()})
    except (KeyError, TypeError, AttributeError):
        raise CheckpointError(f"{name} must carry a normalisation in its header, got {header!r:.80}") from None
    model = _model(state, normalisation, name)
    return Checkpoint(name=name, model=model, content=content, card=card or {})


def from_foreign(content: bytes, name: str) -> Checkpoint:
    """Read a PyTorch state dict of the common option-A ResNet-20, with `weights_only=True`.

    It may lie inside `{"state_dict": ...}`, its keys may begin with `module.`, its head may be named `linear` or `fc`.
    """
    try:
        loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds on damaged or unsafe files
        raise CheckpointError(
            f"{name} must be a plain PyTorch state dict, readable with weights_only=True, got {_unreadable(error)}; "
            "save it with torch.save(model.state_dict(), file)"
        ) from None
    note = "ImageNet normalisation assumed, as in the common public option-A weights"
    return _built(to_our_names(loaded, name), IMAGENET, name, (note,))


def to_bytes(model: ResNet20) -> bytes:
    """The network as a safetensors file with schedule and normalisation in its header."""
    header = {
        "network": "ResNet-20 option A, CIFAR-10",
        "schedule": model.schedule.to_json(),
        "normalisation": asdict(model.normalisation),
    }
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    return safetensors.torch.save(state, metadata={HEADER_KEY: json.dumps(header)})


def make_card(model: ResNet20, content: bytes, **facts: Any) -> dict[str, Any]:
    """A card for `content`: what rebuilds and identifies it, and the caller's facts (recipe, data, accuracy...)."""
    return {
        "format": CARD_FORMAT,
        "network": "ResNet-20 option A, CIFAR-10",
        "schedule": model.schedule.to_json(),
        "normalisation": asdict(model.normalisation),
        "sha256": hashlib.sha256(content).hexdigest(),
        **facts,
    }


def save(path: Path, model: ResNet20, **facts: Any) -> Path:
    """Write `path` (.safetensors) and its card, each whole or not at all; returns the path of the weights."""
    path = path if path.suffix == SUFFIX else path.with_name(path.name + SUFFIX)
    content = to_bytes(model)
    card = make_card(model, content, **facts)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
        write_whole(card_path(path), (json.dumps(card, indent=1) + "\n").encode())
    except OSError as error:
        raise CheckpointError(f"{path} must be writable, got {error.strerror}; choose another file") from None
    return path


def card_path(path: Path) -> Path:
    """Where the card of a weights file lies."""
    return path.with_suffix(".json")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under a temporary name and rename it, so that it is never seen half written."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _built(state: dict[str, Tensor], normalisation: Normalisation, name: str, notes: tuple[str, ...]) -> Checkpoint:
    model = _model(state, normalisation, name)
    return Checkpoint(name=name, model=model, content=to_bytes(model), notes=notes)


def _model(state: dict[str, Tensor], normalisation: Normalisation, name: str) -> ResNet20:
    schedule: Schedule = infer_schedule(state, name)
    model = ResNet20(schedule, normalisation)
    wanted = model.state_dict()
    counters = {key: value for key, value in wanted.items() if key.endswith("num_batches_tracked")}
    for key, tensor in wanted.items():
        if key in counters:
            continue
        if key not in state:
            raise CheckpointError(f"{name} must hold {key} of shape {tuple(tensor.shape)}, found none")
        if state[key].shape != tensor.shape:
            raise CheckpointError(f"{name}: {key} must have shape {tuple(tensor.shape)}, got {tuple(state[key].shape)}")
        if not torch.isfinite(state[key]).all():
            raise CheckpointError(f"{name}: {key} must hold finite numbers, got NaN or infinity")
    unexpected = sorted(set(state) - set(wanted))
    if unexpected:
        raise CheckpointError(f"{name} must hold a ResNet-20 with option-A shortcuts only, got also {unexpected[0]}")
    model.load_state_dict({**counters, **state})
    return model.eval()


def _find(where: str | Path) -> Path:
    path = Path(where).expanduser()
    shipped = (folder / f"{where}{SUFFIX}" for folder in paths.networks())
    for candidate in (path, *shipped):
        if candidate.is_file():
            if candidate.suffix not in SUFFIXES:
                raise CheckpointError(f"a checkpoint must be one of {', '.join(SUFFIXES)}, got {candidate.name}")
            return candidate
    known = ", ".join(names()) or "none"
    raise CheckpointError(f"a checkpoint must be a file or a name in checkpoints/ ({known}), got {str(where)!r}")


def _read(path: Path) -> bytes:
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise CheckpointError(
            f"{path.name} must be at most {MAX_BYTES >> 20} MB, got {size >> 20} MB; it is no ResNet-20"
        )
    try:
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path} must be readable, got {error.strerror}") from None


def _read_card(path: Path) -> dict[str, Any]:
    try:
        card: dict[str, Any] = json.loads(card_path(path).read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{card_path(path)} must be a readable JSON card, got {_short(error)}") from None
    return card


def _header(content: bytes) -> dict[str, Any] | None:
    length = int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8 : 8 + length]).get("__metadata__", {})
    return json.loads(metadata[HEADER_KEY]) if HEADER_KEY in metadata else None


def _unreadable(error: Exception) -> str:
    """Why torch would not read a file. Its own words are long and advise to read it unsafely."""
    text = str(error)
    named = re.search(r"GLOBAL ([\w.]+)", text)
    if named is not None:
        return f"one that asks for code ({named[1]}), which is never run"
    if "PytorchStreamReader" in text or "negative seek" in text:
        return "a damaged or cut-off file"
    return "something else than tensors" if "Weights only load failed" in text else _short(error)


def _short(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:160]
