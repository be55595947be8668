import pytest
from hypothesis import given
from hypothesis import strategies as st

from roboreg_core.evaluation.wilson_interval import wilson


@given(st.integers(1, 5_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_share_and_mirrors(case: tuple[int, int]) -> None:
    right, images = case
    low, high = wilson(right, images)
    assert 0 <= low <= right / images <= high <= 1
    assert low < high
    assert wilson(images - right, images) == pytest.approx((1 - high, 1 - low))


def test_known_values() -> None:
    # Newcombe (1998), Statistics in Medicine 17: 81 of 263, 15 of 148, 0 of 20.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0, 0.1611), abs=5e-5)
