"""The benchmarks: how each is started, and what its figures say, a line each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Figures = Mapping[str, Any]
REACHED, MISSED = "reached", "missed"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One figure.

    Attributes:
        what: what was measured.
        figure: with its unit, and its spread where there is one.
        ratio: how many times as good as the rival; empty where there is none.
        rival: what it was measured against, with its own figure; empty where there is none.
        goal: what was to be reached, and whether it was; empty where nothing was.
        short: whether the README shows it as well.
    """

    what: str
    figure: str
    ratio: str = ""
    rival: str = ""
    goal: str = ""
    short: bool = True


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """A benchmark of the list.

    Attributes:
        name: what `measure` calls it, and its file.
        title: what the page calls it.
        module: of `benchmarks`.
        arguments: of a measurement; `quick` ones only test the script.
        lines: what its figures say; None where it has a section of its own.
        gpu: whether it needs one.
    """

    name: str
    title: str
    module: str
    lines: Callable[[Figures], list[Line]] | None = None
    arguments: tuple[str, ...] = ()
    quick: tuple[str, ...] = ("--quick",)
    gpu: bool = False

    @property
    def command(self) -> str:
        """What a person types."""
        return " ".join(["python -m", f"benchmarks.{self.module}", *self.arguments])


def percent(share: float, digits: int = 1) -> str:
    """A share as the documentation writes it."""
    return f"{share:.{digits}%}".replace("%", " %")


def verdict(goal: str, reached: bool) -> str:
    """A goal with whether it was reached."""
    return f"{goal}: {REACHED if reached else MISSED}"


def throughput(what: str) -> Callable[[Figures], list[Line]]:
    """Lines of a table of contenders, the first one being the usual way."""

    def lines(figures: Figures) -> list[Line]:
        usual, *others = figures["rows"]
        return [_contender(what, row, usual, figures["goal"]) for row in others]

    return lines


def _contender(what: str, row: Figures, usual: Figures, goal: float) -> Line:
    ours = row["name"].startswith("RoboReg")
    return Line(
        what=f"{what}: {row['name']}",
        figure=f"{row['median']:,.0f} images/s ({row['low']:,.0f} to {row['high']:,.0f})",
        ratio=f"{row['ratio']:.1f} times ({row['ratio_low']:.1f} to {row['ratio_high']:.1f})",
        rival=f"{usual['name'].removeprefix('usual: ')}, {usual['median']:,.0f} images/s",
        goal=verdict(f"{goal:g} times", row["ratio"] >= goal) if ours else "",
        short=ours,
    )


def augmentation(figures: Figures) -> list[Line]:
    """Throughput, and the share of an epoch in each precision."""
    goal = figures["share_goal"]
    shares = [
        Line(
            what=f"augmentation's share of an epoch, {each['precision']}, {each['steps']} steps on the CPU",
            figure=percent(each["share"]),
            goal=verdict(f"under {percent(goal, 0)}", each["share"] < goal),
        )
        for each in figures["shares"]
    ]
    return [*throughput("the six augmentations")(figures), *shares]


def slider(figures: Figures) -> list[Line]:
    """Milliseconds from a key to the counts."""
    target = figures["target_ms"]
    return [
        Line(
            what=f"slider to counts on screen, Chromium, {figures['presses']} key presses",
            figure=f"median {figures['median_ms']:.0f} ms ({figures['p10_ms']:.0f} to {figures['p90_ms']:.0f})",
            goal=verdict(f"{target:g} ms", figures["median_ms"] <= target),
        )
    ]


def preview(figures: Figures) -> list[Line]:
    """Seconds from a key to the preview."""
    blocks = figures["by_block_s"]
    return [
        Line(
            what=f"slider to the preview's new figure on screen, {figures['changes']} changes",
            figure=f"median {figures['median_s']:.1f} s ({figures['p10_s']:.1f} to {figures['p90_s']:.1f}; "
            f"block 9 {blocks['9']:.1f} s, block 1 {blocks['1']:.1f} s)",
            goal=verdict(f"{figures['target_s']:g} s", figures["median_s"] <= figures["target_s"]),
        ),
        Line(what="first preview after opening the page", figure=f"{figures['first_s']:.1f} s", short=False),
    ]


def sweep(figures: Figures) -> list[Line]:
    """The walk against one by one."""
    alone, shared, goal = figures["seconds"]["one by one"], figures["seconds"]["walk"], figures["goal"]
    return [
        Line(
            what=f"{figures['title'][0].lower()}{figures['title'][1:]}, sharing what they have in common",
            figure=_range(shared, "s"),
            ratio=f"{figures['ratio']:.1f} times, results equal",
            rival=f"one by one, {_range(alone, 's')}",
            goal=verdict(f"{goal:g} times", figures["ratio"] >= goal),
        )
    ]


def _range(values: list[float], unit: str) -> str:
    low, high = f"{min(values):.0f}", f"{max(values):.0f}"
    return f"{low} {unit}" if low == high else f"{low} to {high} {unit}"


def prediction(figures: Figures) -> list[Line]:
    """How far predictions were off."""
    return [
        Line(
            what=f"prediction of {figures['held_out']} random schedules that nothing was learnt from",
            figure=f"off by {figures['mean_error_points']:.2f} points on average (largest "
            f"{figures['largest_error_points']:.2f}), the 90 % interval held for {figures['interval_held']}",
        )
    ]


