"""Searched schedules compared with uniform ones at equal MACs: the runs, and their section of docs/results.md.

Schedules are chosen on validation images; the runs report test accuracy.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.results.points import Points, Searched, Tune
from roboreg_core.models.checkpoints import Checkpoint
from roboreg_core.models.costs import cost
from roboreg_core.models.linear_costs import linear_cost, smallest_schedule
from roboreg_core.runs.local import run_here
from roboreg_core.runs.spec import METHOD_VERSION, RunSpec, preset_fields, spec_for
from roboreg_core.schedules.schedule import Schedule, dense_schedule, presets
from roboreg_core.search.best_schedules import greedy
from roboreg_core.search.candidates import Candidate
from roboreg_core.search.execute import search_here
from roboreg_core.search.limits import Limits, uniform_counts, within
from roboreg_core.search.spec import SearchSpec, known
from roboreg_core.store.store import Store
from roboreg_core.sweeps.spec import setting_of

REFINED, GREEDY, UNIFORM = "refined", "greedy", "uniform"
ORDER = (REFINED, GREEDY, UNIFORM)
# Largest difference between the MACs of a preset and a budget that it is compared at, as a share of the dense MACs.
BESIDE_BUDGET = 0.01


@dataclass(frozen=True, kw_only=True)
class ComparisonSettings:
    """Budgets as shares of the dense network's MACs, and settings; without `preset` nothing is fine-tuned."""

    budgets: tuple[float, ...] = (0.5,)
    trials: int = 60
    seeds: tuple[int, ...] = (0,)
    preset: str | None = None
    training_set: str = "bundled"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A schedule to run: its source, and its accuracy on validation images if measured there."""

    budget: float
    source: str
    schedule: Schedule
    trials: int = 0
    validation: float | None = None


def entries(settings: ComparisonSettings, dense: Checkpoint, store: Store) -> Iterator[Entry]:
    """Yield the schedules of each budget. A search uses the first seed; an existing one is read from the store."""
    for budget in settings.budgets:
        limits = Limits(macs=budget)
        setting = setting_of(_run(smallest_schedule(), settings, settings.seeds[0], dense))
        if settings.trials:
            spec = SearchSpec(limits=limits, setting=setting, trials=settings.trials, dense=dense.name)
            best = Candidate.from_json(search_here(spec, dense, store).result["answers"][0])
            accuracy = best.measured.accuracy if best.measured is not None else None
            yield Entry(
                budget=budget, source=REFINED, schedule=best.schedule, trials=settings.trials, validation=accuracy
            )
        best_predicted = greedy(limits, known(store, setting).surrogate).answers[0]
        yield Entry(budget=budget, source=GREEDY, schedule=best_predicted.schedule)
        yield Entry(budget=budget, source=UNIFORM, schedule=largest_uniform(limits))
        for name, preset in presets().items():
            if abs(cost(preset).macs / cost(dense_schedule()).macs - budget) <= BESIDE_BUDGET:
                yield Entry(budget=budget, source=name, schedule=preset)


def largest_uniform(limits: Limits) -> Schedule:
    """Return the largest uniform schedule within limits on parameters, MACs or size."""
    rows = uniform_counts()
    kept = rows[within(rows, limits.caps, {kind: linear_cost(kind) for kind in limits.caps})]
    return Schedule(tuple(int(count) for count in kept[-1]))


def measured(entry: Entry, settings: ComparisonSettings, seed: int, dense: Checkpoint, store: Store) -> Searched:
    """Return the test accuracies of an entry; runs it unless the store holds the run."""
    run = _run(entry.schedule, settings, seed, dense)
    record = store.get_record(run.id) or run_here(run, {"dense": dense.content}, store)
    result = record.result
    stages = result["stages"]
    return Searched(
        id=run.id,
        budget=entry.budget,
        source=entry.source,
        trials=entry.trials,
        schedule=str(entry.schedule),
        seed=seed,
        version=METHOD_VERSION,
        dense_sha256=dense.sha256,
        training_set=run.training_set,
        calibration=run.calibration,
        parameters=result["cost"]["parameters"],
        macs=result["cost"]["macs"],
        validation=entry.validation,
        dense=stages["dense"]["accuracy"],
        pruned=stages["pruned"]["accuracy"],
        tuned=stages["tuned"]["accuracy"] if "tuned" in stages else None,
        tune=tune_of(run) if run.epochs else None,
        environment=result["environment"],
    )


def tune_of(run: RunSpec) -> Tune:
    """Return the fine-tuning settings of a run."""
    names = ("preset", "epochs", "distil", "learning_rate", "batch_size", "training_set")
    return Tune(**{name: getattr(run, name) for name in names})


def _run(schedule: Schedule, settings: ComparisonSettings, seed: int, dense: Checkpoint) -> RunSpec:
    tuning: dict[str, Any] = preset_fields(settings.preset) if settings.preset else {"epochs": 0}
    return spec_for(schedule, dense, settings.training_set, seed=seed, **tuning)


def section(stored: Points) -> str:
    """Return the section of docs/results.md on searches: one finding and one table per budget."""
    found = [each for each in stored.searched if each.version == METHOD_VERSION]
    lines = [
        "## Search",
        "",
        "Schedules found by a search on validation images, compared with uniform schedules at equal MACs. All are "
        "pruned by `refit`; accuracies are test accuracies in percent. `refined`: found by measuring trials. `greedy`: "
        "found by predictions alone. `uniform`: the largest uniform schedule within the budget. Command: "
        "`python -m benchmarks.results search`.",
        "",
    ]
    if not found:
        return "\n".join([*lines, "Not measured."]) + "\n"
    for budget in sorted({each.budget for each in found}):
        here = [each for each in found if each.budget == budget]
        lines += [_finding(budget, here), "", *_table(here), ""]
    return "\n".join(lines)


def _finding(budget: float, here: Sequence[Searched]) -> str:
    """Compare each searched schedule with each other one, before and after fine-tuning."""
    parts = []
    for ours in (REFINED, GREEDY):
        for rival in sorted({each.source for each in here} - {REFINED, GREEDY}):
            differences = [_difference(here, ours, rival, stage) for stage in ("pruned", "tuned")]
            differences = [each for each in differences if each]
            if differences:
                parts.append(f"`{ours}` compared with {rival}: {', '.join(differences)}")
    return f"At most {100 * budget:g} % of the MACs. {'; '.join(parts) or 'Nothing to compare'}."


def _difference(here: Sequence[Searched], ours: str, rival: str, stage: str) -> str:
    one, other = (_values(here, source, stage) for source in (ours, rival))
    if not one or not other:
        return ""
    ahead = 100 * (statistics.mean(one) - statistics.mean(other))
    return f"{ahead:+.2f} pp {'fine-tuned' if stage == 'tuned' else stage}"


def _values(here: Sequence[Searched], source: str, stage: str) -> list[float]:
    """Return the accuracies of a source at a stage, one per seed."""
    found = {
        each.seed: getattr(each, stage) for each in here if each.source == source and getattr(each, stage) is not None
    }
    return list(found.values())


def _table(here: Sequence[Searched]) -> list[str]:
    tunes = sorted({each.tune for each in here if each.tune is not None}, key=str)
    head = ["source", "schedule", "trials", "parameters", "MACs", "validation", "pruned"]
    head += [f"fine-tuned ({tune.preset}, {tune.epochs} epochs, {tune.training_set})" for tune in tunes]
    rows = [head, ["---"] * len(head)]
    keys = list(dict.fromkeys((each.source, each.schedule) for each in sorted(here, key=_place)))
    for source, schedule in keys:
        same = [each for each in here if (each.source, each.schedule) == (source, schedule)]
        first = same[0]
        accuracy = next((each.validation for each in same if each.validation is not None), None)
        cells = [
            source,
            schedule,
            f"{first.trials:,}" if first.trials else "",
            f"{first.parameters:,}",
            f"{first.macs:,}",
        ]
        cells += [f"{100 * accuracy:.2f}" if accuracy is not None else "", _mean(_values(same, source, "pruned"))]
        cells += [_mean(_values([each for each in same if each.tune == tune], source, "tuned")) for tune in tunes]
        rows.append(cells)
    return [f"| {' | '.join(row)} |" for row in rows]


def _place(each: Searched) -> tuple[Any, ...]:
    return (ORDER.index(each.source) if each.source in ORDER else len(ORDER), each.source, each.schedule)


def _mean(values: Sequence[float]) -> str:
    if not values:
        return "not measured"
    spread = f" ± {100 * statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{100 * statistics.mean(values):.2f}{spread} ({len(values)})"
