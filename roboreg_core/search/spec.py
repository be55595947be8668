"""Specification of a search by measurement, and the points in the store that it starts from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from roboreg_core.architecture import Architecture
from roboreg_core.errors import SpecError
from roboreg_core.models.costs import relative_work
from roboreg_core.models.linear_costs import LinearCost
from roboreg_core.runs.spec import METHOD_VERSION, PruneSettings, digest
from roboreg_core.search.limits import Limits
from roboreg_core.sweeps import sweep_store
from roboreg_core.sweeps.points import Point

if TYPE_CHECKING:
    from roboreg_core.prediction.latency_model import LatencyModel
    from roboreg_core.search.predictor_surrogate import PredictorSurrogate
    from roboreg_core.search.surrogate import AdditiveSurrogate
    from roboreg_core.store.store import Store

SEARCH = "search"
# On two CPU cores; consecutive trials share some blocks.
SECONDS_PER_TRIAL = 4.0
SECONDS_BEFORE = 15.0


@dataclass(frozen=True, kw_only=True)
class SearchSpec:
    """A search by measurement.

    Attributes:
        limits: limits on costs and losses.
        setting: pruning settings; the seed is also that of the search.
        trials: number of schedules to measure.
        dense: name of the dense network; not part of the identity.
        device: `auto`, `cpu` or `cuda`; not part of the identity.
        latency: estimated base seconds and seconds per filter of each block (n_blocks + 1 values); empty without timed
            networks.
    """

    limits: Limits
    setting: PruneSettings
    trials: int
    dense: str = "dense"
    device: str = "auto"
    latency: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        from roboreg_core.search.best_schedules import checked_linear_costs
        from roboreg_core.search.refinement import SearchBudget

        SearchBudget(trials=self.trials)
        object.__setattr__(self, "latency", tuple(self.latency))
        checked_linear_costs(self.limits, self.line)

    @property
    def id(self) -> str:
        """Id of the search: hash of limits, setting, trials and the method's version."""
        determines = {"limits": self.limits.to_json(), "setting": self.setting.to_json(), "trials": self.trials}
        return digest({**determines, "version": METHOD_VERSION})

    @property
    def line(self) -> LinearCost | None:
        """Estimated latency (the field `latency`) as a linear function of the filter counts; None without it."""
        import numpy as np

        return LinearCost(base=self.latency[0], each=np.array(self.latency[1:])) if self.latency else None

    def to_json(self) -> dict[str, Any]:
        """All attributes as a JSON object; `limits` and `setting` are objects too."""
        return {
            **asdict(self),
            "limits": self.limits.to_json(),
            "setting": self.setting.to_json(),
            "latency": list(self.latency),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> SearchSpec:
        """Inverse of `to_json`."""
        return cls(
            **{**value, "limits": Limits.from_json(value["limits"]), "setting": PruneSettings(**value["setting"])},
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class KnownPoints:
    """Measurements of one setting (all seeds) and the models fitted to them.

    Attributes:
        points: points with validation accuracy.
        surrogate: fitted to `points`.
        latency: fitted to timed runs; None without any.
    """

    points: tuple[Point, ...]
    surrogate: PredictorSurrogate | AdditiveSurrogate
    latency: LatencyModel | None


def known(store: Store, setting: PruneSettings) -> KnownPoints:
    """Points measured with these pruning settings under any seed, and the models fitted to them.

    Raises `SpecError`: the sensitivity was not measured with these settings.
    """
    measured = known_points(store, setting)
    surrogate = surrogate_from_points(measured)
    return KnownPoints(points=measured, surrogate=surrogate, latency=_latency(store, surrogate.architecture))


def known_points(store: Store, setting: PruneSettings) -> tuple[Point, ...]:
    """Points with validation accuracy that were measured with these pruning settings under any seed."""
    every = sweep_store.points(store, **{name: value for name, value in setting.to_json().items() if name != "seed"})
    return tuple(point for point in every if point.validation is not None)


def surrogate_from_points(points: Iterable[Point]) -> PredictorSurrogate | AdditiveSurrogate:
    """Fit a surrogate to points of one setting.

    Raises `SpecError`: the points are too few for sensitivity curves.
    """
    from roboreg_core.search.predictor_surrogate import fit_predictor_surrogate

    every = list(points)
    if not every:
        raise SpecError(
            "a search needs the sensitivity of each block under its method, got no points: measure it first, "
            "python -m roboreg_core sensitivity"
        )
    return fit_predictor_surrogate(every)


def estimate_seconds(spec: SearchSpec) -> float:
    """Expected seconds of a search on two CPU cores if none of its schedules was measured before."""
    return SECONDS_BEFORE + SECONDS_PER_TRIAL * relative_work(spec.limits.architecture) * spec.trials


def latency_fields(estimate: LatencyModel | None) -> tuple[float, ...]:
    """Value of `SearchSpec.latency` for a latency model; empty for None."""
    if estimate is None:
        return ()
    return (estimate.line.base, *(float(each) for each in estimate.line.each))


def _latency(store: Store, architecture: Architecture) -> LatencyModel | None:
    """Fit to runs of an architecture timed on this machine if they are enough, else to all timed runs of it."""
    from roboreg_core.prediction.latency_model import FEWEST_BY_STAGE, fit_latency_model

    points = (point for point in sweep_store.points(store) if point.kept.architecture == architecture)
    timed = [point for point in points if point.latency is not None]
    recorded = {record.id for record in store.list_records(parts=()) if record.recorded}
    own = fit_latency_model(point for point in timed if point.record not in recorded)
    return own if own is not None and own.n >= FEWEST_BY_STAGE else fit_latency_model(timed) or own
