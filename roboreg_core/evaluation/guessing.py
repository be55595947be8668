"""Test of a network against guessing."""

from scipy.special import bdtrc

# Significance level of the one-sided binomial test.
LEVEL = 0.001


def beats_guessing(right: int, images: int, n_classes: int) -> bool:
    """True if guessing among equally frequent classes would rarely classify `right` of the images correctly."""
    return bool(right > 0 and bdtrc(right - 1, images, 1 / n_classes) < LEVEL)


def guessing_notes(accuracy: float, images: int, n_classes: int) -> list[str]:
    """Text on an accuracy (0..1) that is not better than guessing, else nothing."""
    if beats_guessing(round(accuracy * images), images, n_classes):
        return []
    return [f"accuracy {accuracy:.1%} is within chance of guessing: this network does not fit these images"]
