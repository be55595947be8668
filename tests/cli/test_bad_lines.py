"""Bad command lines end with code 2 and one line on standard error."""

from __future__ import annotations

import random

import pytest
import typer

from roboreg_core.cli.verbs import app
from tests.command_line import CommandLine

LONG = "x" * 10_000
ARABIC_EIGHTS = ",".join(["\u0668"] * 9)
BAD = [
    # No verb, no such verb.
    (), ("nope",), ("Run", "moderate"), ("--version",), ("-x",), ("",), (LONG,), ("runs\n",), ("runs",),
    ("runs", "nope"), ("runs", "--json"), ("schedules",), ("schedules", "nope"), ("sweeps",), ("sweeps", "nope"),
    ("networks",), ("networks", "nope"), ("data",), ("data", "nope"), ("data", "--fetch"),
    # Missing and superfluous arguments.
    ("cost",), ("evaluate",), ("export",), ("export", "dense"), ("predict",), ("prune",), ("report",), ("run",),
    ("compare",), ("correlate",), ("runs", "show"), ("runs", "delete"), ("runs", "restore"), ("schedules", "show"),
    ("schedules", "save"), ("schedules", "save", "half"), ("schedules", "rename", "half"), ("schedules", "import"),
    ("sweeps", "show"), ("sweeps", "rename", "a"), ("networks", "add"), ("networks", "rename", "dense"),
    ("cost", "moderate", "moderate"), ("methods", "refit"), ("evaluate", "dense", "dense"), ("data", "status", "now"),
    ("runs", "list", "now"), ("schedules", "list", "now"), ("sweep",), ("report", "x"), ("train", "best"),
    # Options: unknown, without a value, twice where one is meant.
    ("cost", "moderate", "--bogus"), ("evaluate", "dense", "--bogus"), ("train", "--bogus", "1"),
    ("run", "moderate", "--epoch", "1"), ("prune", "moderate", "-q"), ("runs", "show", "--block"),
    ("evaluate", "--device"), ("train", "--epochs"), ("search", "--max-macs"), ("methods", "--json=yes"),
    ("sweeps", "list", "--name", "a"), ("networks", "list", "--all"), ("data", "verify", "--quick"),
    # Numbers.
    ("train", "--epochs", "x"), ("train", "--epochs", "1.5"), ("train", "--epochs", "-1"), ("train", "--epochs", ""),
    ("train", "--epochs", "\u0663"), ("train", "--epochs", "9" * 5_000), ("train", "--seed", "one"),
    ("train", "--seeds", "0,a"), ("train", "--seeds", "0,\u0661"), ("train", "--seeds", "1_0"),
    ("train", "--seeds", ","), ("train", "--seeds", "9" * 5_000), ("train", "--batch-size", "0"),
    ("train", "--batch-size", "many"), ("train", "--decay-epochs", "x"), ("search", "--max-macs", "ten"),
    ("search", "--max-macs", "-1"), ("search", "--max-macs", "nan"), ("search", "--max-macs", "\u0665"),
    ("search", "--max-drop", "x"), ("search", "--refine", "x", "--max-macs", "0.5"),
    ("prune", "moderate", "--calibration", "x"), ("prune", "moderate", "--sparsity", "half"),
    ("prune", "moderate", "--method", "weights", "--sparsity", "nan"),
    ("prune", "moderate", "--method", "weights:sparsity=\u0660.\u0665"),
    ("prune", "moderate", "--method", "weights:x=1"), ("prune", "moderate", "--method", "weights:sparsity=0.1_5"),
    ("run", "moderate", "--epochs", "x"), ("run", "moderate", "--learning-rate", "fast"),
    ("run", "moderate", "--batch-size", "-5"), ("runs", "show", "x", "--block", "first"), ("sweep", "--random", "x"),
    # Schedules.
    ("cost", ""), ("cost", "8"), ("cost", "8,8,8"), ("cost", "0,8,8,16,16,16,32,32,32"), ("cost", ARABIC_EIGHTS),
    ("cost", "-1,8,8,16,16,16,32,32,32"), ("cost", "8.0,8,8,16,16,16,32,32,32"),
    ("cost", "1_6,8,8,16,16,16,32,32,32"), ("cost", "modrate"), ("cost", LONG), ("cost", "9" * 5_000),
    ("cost", "\u0668"), ("cost", "a\nb"), ("cost", "\ud800"), ("cost", "\u202e8"), ("predict", "8,8"),
    ("prune", "none"), ("run", "8;8"), ("sweep", "8,8,8"), ("sweep", "moderate", "--grid", "source"),
    ("sweep", "--grid", "nope"), ("sweep", "--stages", "8"), ("sweep", "--stages", "8/\u0668/8"),
    ("sweep", "--blocks", "1/2/3"), ("sweep", "--list", "absent.txt"), ("sweep", "--list", "/dev/zero"),
    ("sensitivity", "--schedule", "8"),
    # Choices and names.
    ("prune", "moderate", "--method", "magic"), ("prune", "moderate", "--method", LONG),
    ("prune", "moderate", "--keep", "x"), ("prune", "moderate", "--clusters", "x"),
    ("prune", "moderate", "--repair", "glue"), ("run", "moderate", "--preset", "x"),
    ("run", "moderate", "--device", "tpu"), ("run", "moderate", "--images", "some"),
    ("evaluate", "dense", "--precision", "x"), ("train", "--recipe", "magic"),
    ("train", "--recipe", "distilled", "--teacher", LONG), ("evaluate", LONG), ("evaluate", "nowhere"),
    ("evaluate", "a\x1b[31mb\nc"), ("evaluate", "\ud800"), ("evaluate", "~nobody-here/net.pt"),
    ("export", "nowhere", "--onnx", "x.onnx"), ("export", LONG, "--onnx", "x.onnx"),
    ("report", "nope", "--out", "x.html"), ("compare", "nope", "nope"), ("compare", "nope", "--baseline", "nope"),
    ("correlate", "--sweep", "nope"), ("correlate", "--sweep", LONG), ("runs", "show", "ffff"),
    ("runs", "show", LONG), ("runs", "delete", "ffff"), ("runs", "restore", "ffff"), ("runs", "show", ""),
    ("schedules", "show", "nope"), ("schedules", "delete", LONG), ("schedules", "save", LONG, "moderate"),
    ("schedules", "save", "", "moderate"), ("schedules", "save", "a\x00b", "moderate"),
    ("schedules", "save", "\u202ea", "moderate"), ("schedules", "save", "a", "moderate", "--tag", LONG),
    ("schedules", "save", "a", "moderate", "--note", LONG), ("schedules", "save", "a", "moderate", "--tag", "b,c"),
    ("schedules", "restore", "nope"), ("schedules", "export"), ("schedules", "export", "nope"),
    ("schedules", "import", "absent"), ("schedules", "import", "/dev/zero"), ("schedules", "import", "/"),
    ("schedules", "import", LONG), ("sweeps", "show", "nope"), ("sweeps", "show", LONG),
    ("sweeps", "rename", "nope", "a"), ("sweeps", "delete", "nope"), ("sweeps", "restore", "nope"),
    ("networks", "add", "absent.pt"), ("networks", "add", LONG), ("networks", "add", "/"),
    ("networks", "add", "/dev/zero"), ("networks", "rename", "dense", "a"), ("networks", "rename", "nope", LONG),
    ("networks", "delete", "dense"), ("networks", "delete", LONG), ("networks", "restore", "nope"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(BAD)), ids=lambda number: ascii(" ".join(BAD[number]))[:60])
