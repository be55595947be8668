"""The benchmarks: the command that starts each one, and its figures as table rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Figures = Mapping[str, Any]
REACHED, MISSED = "reached", "missed"
# The contender of training and evaluation that the README shows.
HEADLINE_CONTENDER = "RoboReg, float32"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One measured figure.

    Attributes:
        what: measured quantity.
        figure: value with unit and spread.
        ratio: factor or difference against the reference; empty without one.
        rival: reference and its value; empty without one.
        goal: target and whether it was reached; empty without one.
        headline: True if the README shows it.
    """

    what: str
    figure: str
    ratio: str = ""
    rival: str = ""
    goal: str = ""
    headline: bool = False


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """A benchmark.

    Attributes:
        name: name on the command line and of its file in `benchmarks/measured`.
        title: heading in docs/performance.md.
        module: module in `benchmarks`.
        arguments: command-line arguments of a measurement; `quick` ones are added to test the script only.
        lines: table rows from the figures; None for benchmarks with a separate section.
        headline: True if the README shows one of its lines.
        gpu: True if it needs a GPU.
    """

    name: str
    title: str
    module: str
    lines: Callable[[Figures], list[Line]] | None = None
    arguments: tuple[str, ...] = ()
    quick: tuple[str, ...] = ("--quick",)
    headline: bool = False
    gpu: bool = False

    @property
    def command(self) -> str:
        """Command line of a measurement."""
        return " ".join(["python -m", f"benchmarks.{self.module}", *self.arguments])


def percent(share: float, digits: int = 1) -> str:
    """Format a share, 0..1, as a percentage."""
    return f"{share:.{digits}%}".replace("%", " %")


def verdict(goal: str, reached: bool) -> str:
    """Format a goal with its outcome."""
    return f"{goal}: {REACHED if reached else MISSED}"


def throughput(what: str) -> Callable[[Figures], list[Line]]:
    """Return a function that makes one line per contender; the first contender is the reference."""

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
        headline=row["name"] == HEADLINE_CONTENDER,
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
    return [*throughput("six augmentations")(figures), *shares]


def slider(figures: Figures) -> list[Line]:
    """Milliseconds from a key press to the updated costs."""
    target = figures["target_ms"]
    return [
        Line(
            what=f"from slider to updated costs in Chromium, {figures['presses']} key presses",
            figure=f"median {figures['median_ms']:.0f} ms ({figures['p10_ms']:.0f} to {figures['p90_ms']:.0f})",
            goal=verdict(f"{target:g} ms", figures["median_ms"] <= target),
        )
    ]


def preview(figures: Figures) -> list[Line]:
    """Seconds from a key press to the updated preview."""
    blocks = figures["by_block_s"]
    return [
        Line(
            what=f"from slider to updated preview (accuracy after pruning), {figures['changes']} changes",
            figure=f"median {figures['median_s']:.1f} s ({figures['p10_s']:.1f} to {figures['p90_s']:.1f}; "
            f"block 9 {blocks['9']:.1f} s, block 1 {blocks['1']:.1f} s)",
            goal=verdict(f"{figures['target_s']:g} s", figures["median_s"] <= figures["target_s"]),
            headline=True,
        ),
        Line(what="first preview after opening the page", figure=f"{figures['first_s']:.1f} s"),
    ]


def sweep(figures: Figures) -> list[Line]:
    """Seconds with shared prefixes, against pruning each schedule from the start."""
    alone, shared, goal = figures["seconds"]["one by one"], figures["seconds"]["walk"], figures["goal"]
    return [
        Line(
            what=f"{figures['title'][0].lower()}{figures['title'][1:]}, with shared prefixes",
            figure=_range(shared, "s"),
            ratio=f"{figures['ratio']:.1f} times, equal results",
            rival=f"each schedule from the start, {_range(alone, 's')}",
            goal=verdict(f"{goal:g} times", figures["ratio"] >= goal),
            headline=True,
        )
    ]


def _range(values: list[float], unit: str) -> str:
    low, high = f"{min(values):.0f}", f"{max(values):.0f}"
    return f"{low} {unit}" if low == high else f"{low} to {high} {unit}"


def prediction(figures: Figures) -> list[Line]:
    """Error of the predicted accuracies, and coverage of their intervals."""
    held_out = figures["held_out"]
    return [
        Line(
            what=f"predicted accuracy of {held_out} random schedules that the predictor was not fitted to",
            figure=f"mean absolute error {figures['mean_error_points']:.2f} pp (largest "
            f"{figures['largest_error_points']:.2f} pp); {figures['interval_held']} of {held_out} intervals "
            "(90 %) contain the measured value",
            headline=True,
        )
    ]


def sensitivity(figures: Figures) -> list[Line]:
    """Seconds of a first sensitivity analysis."""
    return [
        Line(
            what=f"sensitivity of all blocks, {figures['counts']} numbers of filters each, without earlier points",
            figure=f"{figures['seconds']:.0f} s",
        )
    ]


def gpu(figures: Figures) -> list[Line]:
    """Figures of a GPU with its measured bandwidth and arithmetic; a figure's name ends with its unit."""
    return [
        Line(what=what, figure=f"{value:,.4g} {unit}")
        for (what, _, unit), value in ((name.rpartition(", "), value) for name, value in figures["figures"].items())
    ]


def startup(figures: Figures) -> list[Line]:
    """Seconds of the start, memory and idle load of the server."""
    return [
        Line(what="start until the server responds", figure=f"{figures['server_s']:.1f} s"),
        Line(what="from then until the first page with all charts", figure=f"{figures['first_page_s']:.1f} s"),
        Line(what="from then until a run can be started", figure=f"{figures['usable_s']:.1f} s"),
        Line(what="memory of the server", figure=f"{figures['memory_mb']:.0f} MB"),
        Line(what="idle load of server and workers", figure=f"{100 * figures['rest_share']:.1f} % of a core"),
    ]


