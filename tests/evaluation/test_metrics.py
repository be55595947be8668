import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, classification_report, confusion_matrix

from roboreg_core.datasets.images import CLASSES
from roboreg_core.errors import DataError
from roboreg_core.evaluation.metrics import report


def test_every_figure_is_scikit_learns() -> None:
    generator = torch.Generator().manual_seed(0)
    values, labels = torch.randn(500, 10, generator=generator), torch.randint(0, 10, (500,), generator=generator)
    found = report(values, labels, CLASSES)
    true, predicted = labels.numpy(), values.argmax(1).numpy()
    expected = classification_report(true, predicted, target_names=CLASSES, output_dict=True, zero_division=0)
    assert found.accuracy == accuracy_score(true, predicted)
    assert np.array_equal(found.confusion, confusion_matrix(true, predicted))
    rows = [*found.per_class, found.macro, found.weighted]
    for row, name in zip(rows, [*CLASSES, "macro avg", "weighted avg"], strict=True):
        wanted = expected[name]
        assert (row.precision, row.recall, row.f1) == pytest.approx(
            (wanted["precision"], wanted["recall"], wanted["f1-score"])
        )
        assert row.support == wanted["support"]


def test_a_class_never_predicted_or_never_true_gives_zero_not_nan() -> None:
    found = report(torch.eye(10)[:3], torch.tensor([0, 1, 1]), CLASSES)
    assert found.per_class[2].recall == 0
    assert found.per_class[9].support == 0
    assert found.accuracy == pytest.approx(2 / 3)


@pytest.mark.parametrize("shape", [(0, 0), (3, 2)])
def test_labels_must_match(shape: tuple[int, int]) -> None:
    with pytest.raises(DataError, match="one label per row"):
        report(torch.zeros(shape[0], 10), torch.zeros(shape[1], dtype=torch.long), CLASSES)
