import pytest
import torch
import torch.nn.functional as F

from roboreg_core.pruning import last_layer
from roboreg_core.pruning.last_layer import fit_last_layer
from roboreg_core.pruning.least_squares import ridge, second_moments
from tests.tolerance import assert_same


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def divergence(features: torch.Tensor, wanted: torch.Tensor, weights: torch.Tensor) -> float:
    found = (features @ weights[:-1] + weights[-1]).log_softmax(1)
    return float(F.kl_div(found, wanted.log_softmax(1), reduction="batchmean", log_target=True))


def test_probabilities_are_closer_than_after_fitting_logits_only() -> None:
    features, start = draw(500, 6), draw(7, 10, seed=1)
    wanted = features @ start[:-1] + 2 * draw(500, 10, seed=2)
    solved = fit_last_layer(features, wanted, start)
    to_logits = ridge(second_moments([(features, wanted)]), start).float()
    assert divergence(features, wanted, solved) < divergence(features, wanted, to_logits)
    assert divergence(features, wanted, solved) < divergence(features, wanted, start)


def test_a_layer_without_error_is_unchanged() -> None:
    features, start = draw(500, 6), draw(7, 10, seed=1)
    wanted = features @ start[:-1] + start[-1]
    assert_same(fit_last_layer(features, wanted, start), start, terms=len(features))


def test_one_image_or_features_that_are_zero_give_finite_weights() -> None:
    start = draw(7, 10)
    for features in (draw(1, 6), torch.zeros(1, 6), torch.zeros(20, 6)):
        assert torch.isfinite(fit_last_layer(features, draw(len(features), 10), start)).all()


def test_many_classes_are_fitted_to_the_same_optimum(monkeypatch: pytest.MonkeyPatch) -> None:
    features, start = draw(500, 6), draw(7, 10, seed=1)
    wanted = features @ start[:-1] + 2 * draw(500, 10, seed=2)
    by_newton = fit_last_layer(features, wanted, start)
    monkeypatch.setattr(last_layer, "LARGEST_HESSIAN", 0)
    by_gradients = fit_last_layer(features, wanted, start)
    # Both stop at a small gain of the loss, which is quadratic in the distance to the optimum.
    assert float((by_newton - by_gradients).norm()) < 0.01 * float(by_newton.norm())
    assert abs(divergence(features, wanted, by_newton) - divergence(features, wanted, by_gradients)) < 1e-3
