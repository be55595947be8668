"""Parts of a worker, tested without a worker process."""

from __future__ import annotations

from roboreg_core.errors import SpecError
from roboreg_core.jobs.worker import Throttle, one_line
from tests.jobs.helpers import until


def test_the_newest_of_a_quick_succession_is_sent_though_nothing_follows() -> None:
    sent: list[str] = []
    thinned = Throttle(sent.append, interval=0.05)
    for text in ("first", "second", "third"):
        thinned.add(text)
    assert sent == ["first"]
    until(lambda: len(sent) > 1)
    assert sent == ["first", "third"]


def test_what_is_to_be_kept_is_sent_at_once_in_place_of_older_ones() -> None:
    sent: list[str] = []
    thinned = Throttle(sent.append, interval=60)
    for text in ("first", "second"):
        thinned.add(text)
    thinned.add("kept", keep=True)
    thinned.add("last")
    thinned.close()
    thinned.close()
    assert sent == ["first", "kept", "last"]


def test_errors_are_one_line() -> None:
    assert one_line(SpecError("steps must be\n1..9")) == "steps must be 1..9"
    assert one_line(ValueError("a\nb")) == "ValueError: a b"
    assert one_line(KeyError()) == "KeyError"
