"""Names of tensors in state dicts of CIFAR-style ResNets: other spellings become ours.

Our names are those of the most common public code: `conv1`, `bn1`, `layer1.0.conv1`, `layer2.0.shortcut.0`, `linear`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from torch import Tensor

from roboreg_core.architecture import N_STAGES

_CONV, _NORM, _LINEAR = "convolution", "batch norm", "linear layer"
_NORM_LEAVES = {"weight", "bias", "running_mean", "running_var"}
_COUNTER = "num_batches_tracked"
_LEAVES = {*_NORM_LEAVES, _COUNTER}
_OURS = re.compile(
    r"(conv1|layer[1-3]\.\d+\.conv[12]|layer[23]\.0\.shortcut\.0|linear)\.(weight|bias)"
    rf"|(bn1|layer[1-3]\.\d+\.bn[12]|layer[23]\.0\.shortcut\.1)\.({'|'.join(_LEAVES)})"
)
_SYNONYMS = ((re.compile(r"^fc\."), "linear."), (re.compile(r"^(layer[23]\.0)\.downsample\."), r"\1.shortcut."))

State = dict[str, Tensor]


class NoMatch(Exception):
    """The tensors of a state dict cannot be given the names of `ResNet`; `keys` are those that do not belong."""

    def __init__(self, reason: str, keys: Sequence[str]) -> None:
        super().__init__(reason)
        self.keys = keys


def without_prefix(state: State) -> State:
    """Remove the prefix that all names of the state dict share, e.g. `module.` or `model.backbone.`."""
    # A name keeps its module and its tensor.
    shared = max(min(len(_shared_parts(state)), *(key.count(".") - 1 for key in state)), 0)
    return {".".join(key.split(".")[shared:]): value for key, value in state.items()}


def to_our_names(state: State, *, in_order: bool) -> tuple[State, dict[str, str]]:
    """Rename the tensors of a state dict to the names of `models.resnet.ResNet`.

    Args:
        state: tensors by name, without a common prefix.
        in_order: True if the names are in the order of the modules' creation, False if in alphabetical order.

    Returns:
        The renamed state dict, and a dict of module names, old to new, with those that had to be matched by order and
        shapes; empty if the old names were known.

    Raises `NoMatch`: a tensor does not belong to a CIFAR-style ResNet, or the order is ambiguous.
    """
    renamed = {_renamed(key): value for key, value in state.items()}
    if len(renamed) < len(state):
        raise NoMatch("each tensor must be named once", [key for key in state if _renamed(key) != key])
    strangers = [key for key in state if not _OURS.fullmatch(_renamed(key))]
    if not strangers:
        return renamed, {}
    modules = _modules(state if in_order else sorted(state, key=_natural))
    mapping = _match(modules, state, strangers)
    return {f"{mapping[module]}.{leaf}": state[f"{module}.{leaf}"] for module in modules for leaf in modules[module]}, {
        module: ours for module, ours in mapping.items() if module != ours
    }


def _shared_parts(names: Iterable[str]) -> list[str]:
    """The parts between dots that all names begin with."""
    columns = zip(*(name.split(".") for name in names), strict=False)
    return [column[0] for column in takewhile(lambda column: len(set(column)) == 1, columns)]


def norm_of(convolution: str) -> str:
    """Name in `ResNet` of the batch norm after a convolution: `layer1.0.conv2` -> `layer1.0.bn2`."""
    return re.sub(r"\.shortcut\.0$", ".shortcut.1", convolution.replace("conv", "bn"))


def _renamed(key: str) -> str:
    for pattern, ours in _SYNONYMS:
        key = pattern.sub(ours, key)
    return key


def _natural(key: str) -> list[tuple[bool, int, str]]:
    """Order in which `2` precedes `10`."""
    parts = [part for part in re.split(r"[._]|(\d+)", key) if part]
    return [(not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]


def _modules(keys: Iterable[str]) -> dict[str, list[str]]:
    """Names of each module's tensors, modules in order of appearance."""
    modules: dict[str, list[str]] = {}
    for key in keys:
        module, _, leaf = key.rpartition(".")
        modules.setdefault(module, []).append(leaf)
    return modules


def _kind(leaves: Sequence[str], dimensions: int) -> str | None:
    """Kind of a module from the names of its tensors and the dimensions of its weight."""
    names = set(leaves) - {_COUNTER}
    if names == _NORM_LEAVES and dimensions == 1:
        return _NORM
    if "weight" in names <= {"weight", "bias"} and names == set(leaves):
        return {4: _CONV, 2: _LINEAR}.get(dimensions)
    return None


