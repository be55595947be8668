"""Test of a network against guessing."""

from scipy.special import bdtrc

# Significance level of the one-sided binomial test.
LEVEL = 0.001


def beats_guessing(right: int, images: int, n_classes: int) -> bool:
    """True if `right` correct predictions of `images` are significantly more than random guessing would give.

    One-sided binomial test at the level `LEVEL`, with a chance of 1 / `n_classes` per image.
    """
    return bool(right > 0 and bdtrc(right - 1, images, 1 / n_classes) < LEVEL)


def guessing_notes(accuracy: float, images: int, n_classes: int) -> list[str]:
    """A list of one warning if an accuracy (0..1) on `images` images is not better than guessing, else []."""
    if beats_guessing(round(accuracy * images), images, n_classes):
        return []
    return [f"accuracy {accuracy:.1%} is within chance of guessing: this network does not fit these images"]
