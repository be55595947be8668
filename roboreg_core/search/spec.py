"""What a search that measures is: everything that determines it, and what the store knows to begin with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from roboreg_core.errors import SpecError
from roboreg_core.models.linear_costs import LinearCost
from roboreg_core.runs.spec import METHOD_VERSION
from roboreg_core.search.limits import Limits
from roboreg_core.sweeps import sweep_store
from roboreg_core.sweeps.points import Point
from roboreg_core.sweeps.spec import PruneSettings

if TYPE_CHECKING:
    from roboreg_core.prediction.latency_model import LatencyModel
    from roboreg_core.search.predictor_surrogate import PredictorSurrogate
    from roboreg_core.search.surrogate import AdditiveSurrogate
    from roboreg_core.store.records import Record
    from roboreg_core.store.store import Store

SEARCH = "search"
# A point that shares some blocks with the one before, on two cores.
SECONDS_A_TRIAL = 4.0
SECONDS_BEFORE = 15.0


@dataclass(frozen=True, kw_only=True)
class SearchSpec:
    """A search that measures.

    Attributes:
        limits: what answers keep to.
        setting: what schedules are pruned under; its seed is the search's as well.
        trials: how many schedules are measured.
        dense: name of the dense network; not part of the identity.
        device: `auto`, `cpu` or `cuda`; not part of the identity.
        latency: base and, for each block, seconds a cluster adds, as estimated; empty where nothing was timed.
    """

    limits: Limits
    setting: PruneSettings
    trials: int
    dense: str = "dense"
    device: str = "auto"
    latency: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        from roboreg_core.search.best_schedules import reachable
        from roboreg_core.search.refinement import SearchBudget

        SearchBudget(trials=self.trials)
        object.__setattr__(self, "latency", tuple(self.latency))
        reachable(self.limits, self.line)

    @property
    def id(self) -> str:
        """Identity: the first 16 hex digits of the SHA-256 of limits, setting, trials and the method's version.

        What was known before is left out: asked for again, a finished search is opened. Another seed searches anew.
        """
        determines = {
            "limits": self.limits.to_json(),
            "setting": self.setting.to_json(),
            "trials": self.trials,
            "version": METHOD_VERSION,
        }
        text = json.dumps(determines, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def line(self) -> LinearCost | None:
        """Latency as a line."""
        import numpy as np

        return LinearCost(base=self.latency[0], each=np.array(self.latency[1:])) if self.latency else None

    def to_json(self) -> dict[str, Any]:
        """A JSON object from which `from_json` makes an equal spec."""
        return {
            **asdict(self),
            "limits": self.limits.to_json(),
            "setting": self.setting.to_json(),
            "latency": list(self.latency),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> SearchSpec:
        """Read what `to_json` wrote."""
        return cls(
            **{**value, "limits": Limits.from_json(value["limits"]), "setting": PruneSettings(**value["setting"])},
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class KnownPoints:
    """What the store knows of a setting, whatever the seed.

    Attributes:
        points: those with validation images.
        outlook: what they let expect.
        latency: estimated from timed runs; None without.
    """

    points: tuple[Point, ...]
    outlook: PredictorSurrogate | AdditiveSurrogate
    latency: LatencyModel | None


def known(store: Store, setting: PruneSettings) -> KnownPoints:
    """What the store knows of a setting.

    Raises `SpecError` where sensitivity was not measured under it.
    """
    measured = known_points(store, setting)
    return KnownPoints(points=measured, outlook=outlook_of(measured), latency=_latency(store))


def known_points(store: Store, setting: PruneSettings) -> tuple[Point, ...]:
    """Points of a setting with validation accuracy, whatever the seed."""
    every = sweep_store.points(store, **{name: value for name, value in setting.to_json().items() if name != "seed"})
    return tuple(point for point in every if point.validation is not None)


def outlook_of(points: Iterable[Point]) -> PredictorSurrogate | AdditiveSurrogate:
    """What points of one setting let expect. Raises `SpecError` where they are too few for sensitivity curves."""
    from roboreg_core.search.predictor_surrogate import fit_predictor_surrogate

    every = list(points)
    if not every:
        raise SpecError(
            "a search begins with the sensitivity of each block under its method, got no points: measure it first, "
            "python -m roboreg_core sensitivity"
        )
    return fit_predictor_surrogate(every)


def estimate_seconds(spec: SearchSpec) -> float:
    """How long it takes on two CPU cores, measured points not counted off."""
    return SECONDS_BEFORE + SECONDS_A_TRIAL * spec.trials


def latency_fields(estimate: LatencyModel | None) -> tuple[float, ...]:
    """An estimate as the `latency` of a `SearchSpec`."""
    if estimate is None:
        return ()
    return (estimate.line.base, *(float(each) for each in estimate.line.each))


def searches(store: Store) -> list[Record]:
    """Finished searches that measured, newest first."""
    return store.list_records(SEARCH)


def _latency(store: Store) -> LatencyModel | None:
    """From runs of this machine's own where they are enough, else from all there are."""
    from roboreg_core.prediction.latency_model import FEWEST_BY_STAGE, fit_latency_model

    timed = [point for point in sweep_store.points(store) if point.latency is not None]
    recorded = {record.id for record in store.list_records() if record.recorded}
    own = fit_latency_model(point for point in timed if point.record not in recorded)
    return own if own is not None and own.n >= FEWEST_BY_STAGE else fit_latency_model(timed) or own
