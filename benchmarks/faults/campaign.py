"""Settings of a fault injection campaign, its events, and their outcomes."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from playwright.sync_api import Error as BrowserError

POLL_SECONDS = 0.05

Found = TypeVar("Found")


class Outcome(StrEnum):
    """Outcome of an event."""

    SURVIVED = "survived"
    LOST = "lost"
    WRONG = "wrong"
    SKIPPED = "skipped"


class Lost(Exception):
    """Work or data is gone, or nothing responds any more."""


class Wrong(Exception):
    """A figure differs, the database is damaged, damage was not noticed, or a traceback was shown."""


class Skipped(Exception):
    """This machine does not allow the fault."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """A fault and its outcome.

    Attributes:
        what: the fault, a few words.
        outcome: see `Outcome`.
        reason: why it was not survived; for people, not in documents.
        figures: measured values by name.
    """

    what: str
    outcome: Outcome
    reason: str = ""
    figures: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Event:
        """Inverse of `to_json`."""
        value = json.loads(text)
        return cls(**{**value, "outcome": Outcome(value["outcome"])})


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Settings of one kind of fault.

    Attributes:
        folder: of the campaign, with the small project and the homes.
        seed: of the random moments and places.
        ends: when to begin no further event, on the monotonic clock.
        quick: True for the smallest number of events.
    """

    folder: Path
    seed: int
    ends: float
    quick: bool

    @property
    def project(self) -> Path:
        """The copy of the project that is tested."""
        return self.folder / "project"

    def random(self) -> random.Random:
        """A generator for random moments and places."""
        return random.Random(self.seed)

    def rounds(self, full: int, quick: int) -> Iterator[int]:
        """Count from 0 to the number of rounds, or until the time is up; the first round always happens."""
        for number in range(quick if self.quick else full):
            if number and time.monotonic() > self.ends:
                return
            yield number

    def references(self) -> dict[str, Any]:
        """Results without faults by name of the work, see `work.measure_references`."""
        return dict(json.loads((self.folder / "references.json").read_text()))


def judge(check: Callable[[], None]) -> tuple[Outcome, str]:
    """Call `check`; return its outcome and the reason. Any other exception is wrong: the campaign goes on."""
    try:
        check()
    except Skipped as error:
        return Outcome.SKIPPED, str(error)
    except Lost as error:
        return Outcome.LOST, str(error)
    except BrowserError as error:
        return Outcome.LOST, f"the page did not respond: {str(error).strip()[:300]}"
    except Exception as error:
        return Outcome.WRONG, f"{type(error).__name__}: {error}"
    return Outcome.SURVIVED, ""


def wait_for(ask: Callable[[], Found], seconds: float, problem: str) -> Found:
    """Return the first true answer.

    Raises `Lost`: none within the time; `problem` says which.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = ask()
        if found:
            return found
        if time.monotonic() > deadline:
            raise Lost(f"{problem} within {seconds:.0f} s")
        time.sleep(POLL_SECONDS)
