"""Checkpoints: safetensors files with a JSON card, and PyTorch weights of other projects.

The header of a safetensors file holds architecture, schedule and normalisation, so the network can be rebuilt without
the card. No code from a file is ever run, see `torch_file`.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from roboreg_core import paths
from roboreg_core.architecture import RESNET20, Architecture
from roboreg_core.errors import ArchitectureError, CheckpointError, SpecError
from roboreg_core.files import writing
from roboreg_core.models import torch_file
from roboreg_core.models.cards import card_path, network_text, read_card
from roboreg_core.models.file_formats import MAX_TENSORS, SUFFIX, is_safetensors, read_weights
from roboreg_core.models.foreign_weights import (
    convert,
    infer_architecture,
    infer_schedule,
    listed,
    plain_tensors,
    zero_notes,
)
from roboreg_core.models.normalisation import IMAGENET, Normalisation
from roboreg_core.models.resnet import ResNet
from roboreg_core.models.weight_containers import candidates, choice_notes
from roboreg_core.user_input import existing, is_file, parse_json

CARD_FORMAT = 1
HEADER_KEY = "roboreg"
# A ResNet-20 takes 10 kB, a ResNet-302 190 kB.
_MAX_HEADER = 256 * 2**10


@dataclass(frozen=True, kw_only=True, eq=False)
class Checkpoint:
    """A network read from a file.

    Attributes:
        name: stem of the file name, or the caller's name for it.
        model: the network in eval mode, float32, on the CPU.
        content: the network as bytes of a safetensors file.
        card: JSON object beside the file, or {}.
        notes: sentences about assumptions and conversions.
        source: facts about a file of another project, e.g. its recorded accuracy; None for a file that `save` wrote.
            A model from another project has ImageNet's normalisation until `networks.input_choice` chooses one.
    """

    name: str
    model: ResNet
    content: bytes
    card: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    source: dict[str, Any] | None = None

    @property
    def mention(self) -> dict[str, str]:
        """Name and SHA-256, to be written in the card of a network distilled from this one."""
        return {"name": self.name, "sha256": self.sha256}

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of `content`, the network's identity."""
        return hashlib.sha256(self.content).hexdigest()


def names() -> list[str]:
    """Names of the example dense networks in `checkpoints/`, sorted."""
    return sorted(path.stem for path in paths.checkpoints().glob(f"*{SUFFIX}"))


def load(where: str | Path) -> Checkpoint:
    """Read a network from a path, or by name from `checkpoints/` or `checkpoints/others/`.

    Raises `CheckpointError`: the file is missing, damaged, differs from its card, or is not a CIFAR-style ResNet.
    """
    path = _find(where)
    content = read_weights(path)
    card = read_card(path) if path.suffix.lower() == SUFFIX else {}
    if card and card.get("sha256") != hashlib.sha256(content).hexdigest():
        raise CheckpointError(f"{path} must have the SHA-256 of its card, got another; restore both files together")
    return from_bytes(content, path.stem, card)


def dense_from_bytes(content: bytes, sha256: str, name: str = "dense") -> Checkpoint:
    """Read a network from bytes of a safetensors file. Raises `SpecError`: its SHA-256 is not `sha256`."""
    found = from_bytes(content, name)
    if found.sha256 != sha256:
        raise SpecError(f"the dense network must have SHA-256 {sha256[:12]}, got {found.sha256[:12]}; provide that one")
    return found


def from_bytes(content: bytes, name: str = "network", card: dict[str, Any] | None = None) -> Checkpoint:
    """Read a network from the bytes of a weights file, of this project or another one.

    Args:
        content: the file, safetensors or PyTorch.
        name: of the network, and subject of error messages.
        card: JSON object beside the file.

    Raises `CheckpointError`: the file is damaged, too large, or not a CIFAR-style ResNet of finite real numbers.
    """
    if not is_safetensors(content, name):
        return _foreign(torch_file.load(content, name), name, in_order=True)
    state, header = _from_safetensors(content, name)
    if header is None:
        return _foreign(state, name, in_order=False)
    model = _model(plain_tensors(state, name), _header(header, name), name)
    return Checkpoint(name=name, model=model, content=content, card=card or {})


def _foreign(loaded: Any, name: str, *, in_order: bool) -> Checkpoint:
    """The first network in the content of a file of another project that can be read; see `convert`."""
    found = candidates(loaded, name)
    errors = []
    for candidate in found:
        try:
            weights = convert(candidate, name, in_order=in_order)
            model = _model(weights.state, _Header(architecture=infer_architecture(weights.state, name)), name)
        except CheckpointError as error:
            errors.append(error)
            continue
        notes = [*choice_notes(found, candidate), *weights.notes, *zero_notes(model)]
        return Checkpoint(name=name, model=model, content=to_bytes(model), notes=tuple(notes), source=weights.facts)
    raise errors[0]


def to_bytes(model: ResNet) -> bytes:
    """Bytes of a safetensors file with the weights, and in its header architecture, schedule and normalisation."""
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    return safetensors.torch.save(state, metadata={HEADER_KEY: json.dumps(_describe(model))})


