"""Verdicts of paired significance tests as text."""

from __future__ import annotations

from roboreg_core.evaluation.paired_tests import Verdict, p_words
from roboreg_core.wording import fmt

# Stored kinds of a verdict and their text where it differs.
_KIND_WORDS = {"within noise": "not significant"}


def kind_words(kind: str) -> str:
    """`gain`, `loss`, `no change` or `not significant` for the kind of a verdict."""
    return _KIND_WORDS.get(kind, kind)


def verdict_words(verdict: Verdict) -> str:
    """`lost 0.4 percentage points, significant (p = 0.003)` or `not significant (gained ..., p = 0.62)`."""
    if not verdict.difference:
        return "no change"
    size = fmt.points(verdict.difference) if abs(verdict.difference) >= 0.0005 else f"less than {fmt.points(0.001)}"
    change = f"{'gained' if verdict.difference > 0 else 'lost'} {size}"
    p = p_words(verdict.p)
    return f"{change}, significant ({p})" if verdict.is_real else f"not significant ({change}, {p})"
