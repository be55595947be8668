"""Specification of a sweep: which schedules to measure under which settings, and the identities of its points."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from roboreg_core.errors import SpecError
from roboreg_core.pruning.methods import DEFAULT_CALIBRATION, DEFAULT_METHOD, parse, parse_weights
from roboreg_core.runs.spec import METHOD_VERSION, TUNING, PruneSettings, RunSpec, digest, images_for, preset_fields
from roboreg_core.schedules.schedule import Schedule, dense_schedule
from roboreg_core.store.names import clean_name
from roboreg_core.sweeps.grid import Grid

if TYPE_CHECKING:
    from roboreg_core.models.checkpoints import Checkpoint
    from roboreg_core.sweeps.points import Point

POINT, SWEEP, SWEEP_PART = "point", "sweep", "sweep-part"
# Measuring a point takes seconds: more points would take a day.
MAX_POINTS = 10_000
# A fine-tuned point is a run: at least a minute, and a megabyte of files.
MAX_RUNS = 500
MAX_SEEDS = 20
# Measured fields of a point's JSON; the others are its settings and the record it was read from.
MEASURED = ("kept", "validation", "test", "tuned_validation", "tuned_test", "latency", "seconds")


def setting_of(value: Any) -> PruneSettings:
    """Prune settings of `value`: a point, a run's spec or another object with fields of these names."""
    return PruneSettings(**{name: getattr(value, name) for name in PruneSettings.__dataclass_fields__})


def point_record(point: Point) -> tuple[str, str, dict[str, Any], dict[str, Any]]:
    """Kind, id, spec and result of the record that stores a measured point: the arguments of `Context.put`."""
    from roboreg_core.sweeps.points import to_json

    setting, whole = setting_of(point), to_json(point)
    spec = {**setting.to_json(), **point.schedule.stored(), "version": METHOD_VERSION}
    return POINT, setting.point_id(point.schedule), spec, {name: whole[name] for name in MEASURED}


