from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Categorical, kl_divergence

from roboreg_core.datasets.augmentation import NONE, augment
from roboreg_core.datasets.images import Images
from roboreg_core.device import computed_in
from roboreg_core.errors import SpecError
from roboreg_core.evaluation.logits import fold_batch_norm
from roboreg_core.evaluation.logits import logits as evaluate
from roboreg_core.models.normalisation import Normalisation
from roboreg_core.models.resnet import ResNet
from roboreg_core.schedules.schedule import presets
from roboreg_core.seeding import torch_generator
from roboreg_core.training import steps
from roboreg_core.training.distillation import Teacher, distilled, prepare_teacher
from roboreg_core.training.loop import fit
from tests.tolerance import assert_same_logits
from tests.training.helpers import SPEC, STEPS, same

ONE_EPOCH = replace(SPEC, epochs=1)
CPU = torch.device("cpu")


def random_logits(n: int, name: str) -> Tensor:
    return torch.randn(n, 10, generator=torch_generator(0, name), dtype=torch.float64) * 3


@pytest.fixture(scope="module")
def teacher(make_network: Callable[..., ResNet]) -> ResNet:
    return make_network(presets()["moderate"], seed=1)


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_the_loss_is_hintons(weight: float, temperature: float) -> None:
    student, wanted = random_logits(7, "student"), random_logits(7, "teacher")
    labels = torch.arange(7)
    spec = replace(SPEC, distil_weight=weight, temperature=temperature)
    loss = distilled(F.cross_entropy(student, labels), student, wanted, spec)
    divergence = kl_divergence(Categorical(logits=wanted / temperature), Categorical(logits=student / temperature))
    expected = (1 - weight) * F.cross_entropy(student, labels) + weight * temperature**2 * divergence.mean()
    torch.testing.assert_close(loss, expected)


def test_a_student_that_agrees_has_nothing_to_learn() -> None:
    student = random_logits(7, "student").requires_grad_()
    loss = distilled(torch.tensor(9.0), student, student.detach().clone(), replace(SPEC, distil_weight=1.0))
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-12)
    torch.testing.assert_close(student.grad, torch.zeros_like(student))


def test_at_high_temperature_the_gradient_is_the_difference_of_logits() -> None:
    """Equation 4 of Hinton et al. 2015, for logits of mean zero: (student - teacher) / classes, whatever T."""
    student, wanted = (random_logits(1, name) for name in ("student", "teacher"))
    student, wanted = student - student.mean(), wanted - wanted.mean()
    student.requires_grad_()
    spec = replace(SPEC, distil_weight=1.0, temperature=100.0)
    distilled(torch.tensor(9.0), student, wanted, spec).backward()
    torch.testing.assert_close(student.grad, (student - wanted).detach() / 10, atol=0.05, rtol=0.05)


def test_a_network_is_its_own_perfect_teacher(network: ResNet, few_images: Images) -> None:
    teacher = prepare_teacher(network, replace(SPEC, distil_weight=1.0), CPU)
    assert teacher is not None
    wanted = teacher.logits(few_images.pixels)

    def largest_gradient(weight: float) -> float:
        network.zero_grad()
        own = network(network.prepare(few_images.pixels))
        cross_entropy = F.cross_entropy(own, few_images.labels)
        distilled(cross_entropy, own, wanted, replace(SPEC, distil_weight=weight)).backward()
        return max(parameter.grad.abs().max().item() for parameter in network.parameters())

    assert largest_gradient(1.0) < 1e-3 * largest_gradient(0.0)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_teachers_logits_are_those_of_its_evaluation(teacher: ResNet, few_images: Images, precision: str) -> None:
    spec = replace(SPEC, distil_weight=0.5, precision=precision)
    prepared = prepare_teacher(teacher, spec, CPU)
    assert prepared is not None
    said = prepared.logits(few_images.pixels)
    assert (said.dtype, said.requires_grad) == (torch.float32, False)
    # The same precision, so the same rounding.
    assert_same_logits(said, evaluate(teacher, few_images, precision=computed_in(spec.precision, CPU)))
    with torch.no_grad():
        plain = fold_batch_norm(teacher)(teacher.prepare(few_images.pixels))
    assert_same_logits(said, plain, dtype=getattr(torch, precision))


def test_a_teacher_has_its_own_normalisation(teacher: ResNet, few_images: Images) -> None:
    other = copy.deepcopy(teacher)
    other.normalisation = Normalisation(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    prepared = prepare_teacher(other, replace(SPEC, distil_weight=0.5), CPU)
    assert prepared is not None
    with torch.no_grad():
        plain = fold_batch_norm(other)(other.prepare(few_images.pixels))
    assert_same_logits(prepared.logits(few_images.pixels), plain)
    assert (plain - evaluate(teacher, few_images)).norm() > 0.05 * plain.norm()


def test_the_teacher_sees_every_augmented_batch_once(
    network: ResNet, teacher: ResNet, few_images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Tensor] = []
    seen: list[Tensor] = []
    answer = Teacher.logits
    monkeypatch.setattr(steps, "augment", lambda *given: made.append(augment(*given)) or made[-1])
    monkeypatch.setattr(Teacher, "logits", lambda self, pixels: seen.append(pixels) or answer(self, pixels))
    fit(network, few_images, replace(ONE_EPOCH, distil_weight=0.5), teacher=teacher)
    assert len(seen) == STEPS
    assert all(torch.equal(first, second) for first, second in zip(made, seen, strict=True))


def test_the_given_teacher_is_left_alone(network: ResNet, teacher: ResNet, few_images: Images) -> None:
    given = copy.deepcopy(teacher).train()
    fit(network, few_images, replace(ONE_EPOCH, distil_weight=0.5), teacher=given)
    assert same(given.state_dict(), teacher.state_dict())
    assert given.training
    assert all(parameter.requires_grad and parameter.grad is None for parameter in given.parameters())


def test_without_a_weight_a_teacher_changes_nothing(network: ResNet, teacher: ResNet, few_images: Images) -> None:
    alone = fit(network, few_images, ONE_EPOCH)
    ignored = fit(network, few_images, ONE_EPOCH, teacher=teacher)
    taught = fit(network, few_images, replace(ONE_EPOCH, distil_weight=0.9), teacher=teacher)
    assert same(alone.model.state_dict(), ignored.model.state_dict())
    assert not same(alone.model.state_dict(), taught.model.state_dict())


def test_a_weight_without_a_teacher_is_refused(network: ResNet, few_images: Images) -> None:
    with pytest.raises(
        SpecError, match=r"distil weight must be 0 without a teacher, got 0\.9; provide a teacher network"
    ):
        fit(network, few_images, replace(ONE_EPOCH, distil_weight=0.9))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_student_comes_to_agree(network: ResNet, teacher: ResNet, few_images: Images, precision: str) -> None:
    # The rate is low because untrained networks' logits are large, and distillation's gradient up to T times the usual.
    spec = replace(SPEC, epochs=10, batch_size=25, learning_rate=0.002, augmentation=NONE, precision=precision)
    spec = replace(spec, distil_weight=1.0)
    fitted = fit(network, few_images, spec, teacher=teacher)
    wanted = Categorical(logits=evaluate(teacher, few_images))

    def distance(model: ResNet) -> float:
        return kl_divergence(wanted, Categorical(logits=evaluate(model, few_images))).mean().item()

    assert distance(fitted.model) < 0.5 * distance(network)
