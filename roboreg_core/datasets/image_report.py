"""Report on a folder or ZIP of pictures before it becomes a data set. Without torch."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from roboreg_core.datasets.own_images import SPLITS
from roboreg_core.datasets.splits import Duplicates

FEWEST_CLASSES, MOST_CLASSES = 2, 200
FEWEST_PICTURES, MOST_PICTURES = 40, 200_000
# With fewer test pictures, the 95 % interval of a recall is wider than ±20 percentage points.
FEWEST_TEST = 20
# Names of files in the report; the numbers count all.
MOST_SHOWN = 1_000


@dataclass(frozen=True, kw_only=True)
class ImageReport:
    """Report on the pictures of a source.

    Attributes:
        origin: the source, e.g. `ZIP digits.zip`.
        image_size: height and width of the stored images in pixels.
        classes: class names.
        counts: split -> number of pictures per class, after the removal of duplicates.
        drawn: splits that were drawn at random, with a fixed seed, because the source lacks them.
        unreadable: (file, reason) of the unreadable files, at most `MOST_SHOWN`.
        n_unreadable: number of all unreadable files.
        n_outside: number of files outside the folders of classes, which are ignored.
        duplicates: numbers of exact duplicates within and between splits.
        pairs: names of (a duplicate, the file that it equals), at most `MOST_SHOWN`.
        n_conflicting: number of duplicates that equal a picture of another class.
    """

    origin: str
    image_size: int
    classes: tuple[str, ...]
    counts: dict[str, tuple[int, ...]]
    drawn: tuple[str, ...]
    unreadable: tuple[tuple[str, str], ...]
    n_unreadable: int
    n_outside: int
    duplicates: tuple[Duplicates, ...]
    pairs: tuple[tuple[str, str], ...]
    n_conflicting: int

    @property
    def n_pictures(self) -> int:
        """Number of pictures in all splits, without removed duplicates."""
        return sum(sum(each) for each in self.counts.values())

    @property
    def few_test(self) -> tuple[str, ...]:
        """Classes with fewer than `FEWEST_TEST` test pictures; their recalls have wide confidence intervals."""
        return tuple(name for name, n in zip(self.classes, self.counts["test"], strict=True) if n < FEWEST_TEST)

    @property
    def problems(self) -> tuple[str, ...]:
        """Reasons why the pictures cannot become a data set, each with its remedy; empty if they can."""
        found = []
        if not FEWEST_CLASSES <= len(self.classes) <= MOST_CLASSES:
            found.append(
                f"a data set must have {FEWEST_CLASSES} to {MOST_CLASSES} classes, got {len(self.classes)}: make "
                "one folder per class"
            )
        if not FEWEST_PICTURES <= self.n_pictures <= MOST_PICTURES:
            found.append(
                f"a data set must have {FEWEST_PICTURES} to {MOST_PICTURES:,} pictures, got {self.n_pictures:,}"
                f"{self._lost}: add pictures"
            )
        untrained = [name for name, n in zip(self.classes, self.counts["training"], strict=True) if not n]
        if untrained:
            found.append(
                f"each class must have a training picture, got none of {_some(untrained)}{self._lost}: add others, or "
                "leave these classes out"
            )
        empty = [split for split in ("validation", "test") if not sum(self.counts[split])]
        if empty:
            found.append(f"a data set must have {' and '.join(empty)} pictures, got none{self._lost}: add pictures")
        return tuple(found)

    @property
    def _lost(self) -> str:
        removed = sum(each.count for each in self.duplicates if each.removed)
        parts = [f"{self.n_unreadable:,} files are unreadable"] if self.n_unreadable else []
        parts += [f"{removed:,} exact duplicates were removed"] if removed else []
        return f" ({' and '.join(parts)})" if parts else ""

    @property
    def lines(self) -> list[str]:
        """The findings as sentences, the most important first."""
        counts = ", ".join(f"{sum(self.counts[split]):,} {split}" for split in SPLITS)
        lines = [f"{self.n_pictures:,} pictures of {len(self.classes)} classes: {counts}."]
        if self.drawn:
            lines.append(f"Chosen at random with a fixed seed, the same share of each class: {', '.join(self.drawn)}.")
        if self.n_unreadable:
            names = [f"{name} ({reason})" for name, reason in self.unreadable]
            lines.append(f"Unreadable files, left out: {self.n_unreadable:,}, {_some(names)}.")
        if self.n_outside:
            lines.append(f"Files outside the folders of classes, ignored: {self.n_outside:,}.")
        lines += [_duplicates(each) for each in self.duplicates]
        if self.n_conflicting:
            lines.append(
                f"Of these duplicates, equal to a picture of another class: {self.n_conflicting:,}; check them."
            )
        if self.few_test:
            lines.append(
                f"Classes with fewer than {FEWEST_TEST} test pictures and therefore wide intervals: "
                f"{len(self.few_test)}, {_some(self.few_test)}."
            )
        return lines

    def to_json(self) -> dict[str, Any]:
        """JSON object: all attributes, and the properties `n_pictures`, `few_test`, `problems` and `lines`."""
        return {
            **asdict(self),
            "n_pictures": self.n_pictures,
            "few_test": list(self.few_test),
            "problems": list(self.problems),
            "lines": self.lines,
        }


def _duplicates(found: Duplicates) -> str:
    if found.split == found.other:
        where = "" if found.split == "all" else f" within the {found.split} pictures"
        kept = "removed except for the first of each" if found.removed else "kept"
        return f"Exact duplicates{where}, {kept}: {found.count:,}."
    return f"Exact duplicates of {found.other} pictures, removed from the {found.split} pictures: {found.count:,}."


def _some(names: Sequence[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")
