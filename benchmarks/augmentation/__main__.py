"""Augmentation: throughput compared with torchvision and kornia, share of an epoch, picture.

python -m benchmarks.augmentation            # with kornia if requirements-rivals.txt is installed
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
# Steps of an epoch of the bundled training images.
STEPS = 78

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    epochs: Annotated[int, typer.Option(help="Epochs of 78 steps for the share of augmentation.")] = 3,
    images: Annotated[int, typer.Option(help="Images per turn.")] = 2_560,
    repeats: Annotated[int, typer.Option(help="Timed turns, after a warm-up turn.")] = 5,
    quick: Annotated[bool, typer.Option("--quick", help="Few images, one turn: only tests this script.")] = False,
    json: Annotated[Path | None, typer.Option(help="Also write the figures to this file.")] = None,
) -> None:
    """Measure throughput and the share of an epoch, and print both."""
    if context.invoked_subcommand is not None:
        return
    steps, epochs, images, repeats = (3, 1, 256, 1) if quick else (STEPS, epochs, images, repeats)
    rows = speed.measure(images, repeats)
    if not rivals.present(speed.KORNIA):
        print(f"kornia is not installed and left out; run: {rivals.INSTALL}\n")
    shares = [share.measure(precision, steps, epochs) for precision in precisions("cpu")]
    for each in shares:
        print(
            f"{each.share:.2%} of an epoch in {each.precision} is augmentation, over {each.steps} steps "
            f"({each.images_a_second:,.0f} images/s); goal: under {share.GOAL:.0%}"
        )
    shared = [{**asdict(each), "share": each.share} for each in shares]
    more = {"share_goal": share.GOAL, "shares": shared}
    facts = {"images": f"{images:,} per turn", "turns": repeats}
    show("The six augmentations alone", rows, facts, quick=quick, out=json, more=more)


@app.command("sheet")
def write_sheet(out: Annotated[Path, typer.Option(help="File of the picture.")] = PICTURE) -> None:
    """Write the contact sheet: each augmentation and all six, ours and torchvision's."""
    sheet.sheet().save(out, optimize=True)
    print(f"wrote {out}")


if __name__ == "__main__":
    app()
