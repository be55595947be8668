"""Augmentation: how fast, beside torchvision and kornia; what part of an epoch; and how it looks.

python -m benchmarks.augmentation            # kornia takes part once requirements-rivals.txt is installed, see there
python -m benchmarks.augmentation sheet      # writes docs/images/augmentation.png
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import rivals
from benchmarks.augmentation import share, sheet, speed
from benchmarks.common import precisions, show
from roboreg_core import paths

PICTURE = paths.PROJECT / "docs" / "images" / "augmentation.png"
# An epoch of the bundled training images.
STEPS = 78

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    epochs: Annotated[int, typer.Option(help="Of 78 steps each, of which augmentation is a share.")] = 3,
    images: Annotated[int, typer.Option(help="Images a turn.")] = 2_560,
    repeats: Annotated[int, typer.Option(help="Turns that count.")] = 5,
    quick: Annotated[bool, typer.Option("--quick", help="Few images, one turn: only tests this script.")] = False,
    json: Annotated[Path | None, typer.Option(help="Write the figures here as well.")] = None,
) -> None:
    """Measure throughput and the share of an epoch, and print both."""
    if context.invoked_subcommand is not None:
        return
    steps, epochs, images, repeats = (3, 1, 256, 1) if quick else (STEPS, epochs, images, repeats)
    rows = speed.measure(images, repeats)
    if not rivals.present(speed.KORNIA):
        print(f"kornia is not installed and does not take part; run: {rivals.INSTALL}\n")
    shares = [share.measure(precision, steps, epochs) for precision in precisions("cpu")]
    for each in shares:
        print(
            f"{each.share:.2%} of an epoch in {each.precision} is augmentation, over {each.steps} steps "
            f"({each.images_a_second:,.0f} images/s); goal: under {share.GOAL:.0%}"
        )
    shared = [{**asdict(each), "share": each.share} for each in shares]
    more = {"share_goal": share.GOAL, "shares": shared}
    facts = {"images": f"{images:,} a turn", "turns": repeats}
    show("The six augmentations alone", rows, facts, quick=quick, out=json, more=more)


@app.command("sheet")
def write_sheet(out: Annotated[Path, typer.Option(help="The picture.")] = PICTURE) -> None:
    """Write the contact sheet: each augmentation alone and all six, ours beside torchvision's."""
    sheet.sheet().save(out, optimize=True)
    print(f"wrote {out}")


if __name__ == "__main__":
    app()