@dataclass(frozen=True, eq=False)
class _Pair:
    """A convolution and its batch norm."""

    conv: str
    norm: str
    weight: Tensor
    channels: int

    def feeds(self, other: "_Pair") -> bool:
        """True if `other` takes as many channels as this convolution and its batch norm have."""
        return self.weight.shape[0] == self.channels == other.weight.shape[1]

    def has_kernel(self, size: int) -> bool:
        """True for a square kernel of this size."""
        return self.weight.shape[2:] == (size, size)

    def is_within(self, module: str) -> bool:
        """True if both names begin with this module, which ends with a dot or is empty."""
        return self.conv.startswith(module) and self.norm.startswith(module)


def _match(modules: Mapping[str, list[str]], state: State, strangers: Sequence[str]) -> dict[str, str]:
    """Our name of each module: the n-th convolution belongs to the n-th batch norm. Raises `NoMatch`."""
    kinds: dict[str | None, list[str]] = {_CONV: [], _NORM: [], _LINEAR: []}
    for module, leaves in modules.items():
        weight = state.get(f"{module}.weight")
        kinds.setdefault(_kind(leaves, -1 if weight is None else weight.ndim), []).append(module)
    if None in kinds:
        unknown = [f"{module}.{leaf}" for module in kinds[None] for leaf in modules[module]]
        raise NoMatch("", [key for key in unknown if key.rpartition(".")[2] not in _LEAVES] or unknown)
    convs, norms, linears = kinds[_CONV], kinds[_NORM], kinds[_LINEAR]
    if len(convs) != len(norms) or len(linears) != 1:
        raise NoMatch(
            f"matched by order and shapes, it must have as many convolutions as batch norms and one linear layer, got "
            f"{len(convs)}, {len(norms)} and {len(linears)}",
            strangers,
        )
    pairs = [
        _Pair(conv, norm, state[f"{conv}.weight"], len(state[f"{norm}.weight"]))
        for conv, norm in zip(convs, norms, strict=True)
    ]
    mapping = {linears[0]: "linear"}
    for ours, pair in _layout(pairs, strangers).items():
        mapping |= {pair.conv: ours, pair.norm: norm_of(ours)}
    return mapping


def _layout(pairs: list[_Pair], strangers: Sequence[str]) -> dict[str, _Pair]:
    """Our name of each pair's convolution: two 3x3 ones make a block, 1x1 ones are shortcuts. Raises `NoMatch`."""
    stem = next((pair for pair in pairs if pair.weight.shape[1] == 3), None)
    rest = [pair for pair in pairs if pair is not stem]
    convs, shortcuts = ([pair for pair in rest if pair.has_kernel(size)] for size in (3, 1))
    per_stage, left = divmod(len(convs), 2 * N_STAGES)
    others = len(rest) - len(convs)
    if stem is None or not per_stage or left or len(shortcuts) != others or others not in (0, N_STAGES - 1):
        raise NoMatch(
            f"matched by order and shapes, it must have a stem, a multiple of {2 * N_STAGES} 3x3 convolutions, and no "
            f"or {N_STAGES - 1} 1x1 ones, got {len(convs)} and {others} others",
            strangers,
        )
    layout, before = {"conv1": stem}, stem
    for number, (first, second) in enumerate(zip(convs[::2], convs[1::2], strict=True)):
        stage, position = divmod(number, per_stage)
        block = f"layer{stage + 1}.{position}"
        steps = [(before, first), (first, second)]
        members = {f"{block}.conv1": first, f"{block}.conv2": second}
        if shortcuts and stage and not position:
            shortcut = members[f"{block}.shortcut.0"] = shortcuts[stage - 1]
            steps.append((before, shortcut))
        module = _module_of((first, second), convs)
        if not all(a.feeds(b) for a, b in steps) or not all(each.is_within(module) for each in members.values()):
            raise NoMatch(
                f"matched by order and shapes, {first.conv} and {second.conv} must make a block after {before.conv}",
                strangers,
            )
        layout, before = layout | members, second
    return layout


def _module_of(block: Sequence[_Pair], convs: Sequence[_Pair]) -> str:
    """The outermost module that holds the convolutions of a block and no others of `convs`, else that of the first."""
    first, shared = block[0].conv, _shared_parts(pair.conv for pair in block)
    for length in range(1, len(shared) + 1):
        module = ".".join(shared[:length]) + "."
        if sum(pair.conv.startswith(module) for pair in convs) == len(block):
            return module
    return first[: first.rfind(".") + 1]