def test_a_bad_line_is_refused_with_one_line(roboreg: CommandLine, number: int) -> None:
    refused(roboreg, BAD[number])


def test_random_options_and_values_are_refused_with_one_line(roboreg: CommandLine) -> None:
    """Each verb with an unknown option and odd values: no such line is valid."""
    draw = random.Random(0)
    values = [
        "",
        "0",
        "-1",
        "1e9",
        "\u0663",
        "nan",
        LONG,
        "\ud800",
        "a\nb",
        "--",
        "-",
        "dense",
        "moderate",
        "[red]x[/red]",
    ]
    group = typer.main.get_command(app)
    verbs = [(name,) for name in group.list_commands(None)] + [  # type: ignore[attr-defined]
        (name, inner)
        for name, command in group.commands.items()  # type: ignore[attr-defined]
        for inner in getattr(command, "commands", {})
    ]
    for verb in verbs:
        for _ in range(4):
            refused(roboreg, (*verb, "--no-such-option", *draw.choices(values, k=draw.randrange(4))))


def refused(roboreg: CommandLine, arguments: tuple[str, ...]) -> None:
    out, error = roboreg(*arguments, code=2)
    assert out == ""
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert error[:-1].isprintable()
    assert len(error) < 1_100
    assert "Traceback" not in error
    assert not set(error) & set("╭╮╰╯│─")


def test_there_are_enough_bad_lines() -> None:
    assert len(set(BAD)) >= 118