def pages(figures: Figures) -> list[Line]:
    """Script time of the slowest view at each size of the store."""
    goal, at = figures["goal_seconds"], figures["goal_runs"]
    lines = []
    for size in sorted({view["runs"] for view in figures["views"]}):
        views = [view for view in figures["views"] if view["runs"] == size]
        first, again = max(views, key=lambda view: view["first"]), max(views, key=lambda view: view["median"])
        lines.append(
            Line(
                what=f"script of the slowest of {len(views)} views, {size:,} runs in the store",
                figure=f"without caches {first['first']:.2f} s ({first['view']}), with caches {again['median']:.2f} s "
                f"({again['view']})",
                goal=verdict(f"{goal:g} s", again["median"] < goal) if size == at else "",
            )
        )
    return lines


def many_runs(figures: Figures) -> list[Line]:
    """Seconds, and seconds of processor time, with thousands of runs."""
    script, browser, listed = figures["script"], figures["browser"], figures["list"]
    first, again = figures["goal_first"], figures["goal_again"]

    def seconds(part: Figures, name: str, whose: str = "processor time") -> str:
        return f"{part[f'{name}_s']:.2f} s ({whose} {part[f'{name}_processor_s']:.2f} s)"

    return [
        Line(
            what=f"script of Overview, {figures['runs']:,} runs in the store, without caches",
            figure=seconds(script, "first"),
            goal=verdict(f"{first:g} s", script["first_s"] < first),
        ),
        Line(
            what="the same with caches",
            figure=seconds(script, "again"),
            goal=verdict(f"{again:g} s", script["again_s"] < again),
        ),
        Line(
            what="Overview in Chromium until chart and table are drawn, first visit after the start",
            figure=seconds(browser, "first", "processor time of the server"),
        ),
        Line(what="the same, next visit", figure=seconds(browser, "again", "processor time of the server")),
        Line(
            what="`roboreg_core runs list --json`",
            figure=f"{seconds(listed, 'once')}, {listed['memory_mb']:.0f} MB",
        ),
    ]


def torch_pruning(figures: Figures) -> list[Line]:
    """Test accuracy of our default method and of Torch-Pruning, both without fine-tuning."""
    ours, rival = figures["ours"], figures["rival"]
    gained = 100 * (ours["accuracy"] - rival["accuracy"])
    how = f"{rival['importance']}{', recalibrated' if rival['recalibrated'] else ''}"
    return [
        Line(
            what=f"pruning to {figures['schedule']} by `{ours['method']}`, without labels, gradients or fine-tuning",
            figure=f"test accuracy {percent(ours['accuracy'], 2)}, {ours['seconds']:.1f} s",
            ratio=f"{gained:+.1f} pp",
            rival=f"Torch-Pruning {rival['version']}, {how}: {percent(rival['accuracy'], 2)}, {rival['seconds']:.1f} s",
        )
    ]


BENCHMARKS = (
    Benchmark(
        name="training",
        title="Training",
        module="training",
        lines=throughput("training with six augmentations"),
        arguments=("--steps", "40"),
        headline=True,
    ),
    Benchmark(
        name="evaluation",
        title="Evaluation",
        module="evaluation",
        lines=throughput("evaluating the test images"),
        headline=True,
    ),
    Benchmark(name="augmentation", title="Augmentation", module="augmentation", lines=augmentation),
    Benchmark(
        name="torch_pruning",
        title="Pruning compared with Torch-Pruning",
        module="torch_pruning",
        lines=torch_pruning,
        # The reference's usual criterion; recalibration, which it does not do by itself, improves it.
        arguments=("moderate", "--importance", "magnitude-l2", "--recalibrate"),
        quick=("--calibration", "20"),
    ),
    Benchmark(name="sweep", title="Sweeps", module="sweep", lines=sweep, headline=True),
    Benchmark(name="sensitivity", title="Sensitivity", module="sensitivity", lines=sensitivity),
    Benchmark(name="prediction", title="Prediction", module="prediction", lines=prediction, headline=True),
    Benchmark(name="slider", title="Slider", module="slider", lines=slider, quick=("--presses", "3")),
    Benchmark(name="preview", title="Preview", module="preview", lines=preview, quick=("--rounds", "1"), headline=True),
    Benchmark(name="startup", title="Start", module="startup", lines=startup, quick=()),
    Benchmark(name="pages", title="Pages", module="pages", lines=pages, quick=("--sizes", "6", "--repeats", "2")),
    Benchmark(name="many_runs", title="Thousands of runs", module="many_runs", lines=many_runs),
    Benchmark(name="growth", title="How cost grows", module="growth"),
    Benchmark(name="profile", title="Where the time goes", module="profile"),
    Benchmark(
        name="faults",
        title="Reliability",
        module="faults",
        arguments=("--seed", "0", "--seed", "1", "--minutes", "55"),
    ),
    Benchmark(
        name="training-gpu",
        title="Training on a GPU",
        module="training",
        lines=throughput("training with six augmentations"),
        arguments=("--steps", "78", "--device", "cuda"),
        gpu=True,
    ),
    Benchmark(
        name="evaluation-gpu",
        title="Evaluation on a GPU",
        module="evaluation",
        lines=throughput("evaluating the test images"),
        arguments=("--device", "cuda"),
        gpu=True,
    ),
    Benchmark(
        name="gpu",
        title="GPU utilisation",
        module="gpu",
        lines=gpu,
        quick=("--quick", "--device", "cpu"),
        gpu=True,
    ),
)
BY_NAME = {benchmark.name: benchmark for benchmark in BENCHMARKS}
