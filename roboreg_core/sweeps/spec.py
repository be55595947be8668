"""What a point and a sweep are: everything that determines them, which points a sweep holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from roboreg_core.errors import SpecError
from roboreg_core.pruning.methods import DEFAULT_CALIBRATION, DEFAULT_METHOD, parse, parse_weights
from roboreg_core.runs.spec import METHOD_VERSION, TUNING, RunSpec
from roboreg_core.schedules.schedule import PRESETS, Schedule
from roboreg_core.store.names import clean_name
from roboreg_core.sweeps.grid import Grid

if TYPE_CHECKING:
    from roboreg_core.models.checkpoints import Checkpoint
    from roboreg_core.pruning.prune import PruneSpec
    from roboreg_core.sweeps.points import Point

POINT, SWEEP, SWEEP_PART = "point", "sweep", "sweep-part"
# Measured at a point that shares much with its neighbours every few seconds: more would take a day.
MAX_POINTS = 10_000
# A fine-tuned point is a run of a minute at least, with files of a megabyte.
MAX_RUNS = 500
MAX_SEEDS = 20
# Of a point's JSON, what is measured; the rest is what it was measured under, or where it was read from.
MEASURED = ("kept", "validation", "test", "tuned_validation", "tuned_test", "latency", "seconds")


@dataclass(frozen=True, kw_only=True)
class PruneSettings:
    """What a schedule is pruned under: see `runs.spec.RunSpec` for the fields."""

    method: str
    recalibrate: bool
    calibration: int
    seed: int
    dense_sha256: str
    training_set: str

    def point_id(self, schedule: Schedule) -> str:
        """Identity of a schedule's point: the first 16 hex digits of the SHA-256 of all that determines it."""
        return _digest({**self.to_json(), "schedule": schedule.to_json(), "version": METHOD_VERSION})

    def to_json(self) -> dict[str, Any]:
        """A JSON object from which `PruneSettings(**value)` makes an equal one."""
        return asdict(self)

    def pruning(self) -> PruneSpec:
        """The settings of pruning."""
        from roboreg_core.pruning.prune import PruneSpec

        return PruneSpec(method=self.method, recalibrate=self.recalibrate, calibration=self.calibration, seed=self.seed)


def setting_of(value: Any) -> PruneSettings:
    """The setting of a point, a run's spec or anything else that has these fields."""
    return PruneSettings(**{name: getattr(value, name) for name in PruneSettings.__dataclass_fields__})


def point_record(point: Point) -> tuple[str, str, dict[str, Any], dict[str, Any]]:
    """Kind, id, spec and result of a point's record, e.g. for `Context.put`; its setting's fields must be filled."""
    from roboreg_core.sweeps.points import to_json

    setting, whole = setting_of(point), to_json(point)
    spec = {**setting.to_json(), "schedule": point.schedule.to_json(), "version": METHOD_VERSION}
    return POINT, setting.point_id(point.schedule), spec, {name: whole[name] for name in MEASURED}


