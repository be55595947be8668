"""Schedules that a search found against uniform ones at equal MACs: ordinary runs, and a section of the page.

What is found is chosen on validation images; the runs then report on test images.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.results.points import Points, Searched, Tune
from roboreg_core.models.checkpoints import Checkpoint
from roboreg_core.models.costs import DENSE_COST, cost
from roboreg_core.models.linear_costs import linear_cost
from roboreg_core.runs.local import run_here
from roboreg_core.runs.spec import METHOD_VERSION, RunSpec, of_preset, spec_for
from roboreg_core.schedules.schedule import PRESETS, Schedule
from roboreg_core.search.best_schedules import Candidate, greedy
from roboreg_core.search.execute import search_here
from roboreg_core.search.limits import Limits, uniform_counts, within
from roboreg_core.search.spec import SearchSpec, known
from roboreg_core.store.store import Store
from roboreg_core.sweeps.spec import setting_of

REFINED, GREEDY, UNIFORM = "refined", "greedy", "uniform"
ORDER = (REFINED, GREEDY, UNIFORM)
# A preset stands beside a budget that its MACs differ from by no more, as a share of the dense network's.
BESIDE_BUDGET = 0.01


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What to compare: budgets as shares of the dense network's MACs; `preset` None leaves fine-tuning out."""

    budgets: tuple[float, ...] = (0.5,)
    trials: int = 60
    seeds: tuple[int, ...] = (0,)
    preset: str | None = None
    training_set: str = "bundled"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A schedule to run: where it comes from, and what it reached on validation images where it was measured there."""

    budget: float
    source: str
    schedule: Schedule
    trials: int = 0
    validation: float | None = None


def entries(asked: Asked, dense: Checkpoint, store: Store) -> Iterator[Entry]:
    """What is compared at each budget. A search takes the first seed; one that is in the store already is opened."""
    for budget in asked.budgets:
        limits = Limits(macs=budget)
        setting = setting_of(_run(Schedule((1,) * 9), asked, asked.seeds[0], dense))
        if asked.trials:
            spec = SearchSpec(limits=limits, setting=setting, trials=asked.trials, dense=dense.name)
            best = Candidate.from_json(search_here(spec, dense, store).result["answers"][0])
            seen = best.measured.accuracy if best.measured is not None else None
            yield Entry(budget=budget, source=REFINED, schedule=best.schedule, trials=asked.trials, validation=seen)
        believed = greedy(limits, known(store, setting).outlook).answers[0]
        yield Entry(budget=budget, source=GREEDY, schedule=believed.schedule)
        yield Entry(budget=budget, source=UNIFORM, schedule=largest_uniform(limits))
        for name, preset in PRESETS.items():
            if abs(cost(preset).macs / DENSE_COST.macs - budget) <= BESIDE_BUDGET:
                yield Entry(budget=budget, source=name, schedule=preset)


def largest_uniform(limits: Limits) -> Schedule:
    """The largest schedule with the same share of every block that keeps limits on counted costs."""
    rows = uniform_counts()
    kept = rows[within(rows, limits.caps, {kind: linear_cost(kind) for kind in limits.caps})]
    return Schedule(tuple(int(count) for count in kept[-1]))


def measured(entry: Entry, asked: Asked, seed: int, dense: Checkpoint, store: Store) -> Searched:
    """Run it, unless the store holds that run; its figures on test images."""
    run = _run(entry.schedule, asked, seed, dense)
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
    """How a run fine-tunes."""
    names = ("preset", "epochs", "distil", "learning_rate", "batch_size", "training_set")
    return Tune(**{name: getattr(run, name) for name in names})


def _run(schedule: Schedule, asked: Asked, seed: int, dense: Checkpoint) -> RunSpec:
    tuning: dict[str, Any] = of_preset(asked.preset) if asked.preset else {"epochs": 0}
    return spec_for(schedule, dense, asked.training_set, seed=seed, **tuning)


def section(held: Points) -> str:
    """The page's part on searches: a finding a budget and a table; says so where nothing was measured."""
    found = [each for each in held.searched if each.version == METHOD_VERSION]
    lines = [
        "## search",
        "",
        "Schedules found on validation images against uniform ones at equal MACs, all pruned with `refit` and, where "
        "it says so, fine-tuned alike; accuracy in percent of all 10,000 test images. `refined` was found by measuring "
        "so many schedules, `greedy` by what was predicted; `uniform` is the largest schedule within the "
        "budget that keeps the same share of every block. Made by `python -m benchmarks.results search`.",
        "",
    ]
    if not found:
        return "\n".join([*lines, "Not measured."]) + "\n"
    for budget in sorted({each.budget for each in found}):
        here = [each for each in found if each.budget == budget]
        lines += [_finding(budget, here), "", *_table(here), ""]
    return "\n".join(lines)


def _finding(budget: float, here: Sequence[Searched]) -> str:
    """Each found schedule against each that was not searched, before and after fine-tuning."""
    parts = []
    for ours in (REFINED, GREEDY):
        for rival in sorted({each.source for each in here} - {REFINED, GREEDY}):
            told = [_ahead(here, ours, rival, stage) for stage in ("pruned", "tuned")]
            told = [each for each in told if each]
            if told:
                parts.append(f"`{ours}` against {rival}: {', '.join(told)}")
    return f"At most {100 * budget:g} % of the MACs. {'; '.join(parts) or 'Nothing to compare'}."


def _ahead(here: Sequence[Searched], ours: str, rival: str, stage: str) -> str:
    one, other = (_values(here, source, stage) for source in (ours, rival))
    if not one or not other:
        return ""
    ahead = 100 * (statistics.mean(one) - statistics.mean(other))
    return f"{abs(ahead):.2f} points {'ahead' if ahead >= 0 else 'behind'} {stage}"


def _values(here: Sequence[Searched], source: str, stage: str) -> list[float]:
    """A stage's accuracies of a source, one a seed."""
    found = {
        each.seed: getattr(each, stage) for each in here if each.source == source and getattr(each, stage) is not None
    }
    return list(found.values())


def _table(here: Sequence[Searched]) -> list[str]:
    tunes = sorted({each.tune for each in here if each.tune is not None}, key=str)
    head = ["found by", "schedule", "measured", "parameters", "MACs", "validation", "pruned"]
    head += [f"tuned ({tune.preset}, {tune.epochs} epochs, {tune.training_set})" for tune in tunes]
    rows = [head, ["---"] * len(head)]
    keys = list(dict.fromkeys((each.source, each.schedule) for each in sorted(here, key=_place)))
    for source, schedule in keys:
        same = [each for each in here if (each.source, each.schedule) == (source, schedule)]
        first = same[0]
        seen = next((each.validation for each in same if each.validation is not None), None)
        cells = [
            source,
            schedule,
            f"{first.trials:,}" if first.trials else "",
            f"{first.parameters:,}",
            f"{first.macs:,}",
        ]
        cells += [f"{100 * seen:.2f}" if seen is not None else "", _mean(_values(same, source, "pruned"))]
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