def make_card(model: ResNet, content: bytes, **facts: Any) -> dict[str, Any]:
    """Card (JSON object that describes the network) for the weights file `content`, with `facts` as further fields."""
    return {
        "format": CARD_FORMAT,
        **_describe(model),
        "sha256": hashlib.sha256(content).hexdigest(),
        **facts,
    }


def save(path: Path, model: ResNet, **facts: Any) -> Path:
    """Write a .safetensors file and its card, each atomically; return the path of the weights.

    `facts` are added to the card. Raises `CheckpointError`: a file cannot be written.
    """
    path = weights_path(path)
    content = to_bytes(model)
    card = make_card(model, content, **facts)
    with writing(path, CheckpointError):
        path.parent.mkdir(parents=True, exist_ok=True)
        paths.write_atomically(path, content)
        paths.write_atomically(card_path(path), (json.dumps(card, indent=1) + "\n").encode())
    return path


def weights_path(path: Path) -> Path:
    """Path of the weights file that `save` writes: `path`, with `.safetensors` appended unless it ends so."""
    return path if path.suffix == SUFFIX else path.with_name(path.name + SUFFIX)


def _describe(model: ResNet) -> dict[str, Any]:
    return {
        "network": network_text(model.architecture),
        **model.schedule.stored(),
        "normalisation": asdict(model.normalisation),
    }


@dataclass(frozen=True, kw_only=True)
class _Header:
    """Facts of a network that its tensors do not show, from the header of a file of ours."""

    architecture: Architecture = RESNET20
    normalisation: Normalisation = IMAGENET


def _model(state: dict[str, Tensor], header: _Header, name: str) -> ResNet:
    model = ResNet(infer_schedule(state, header.architecture, name), header.normalisation)
    expected = model.state_dict()
    counters = {key: value for key, value in expected.items() if key.endswith("num_batches_tracked")}
    for key, tensor in expected.items():
        if key not in state and key not in counters:
            raise CheckpointError(f"{name} must hold {key} of shape {tuple(tensor.shape)}, found none")
        if state.get(key, tensor).shape != tensor.shape:
            raise CheckpointError(f"{name}: {key} must have shape {tuple(tensor.shape)}, got {tuple(state[key].shape)}")
    unexpected = [key for key in state if key not in expected]
    if unexpected:
        kind = f"ResNet-{header.architecture.depth} with option-{header.architecture.shortcut} shortcuts"
        raise CheckpointError(f"{name} must hold a {kind} only, got also {listed(unexpected)}")
    model.load_state_dict({**counters, **state})
    return model.eval()


def _find(where: str | Path) -> Path:
    shipped = (folder / f"{where}{SUFFIX}" for folder in paths.networks())
    path = existing(where)
    if path is None or not path.is_file():
        path = next(filter(is_file, shipped), path)
    if path is not None:
        return path
    known = ", ".join(names()) or "none"
    raise CheckpointError(f"a checkpoint must be a file or a name in checkpoints/ ({known}), got {str(where)!r:.200}")


def _from_safetensors(content: bytes, name: str) -> tuple[dict[str, Tensor], str | None]:
    """Tensors, unchecked, and our entry in the header where the file is ours."""
    length = int.from_bytes(content[:8], "little")
    if not 0 < length <= min(_MAX_HEADER, len(content) - 8):
        raise CheckpointError(
            f"{name} must be a safetensors file with a header of 1..{_MAX_HEADER >> 10} kB, got {length:,} bytes of "
            f"{len(content):,}; save or download it again"
        )
    entries = parse_json(content[8 : 8 + length], f"the header of {name}", CheckpointError)
    if not isinstance(entries, dict) or len(entries) > MAX_TENSORS:
        raise CheckpointError(f"{name} must be a safetensors file of at most {MAX_TENSORS:,} tensors, got others")
    try:
        state = safetensors.torch.load(content)
    except Exception as error:  # safetensors raises various errors for damaged files
        raise CheckpointError(
            f"{name} must be a safetensors file, got {_short(error)}; save or download it again"
        ) from None
    return state, (entries.get("__metadata__") or {}).get(HEADER_KEY)


def _header(text: str, name: str) -> _Header:
    value = parse_json(text, f"the metadata of {name}", CheckpointError)
    try:
        normalisation = Normalisation(**{key: tuple(each) for key, each in value["normalisation"].items()})
    except (KeyError, TypeError, AttributeError):
        raise CheckpointError(f"{name} must contain a normalisation in its header, got {value!r:.80}") from None
    try:
        return _Header(architecture=Architecture.from_json(value.get("architecture")), normalisation=normalisation)
    except ArchitectureError as error:
        raise CheckpointError(f"{name} must contain a valid architecture in its header: {error}") from None


def _short(error: Exception) -> str:
    text = " ".join(f"{type(error).__name__}: {error}".split())[:160]
    return f"a damaged or cut-off file ({text})" if "incomplete" in text else text