@dataclass(frozen=True, kw_only=True)
class SweepSpec:
    """Schedules to measure, under which settings.

    Raises `SpecError` on more than `MAX_POINTS` points (`MAX_RUNS` with fine-tuning), or an unknown setting.

    Attributes:
        name: for people; not part of the identity.
        grid: which schedules.
        seeds: each schedule is measured under each of them.
        dense, dense_sha256: name (not part of the identity) and weights of the dense network.
        training_set: `bundled` or `full`.
        method, recalibrate, calibration: how to prune, see `pruning.prune.PruneSpec`.
        test: whether test images are measured too, to report on; validation images always are, to choose by.
        preset, epochs, learning_rate, batch_size, distil: of fine-tuning, see `runs.spec.RunSpec`; no epochs, none.
        device: `auto`, `cpu` or `cuda`; not part of the identity.
    """

    name: str
    grid: Grid
    dense: str
    dense_sha256: str
    training_set: str
    method: str = DEFAULT_METHOD
    recalibrate: bool = False
    calibration: int = DEFAULT_CALIBRATION
    seeds: tuple[int, ...] = (0,)
    test: bool = True
    preset: str = ""
    epochs: int = 0
    learning_rate: float = 0.0
    batch_size: int = 0
    distil: bool = True
    device: str = "auto"

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", clean_name(self.name, "a sweep's name"))
        if parse_weights(self.method) is not None:
            raise SpecError(
                f"a sweep's method must drop filters, got {self.method}, which keeps them all; take another method"
            )
        parse(self.method)
        self._check_seeds()
        object.__setattr__(self, "seeds", tuple(sorted(self.seeds)))
        self._check_size()
        self._check_tuning()

    def _check_seeds(self) -> None:
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise SpecError(
                f"seeds must be at least one, each once, got {list(self.seeds)}; leave out what is too much"
            )
        if len(self.seeds) > MAX_SEEDS:
            raise SpecError(f"a sweep may have at most {MAX_SEEDS} seeds, got {len(self.seeds)}; take fewer")

    def _check_size(self) -> None:
        most = MAX_RUNS if self.epochs else MAX_POINTS
        if self.size > most:
            what = "fine-tuned points" if self.epochs else "points"
            raise SpecError(
                f"a sweep may have at most {most:,} {what}, got {self.grid.size:,} schedules x {len(self.seeds)} seeds "
                f"= {self.size:,}; take fewer schedules or seeds"
            )

    def _check_tuning(self) -> None:
        """A run's spec checks all settings of pruning and fine-tuning."""
        if self.epochs < 0 or bool(self.preset) != bool(self.epochs):
            raise SpecError(
                f"fine-tuning needs a preset and at least 1 epoch, got preset {self.preset!r} and {self.epochs} "
                "epochs; give both, or neither"
            )
        first = PRESETS["dense"]
        for seed in self.seeds:
            self.run_spec(first, seed)

    @property
    def id(self) -> str:
        """Identity: the first 16 hex digits of the SHA-256 of everything that determines which points it holds."""
        return sweep_identity(self.to_json())

    @property
    def size(self) -> int:
        """How many points it holds, counted without making them; of random schedules at most so many."""
        return self.grid.size * len(self.seeds)

    @property
    def tuned(self) -> bool:
        """Whether its points are fine-tuned: then each is a run."""
        return self.epochs > 0

    def setting(self, seed: int) -> PruneSettings:
        """What its schedules are pruned under for one of its seeds."""
        return PruneSettings(
            method=self.method,
            recalibrate=self.recalibrate,
            calibration=self.calibration,
            seed=seed,
            dense_sha256=self.dense_sha256,
            training_set=self.training_set,
        )

    def points(self) -> list[tuple[Schedule, int]]:
        """Its points as schedule and seed, one seed after the other, schedules in lexicographic order."""
        schedules = self.grid.schedules()
        return [(schedule, seed) for seed in self.seeds for schedule in schedules]

    def record_id(self, schedule: Schedule, seed: int) -> str:
        """Id of the record that a point makes: of a run where it is fine-tuned, else of a point."""
        return self.run_spec(schedule, seed).id if self.tuned else self.setting(seed).point_id(schedule)

    def run_spec(self, schedule: Schedule, seed: int) -> RunSpec:
        """The run of a point."""
        given = {name: getattr(self, name) for name in TUNING}
        return RunSpec(
            schedule=schedule,
            dense=self.dense,
            device=self.device,
            **asdict(self.setting(seed)),
            **(given if self.tuned else {"epochs": 0}),
        )

    def to_json(self) -> dict[str, Any]:
        """A JSON object from which `from_json` makes an equal spec."""
        return {**asdict(self), "grid": self.grid.to_json(), "seeds": list(self.seeds)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> SweepSpec:
        """Read what `to_json` wrote."""
        return cls(**{**value, "grid": Grid.from_json(value["grid"]), "seeds": tuple(value["seeds"])})


def sweep_for(name: str, grid: Grid, checkpoint: Checkpoint, training_set: str = "auto", **settings: Any) -> SweepSpec:
    """A sweep that starts from `checkpoint`; `training_set` may be `auto`, a `preset` alone brings its own settings."""
    from roboreg_core.datasets.sources import resolve_training_set
    from roboreg_core.runs.spec import of_preset

    preset = of_preset(settings["preset"]) if settings.get("preset") else {}
    return SweepSpec(
        name=name,
        grid=grid,
        dense=checkpoint.name,
        dense_sha256=checkpoint.sha256,
        training_set=resolve_training_set(training_set),
        **{**preset, **settings},
    )


def cut(schedules: Iterable[Schedule], parts: int) -> list[list[Schedule]]:
    """Schedules in parts that share their first blocks: about as many as asked for, none much larger than the others.

    Each part is as cheap to walk as it is within the whole but for its own common beginning.
    """
    ordered = sorted(set(schedules), key=lambda schedule: schedule.clusters)
    most = max(1, -(-len(ordered) // max(1, parts)))
    found: list[list[Schedule]] = []
    for group in _subtrees(ordered, most, depth=0):
        if found and len(found[-1]) + len(group) <= most:
            found[-1] += group
        else:
            found.append(group)
    return found


def _subtrees(group: list[Schedule], most: int, depth: int) -> Iterator[list[Schedule]]:
    from itertools import groupby

    if len(group) <= most or depth == len(group[0].clusters):
        if group:
            yield group
        return
    for _, same in groupby(group, key=lambda schedule: schedule.clusters[depth]):
        yield from _subtrees(list(same), most, depth + 1)


def renamed(sweep: SweepSpec, name: str) -> SweepSpec:
    """The same sweep under another name."""
    return replace(sweep, name=name)


def sweep_identity(written: dict[str, Any]) -> str:
    """The identity of what `SweepSpec.to_json` wrote, as it was written: under the present version of the methods."""
    determines = {name: value for name, value in written.items() if name not in ("name", "dense", "device")}
    return _digest({**determines, "version": METHOD_VERSION})


def _digest(determines: dict[str, Any]) -> str:
    text = json.dumps(determines, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