def sensitivity(figures: Figures) -> list[Line]:
    """Seconds of a first look at all blocks."""
    return [
        Line(
            what=f"sensitivity of nine blocks, {figures['counts']} counts each, nothing measured before",
            figure=f"{figures['seconds']:.0f} s",
        )
    ]


def gpu(figures: Figures) -> list[Line]:
    """What a GPU reaches, beside its own bandwidth and arithmetic; a figure's name ends with its unit."""
    return [
        Line(what=what, figure=f"{value:,.4g} {unit}")
        for (what, _, unit), value in ((name.rpartition(", "), value) for name, value in figures["figures"].items())
    ]


def startup(figures: Figures) -> list[Line]:
    """Seconds of the start, and what the server takes at rest."""
    return [
        Line(what="server ready after", figure=f"{figures['server_s']:.1f} s"),
        Line(what="first page, with all its charts, after that", figure=f"{figures['first_page_s']:.1f} s"),
        Line(what="first run can be started after that", figure=f"{figures['usable_s']:.1f} s"),
        Line(what="memory of the server", figure=f"{figures['memory_mb']:.0f} MB"),
        Line(what="of a core at rest, workers included", figure=f"{100 * figures['rest_share']:.1f} %"),
    ]


def pages(figures: Figures) -> list[Line]:
    """The slowest view of each size of the store."""
    goal, at = figures["goal_seconds"], figures["goal_runs"]
    lines = []
    for size in sorted({view["runs"] for view in figures["views"]}):
        views = [view for view in figures["views"] if view["runs"] == size]
        first, again = max(views, key=lambda view: view["first"]), max(views, key=lambda view: view["median"])
        lines.append(
            Line(
                what=f"script of the slowest of {len(views)} views, {size:,} runs in the store",
                figure=f"nothing cached {first['first']:.2f} s ({first['view']}), then {again['median']:.2f} s "
                f"({again['view']})",
                goal=verdict(f"{goal:g} s", again["median"] < goal) if size == at else "",
                short=size == at,
            )
        )
    return lines


def torch_pruning(figures: Figures) -> list[Line]:
    """Our default and the rival, pruned alike; both in percent of the test images."""
    ours, rival = figures["ours"], figures["rival"]
    gained = 100 * (ours["accuracy"] - rival["accuracy"])
    how = f"{rival['importance']}{', recalibrated' if rival['recalibrated'] else ''}"
    return [
        Line(
            what=f"prune {figures['schedule']} by `{ours['method']}`, no gradient and no label, not fine-tuned",
            figure=f"{percent(ours['accuracy'], 2)} of the test images, {ours['seconds']:.1f} s",
            ratio=f"{gained:+.1f} points",
            rival=f"Torch-Pruning {rival['version']}, {how}: {percent(rival['accuracy'], 2)}, {rival['seconds']:.1f} s",
        )
    ]


BENCHMARKS = (
    Benchmark(
        name="training",
        title="Training",
        module="training",
        lines=throughput("training with the six augmentations"),
        arguments=("--steps", "40"),
    ),
    Benchmark(name="evaluation", title="Evaluation", module="evaluation", lines=throughput("evaluating the test set")),
    Benchmark(name="augmentation", title="Augmentation", module="augmentation", lines=augmentation),
    Benchmark(
        name="torch_pruning",
        title="Pruning beside Torch-Pruning",
        module="torch_pruning",
        lines=torch_pruning,
        # The rival's usual score, with batch norm estimated anew, which it does not do by itself and gains by.
        arguments=("moderate", "--importance", "magnitude-l2", "--recalibrate"),
        quick=("--calibration", "20"),
    ),
    Benchmark(name="sweep", title="Sweeps", module="sweep", lines=sweep),
    Benchmark(name="sensitivity", title="Sensitivity", module="sensitivity", lines=sensitivity),
    Benchmark(name="prediction", title="Prediction", module="prediction", lines=prediction),
    Benchmark(name="slider", title="Slider", module="slider", lines=slider, quick=("--presses", "3")),
    Benchmark(name="preview", title="Preview", module="preview", lines=preview, quick=("--rounds", "1")),
    Benchmark(name="startup", title="Start", module="startup", lines=startup, quick=()),
    Benchmark(name="pages", title="Pages", module="pages", lines=pages, quick=("--sizes", "6", "--repeats", "2")),
    Benchmark(name="growth", title="How cost grows", module="growth"),
    Benchmark(name="profile", title="Where the time goes", module="profile"),
    Benchmark(
        name="training-gpu",
        title="Training on a GPU",
        module="training",
        lines=throughput("training with the six augmentations"),
        arguments=("--steps", "78", "--device", "cuda"),
        gpu=True,
    ),
    Benchmark(
        name="evaluation-gpu",
        title="Evaluation on a GPU",
        module="evaluation",
        lines=throughput("evaluating the test set"),
        arguments=("--device", "cuda"),
        gpu=True,
    ),
    Benchmark(
        name="gpu",
        title="The GPU's share",
        module="gpu",
        lines=gpu,
        quick=("--quick", "--device", "cpu"),
        gpu=True,
    ),
)
BY_NAME = {benchmark.name: benchmark for benchmark in BENCHMARKS}
