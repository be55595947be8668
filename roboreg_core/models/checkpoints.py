"""Checkpoints: safetensors files with a JSON card, and PyTorch weights of other projects.

The header of a safetensors file holds schedule and normalisation, so the network can be rebuilt without the card. No
code from a file is ever run: PyTorch files are read with `weights_only=True`.
"""

import hashlib
import io
import json
import re
from dataclasses import asdict, dataclass, field
from functools import cached_property
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
from roboreg_core.models.resnet import IMAGENET, NAME, Normalisation, ResNet20
from roboreg_core.schedules.schedule import Schedule

CARD_FORMAT = 1
HEADER_KEY = "roboreg"


@dataclass(frozen=True, kw_only=True, eq=False)
class Checkpoint:
    """A network read from a file.

    Attributes:
        name: stem of the file name, or the caller's name for it.
        model: the network in eval mode, float32, on the CPU.
        content: the network as bytes of a safetensors file.
        card: JSON object beside the file, or {}.
        notes: assumptions, in words, e.g. about the normalisation.
    """

    name: str
    model: ResNet20
    content: bytes
    card: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def mention(self) -> dict[str, str]:
        """Name and SHA-256, to be written in the card of a network distilled from this one."""
        return {"name": self.name, "sha256": self.sha256}

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of `content`, the network's identity."""
        return hashlib.sha256(self.content).hexdigest()


def names() -> list[str]:
    """Names of the example dense networks."""
    return sorted(path.stem for path in paths.checkpoints().glob(f"*{SUFFIX}"))


def load(where: str | Path) -> Checkpoint:
    """Read a network from a path, or by name from `checkpoints/` or `checkpoints/others/`.

    Raises `CheckpointError`: it is missing, damaged, differs from its card, or is not an option-A ResNet-20.
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
    """Dense network from bytes of a safetensors file. Raises `SpecError`: its SHA-256 is not `sha256`."""
    found = from_bytes(content, name)
    if found.sha256 != sha256:
        raise SpecError(f"the dense network must have SHA-256 {sha256[:12]}, got {found.sha256[:12]}; provide that one")
    return found


def from_bytes(content: bytes, name: str = "network", card: dict[str, Any] | None = None) -> Checkpoint:
    """Network from bytes of a safetensors file. Raises `CheckpointError`: it is damaged or not a ResNet-20."""
    try:
        state = safetensors.torch.load(content)
        header = _header(content)
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"{name} must be a safetensors file, got {_short(error)}; save or download it again"
        ) from None
    if header is None:
        return _checkpoint(to_our_names(state, name), IMAGENET, name, ("ImageNet normalisation assumed",))
    try:
        normalisation = Normalisation(**{key: tuple(value) for key, value in header["normalisation"].items()})
    except (KeyError, TypeError, AttributeError):
        raise CheckpointError(f"{name} must contain a normalisation in its header, got {header!r:.80}") from None
    model = _model(state, normalisation, name)
    return Checkpoint(name=name, model=model, content=content, card=card or {})


def from_foreign(content: bytes, name: str) -> Checkpoint:
    """Network from bytes of a PyTorch file with a state dict of another project, read without running its code.

    Raises `CheckpointError`: it is damaged, contains more than tensors, or is not an option-A ResNet-20.
    """
    try:
        loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises various errors for damaged or unsafe files
        raise CheckpointError(
            f"{name} must be a plain PyTorch state dict, readable with weights_only=True, got {_unreadable(error)}; "
            "save it with torch.save(model.state_dict(), file)"
        ) from None
    note = "ImageNet normalisation assumed, as in the common public option-A weights"
    return _checkpoint(to_our_names(loaded, name), IMAGENET, name, (note,))


def to_bytes(model: ResNet20) -> bytes:
    """Bytes of a safetensors file with the network's weights; schedule and normalisation are in its header."""
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    return safetensors.torch.save(state, metadata={HEADER_KEY: json.dumps(_describe(model))})


def make_card(model: ResNet20, content: bytes, **facts: Any) -> dict[str, Any]:
    """Card (description, a JSON object) of a network with the bytes `content`; `facts` are added."""
    return {
        "format": CARD_FORMAT,
        **_describe(model),
        "sha256": hashlib.sha256(content).hexdigest(),
        **facts,
    }


def save(path: Path, model: ResNet20, **facts: Any) -> Path:
    """Write a .safetensors file and its card, each atomically; return the path of the weights.

    `facts` are added to the card. Raises `CheckpointError`: a file cannot be written.
    """
    path = path if path.suffix == SUFFIX else path.with_name(path.name + SUFFIX)
    content = to_bytes(model)
    card = make_card(model, content, **facts)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        paths.write_atomically(path, content)
        paths.write_atomically(card_path(path), (json.dumps(card, indent=1) + "\n").encode())
    except OSError as error:
        raise CheckpointError(f"{path} must be writable, got {error.strerror}; choose another file") from None
    return path


def card_path(path: Path) -> Path:
    """Path of a weights file's card, the JSON file that describes it."""
    return path.with_suffix(".json")


def _describe(model: ResNet20) -> dict[str, Any]:
    return {
        "network": NAME,
        "schedule": model.schedule.to_json(),
        "normalisation": asdict(model.normalisation),
    }


def _checkpoint(
    state: dict[str, Tensor], normalisation: Normalisation, name: str, notes: tuple[str, ...]
) -> Checkpoint:
    model = _model(state, normalisation, name)
    return Checkpoint(name=name, model=model, content=to_bytes(model), notes=notes)


def _model(state: dict[str, Tensor], normalisation: Normalisation, name: str) -> ResNet20:
    schedule: Schedule = infer_schedule(state, name)
    model = ResNet20(schedule, normalisation)
    expected = model.state_dict()
    counters = {key: value for key, value in expected.items() if key.endswith("num_batches_tracked")}
    for key, tensor in expected.items():
        if key in counters:
            continue
        if key not in state:
            raise CheckpointError(f"{name} must hold {key} of shape {tuple(tensor.shape)}, found none")
        if state[key].shape != tensor.shape:
            raise CheckpointError(f"{name}: {key} must have shape {tuple(tensor.shape)}, got {tuple(state[key].shape)}")
        if not torch.isfinite(state[key]).all():
            raise CheckpointError(f"{name}: {key} must hold finite numbers, got NaN or infinity")
    unexpected = sorted(set(state) - set(expected))
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
            f"{path.name} must be at most {MAX_BYTES >> 20} MB, got {size >> 20} MB; it is not a ResNet-20"
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
    """Cause of a load error; torch's own message is long and recommends unsafe loading."""
    text = str(error)
    named = re.search(r"GLOBAL ([\w.]+)", text)
    if named is not None:
        return f"one that asks for code ({named[1]}), which is never run"
    if "PytorchStreamReader" in text or "negative seek" in text:
        return "a damaged or cut-off file"
    return "something else than tensors" if "Weights only load failed" in text else _short(error)


def _short(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:160]