@dataclass(frozen=True, kw_only=True)
class SweepSpec:
    """Schedules to measure, and the settings to prune and fine-tune them under.

    Raises `SpecError`: it has more than `MAX_POINTS` points (`MAX_RUNS` with fine-tuning), or a setting is invalid.

    Attributes:
        name: shown to users; not part of the identity.
        grid: the schedules.
        dense: name of the dense network; not part of the identity.
        dense_sha256, training_set, method, recalibrate, calibration: see `runs.spec.PruneSettings`.
        seeds: seeds under each of which every schedule is measured.
        test: True to measure test images for reports; validation images, for choices, are always measured.
        preset, epochs, learning_rate, batch_size, distil: fine-tuning, see `runs.spec.RunSpec`; 0 epochs for none.
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
            raise SpecError(f"a sweep's method must remove filters, got {self.method}: choose another method")
        parse(self.method)
        self._check_seeds()
        object.__setattr__(self, "seeds", tuple(sorted(self.seeds)))
        self._check_size()
        self._check_tuning()

    def _check_seeds(self) -> None:
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise SpecError(f"seeds must be at least one and distinct, got {list(self.seeds)}")
        if len(self.seeds) > MAX_SEEDS:
            raise SpecError(f"a sweep may have at most {MAX_SEEDS} seeds, got {len(self.seeds)}")

    def _check_size(self) -> None:
        most = MAX_RUNS if self.epochs else MAX_POINTS
        if self.size > most:
            what = "fine-tuned points" if self.epochs else "points"
            raise SpecError(
                f"a sweep may have at most {most:,} {what}, got {self.grid.size:,} schedules x {len(self.seeds)} seeds "
                f"= {self.size:,}: use fewer schedules or seeds"
            )

    def _check_tuning(self) -> None:
        """Check all settings of pruning and fine-tuning by making a run's spec."""
        if self.epochs < 0 or bool(self.preset) != bool(self.epochs):
            raise SpecError(
                f"fine-tuning needs a preset and at least 1 epoch, got preset {self.preset!r} and {self.epochs} "
                "epochs: give both, or neither"
            )
        for seed in self.seeds:
            self.run_spec(dense_schedule(self.grid.architecture), seed)

    @property
    def id(self) -> str:
        """Id of the sweep: hash of everything that determines its points."""
        return sweep_identity(self.to_json())

    @property
    def size(self) -> int:
        """Number of points, counted without making them; an upper bound for random schedules."""
        return self.grid.size * len(self.seeds)

    @property
    def tuned(self) -> bool:
        """True if its points are fine-tuned; each is then a run."""
        return self.epochs > 0

    def setting(self, seed: int) -> PruneSettings:
        """Prune settings of the sweep's points with this seed."""
        names = PruneSettings.__dataclass_fields__.keys() - {"seed"}
        return PruneSettings(seed=seed, **{name: getattr(self, name) for name in names})

    def points(self) -> list[tuple[Schedule, int]]:
        """All points as (schedule, seed), ordered by seed, then lexicographically by schedule."""
        schedules = self.grid.schedules()
        return [(schedule, seed) for seed in self.seeds for schedule in schedules]

    def record_id(self, schedule: Schedule, seed: int) -> str:
        """Id of the record that stores a point: a run's if the sweep fine-tunes, else a point's."""
        return self.run_spec(schedule, seed).id if self.tuned else self.setting(seed).point_id(schedule)

    def run_spec(self, schedule: Schedule, seed: int) -> RunSpec:
        """The run with the settings of a point; it measures the point if the sweep fine-tunes."""
        tuning = {name: getattr(self, name) for name in TUNING} if self.tuned else {"epochs": 0}
        settings = self.setting(seed).to_json()
        return RunSpec(schedule=schedule, dense=self.dense, device=self.device, **settings, **tuning)

    def to_json(self) -> dict[str, Any]:
        """A JSON object from which `from_json` makes an equal spec."""
        return {**asdict(self), "grid": self.grid.to_json(), "seeds": list(self.seeds)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> SweepSpec:
        """Inverse of `to_json`."""
        return cls(**{**value, "grid": Grid.from_json(value["grid"]), "seeds": tuple(value["seeds"])})


def sweep_for(name: str, grid: Grid, checkpoint: Checkpoint, training_set: str = "auto", **settings: Any) -> SweepSpec:
    """Specify a sweep that prunes the dense network `checkpoint`.

    With `auto`, the training set follows from the network. `settings` are further fields of `SweepSpec`; a fine-tuning
    `preset` among them supplies those of fine-tuning that are left out.

    Raises `SpecError`, `DataError`: as `runs.spec.spec_for`; `ScheduleError`: the network has fewer filters.
    """
    preset = preset_fields(settings["preset"]) if settings.get("preset") else {}
    if not checkpoint.model.schedule.is_dense:
        for schedule in grid.schedules():
            schedule.check_within(checkpoint.model.schedule)
    return SweepSpec(
        name=name,
        grid=grid,
        dense=checkpoint.name,
        dense_sha256=checkpoint.sha256,
        training_set=images_for(checkpoint, training_set),
        **{**preset, **settings},
    )


def split_by_prefix(schedules: Iterable[Schedule], parts: int) -> list[list[Schedule]]:
    """Split schedules into about `parts` lists of similar size whose schedules share their first blocks.

    Only the blocks that all schedules of a part share are pruned again for each part; no other work is repeated.
    """
    ordered = sorted(set(schedules), key=lambda schedule: schedule.counts)
    largest = max(1, -(-len(ordered) // max(1, parts)))
    found: list[list[Schedule]] = []
    for group in _subtrees(ordered, largest, depth=0):
        if found and len(found[-1]) + len(group) <= largest:
            found[-1] += group
        else:
            found.append(group)
    return found


def _subtrees(group: list[Schedule], largest: int, depth: int) -> Iterator[list[Schedule]]:
    if len(group) <= largest or depth == len(group[0].counts):
        if group:
            yield group
        return
    for _, same in groupby(group, key=lambda schedule: schedule.counts[depth]):
        yield from _subtrees(list(same), largest, depth + 1)


def sweep_identity(written: dict[str, Any]) -> str:
    """Id of the sweep whose spec is the JSON object `written` (`SweepSpec.to_json`), for the current method version."""
    determines = {name: value for name, value in written.items() if name not in ("name", "dense", "device")}
    return digest({**determines, "version": METHOD_VERSION})
