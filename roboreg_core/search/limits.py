"""Limits of a search: on costs and on the loss of accuracy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from roboreg_core.architecture import RESNET20, Architecture
from roboreg_core.errors import SpecError
from roboreg_core.models.costs import Cost, cost
from roboreg_core.models.linear_costs import COUNTED, LinearCost, smallest_schedule
from roboreg_core.schedules.schedule import dense_schedule

COSTS = (*COUNTED, "latency")
DROPS = ("drop", "class_drop")
_NAMES = {
    "parameters": "parameters",
    "macs": "MACs",
    "size_bytes": "bytes",
    "latency": "ms per batch of 256",
    "drop": "largest loss of accuracy",
    "class_drop": "largest loss in a class",
}


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits on costs and losses; None for no limit.

    Attributes:
        parameters, macs, size_bytes: maximum; values up to 1 are a share of the dense network's.
        latency: maximum seconds per batch of 256 images.
        drop: maximum loss of validation accuracy against the dense network, 0..1.
        class_drop: maximum loss of recall in any class, 0..1.
        architecture: of the dense network.

    Raises `SpecError`: no limit is given, a value is out of range, the smallest network exceeds a limit, or the dense
    network meets all of them.
    """

    parameters: float | None = None
    macs: float | None = None
    size_bytes: float | None = None
    latency: float | None = None
    drop: float | None = None
    class_drop: float | None = None
    architecture: Architecture = RESNET20

    def __post_init__(self) -> None:
        given = self.given
        if not given:
            raise SpecError(
                "a search needs a limit, got none; give one of parameters, macs, size_bytes, latency, drop, class_drop"
            )
        for kind, value in given.items():
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
                raise SpecError(f"limit {kind} must be a number, got {value!r}; leave it out for none")
            if kind in DROPS:
                _check_drop(kind, value)
            elif kind in COUNTED:
                self._check_counted(kind, value)
            elif value <= 0:
                raise SpecError(f"limit {kind} must be more than 0 seconds per batch of 256 images, got {value:g}")
        self._check_binds()

    @property
    def given(self) -> dict[str, float]:
        """The limits that are set, by name."""
        return {kind: value for kind in (*COSTS, *DROPS) if (value := getattr(self, kind)) is not None}

    @property
    def caps(self) -> dict[str, float]:
        """The limits on costs by name, as absolute amounts (latency in seconds); shares become counts, rounded down."""
        return {kind: self._amount(kind, value) for kind, value in self.given.items() if kind in COSTS}

    @property
    def has_drops(self) -> bool:
        """True if the loss of accuracy or of recall is limited."""
        return self.drop is not None or self.class_drop is not None

    def to_json(self) -> dict[str, Any]:
        """JSON object with the limits that are set, by name, and the `architecture` unless it is the default."""
        return {**self.given, **self.architecture.stored()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Limits:
        """Inverse of `to_json`. Raises `SpecError`: a limit is unknown or invalid."""
        limits = {kind: each for kind, each in value.items() if kind != "architecture"}
        unknown = set(limits) - {*COSTS, *DROPS}
        if unknown:
            raise SpecError(f"a limit must be one of {', '.join((*COSTS, *DROPS))}, got {sorted(unknown)[0]!r}")
        return cls(**limits, architecture=Architecture.from_json(value.get("architecture")))

    @property
    def words(self) -> str:
        """The limits as text: `at most 20,275,520 MACs, no class loses over 3 percentage points`."""
        parts = [f"at most {cost_words(kind, cap)}" for kind, cap in self.caps.items()]
        if self.drop is not None:
            parts.append(f"at most {_points(self.drop)} lost")
        if self.class_drop is not None:
            parts.append(f"no class loses over {_points(self.class_drop)}")
        return ", ".join(parts)

    @property
    def _dense(self) -> Cost:
        return cost(dense_schedule(self.architecture))

    def _amount(self, kind: str, value: float) -> float:
        if kind not in COUNTED:
            return value
        return math.floor(value * getattr(self._dense, kind) + 1e-6) if value <= 1 else value

    def _check_counted(self, kind: str, value: float) -> None:
        least, dense = (getattr(each, kind) for each in (cost(smallest_schedule(self.architecture)), self._dense))
        how = f"a share up to 1 of the dense network's {dense:,} or a whole number"
        if value <= 0 or (value > 1 and value != int(value)):
            raise SpecError(f"limit {kind} must be {how}, got {value:g}")
        if self._amount(kind, value) < least:
            # Rounded up, so that the reported share is accepted.
            share = math.ceil(1e4 * least / dense) / 1e4
            got = f"{value:g} ({100 * value:g} %)" if value <= 1 else f"{value:g}"
            raise SpecError(
                f"limit {kind} must be at least {least:,} ({share:g} of the dense network's, {100 * share:g} %), the "
                f"cost of one filter per block, got {got}; raise it"
            )

    def _check_binds(self) -> None:
        dense = self._dense
        loose = all(kind in COUNTED and cap >= getattr(dense, kind) for kind, cap in self.caps.items())
        if loose and not self.has_drops:
            kind, cap = next(iter(self.caps.items()))
            raise SpecError(
                f"a limit must rule something out, got {cost_words(kind, cap)}, which the dense network "
                f"({cost_words(kind, getattr(dense, kind))}) meets; lower it"
            )


def tightened(limits: Limits, share: float) -> Limits:
    """Copy of the limits with those on losses multiplied by `share`, 0..1."""
    drops: dict[str, Any] = {kind: value * share for kind, value in limits.given.items() if kind in DROPS}
    return replace(limits, **drops)


def within(counts: np.ndarray, caps: Mapping[str, float], lines: Mapping[str, LinearCost]) -> np.ndarray:
    """Bool (n,): True for the schedules in `counts`, int (n, n_blocks), that meet the limits on costs.

    `caps` are the maximum costs by name, `lines` the costs as linear functions by name.
    """
    fits = np.ones(len(counts), dtype=bool)
    for kind, cap in caps.items():
        fits &= lines[kind](counts) <= cap
    return fits


def uniform_counts(architecture: Architecture = RESNET20) -> np.ndarray:
    """Filter counts of all schedules that keep the same share of every block, at least one filter; smallest first.

    Returns int (n, n_blocks).
    """
    bounds = architecture.bounds
    shares = np.arange(1, max(bounds) + 1)[:, None] / max(bounds)
    return np.maximum(1, np.floor(shares * np.array(bounds) + 1e-9)).astype(np.int64)


def _check_drop(kind: str, value: float) -> None:
    if not 0 <= value < 1:
        raise SpecError(
            f"limit {kind} must be a share 0..1 of the images (0.03 for 3 points), got {value:g}; leave it out for none"
        )


def cost_words(kind: str, value: float) -> str:
    """Text for a cost with its unit: `1,936,000 MACs` for kind `macs`, or `80 ms per batch of 256` for 0.08."""
    return f"{1_000 * value:.4g} {_NAMES[kind]}" if kind == "latency" else f"{value:,.0f} {_NAMES[kind]}"


def _points(share: float) -> str:
    return f"{100 * share:g} percentage point{'' if share == 0.01 else 's'}"
