import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call

from nbdgm.networks import Crowd, mlp


def alone(crowd, i, activation):
    """The i-th copy as a network of its own."""
    sizes = [crowd.weights[0].shape[1], *(w.shape[2] for w in crowd.weights)]
    net = mlp(sizes, activation)
    linear = [layer for layer in net if isinstance(layer, nn.Linear)]
    for layer, weight, bias in zip(linear, crowd.weights, crowd.biases, strict=True):
        layer.weight.data, layer.bias.data = weight[i].T.clone(), bias[i, 0].clone()
    return net


@pytest.mark.parametrize("activation", [nn.SiLU, nn.ReLU, lambda: nn.LeakyReLU(0.2)])
def test_each_copy_is_an_mlp_of_its_own(activation):
    crowd, x = Crowd(3, [2, 5, 4, 1], activation), torch.randn(3, 7, 2)
    y = crowd(x)
    assert y.shape == (3, 7, 1)
    for i in range(3):
        torch.testing.assert_close(y[i], alone(crowd, i, activation)(x[i]))


def test_gradients_stay_within_their_copy():
    crowd = Crowd(3, [2, 5, 1])
    crowd(torch.randn(3, 7, 2))[1].sum().backward()
    for p in crowd.parameters():
        assert p.grad[0].abs().sum() == 0 and p.grad[2].abs().sum() == 0 and p.grad[1].abs().sum() > 0


def test_initial_weights_follow_the_law_of_linear_layers():
    torch.manual_seed(0)
    crowd = Crowd(200, [16, 30, 1])
    layer = torch.cat([nn.Linear(16, 30).weight.detach().flatten() for _ in range(200)])
    ours = crowd.weights[0].detach()
    assert ours.abs().max() <= 0.25 and ours.std() == pytest.approx(layer.std().item(), rel=0.02)
    assert crowd.biases[0].abs().max() <= 0.25 and crowd.biases[0].detach().std() == pytest.approx(layer.std().item(), rel=0.05)


def test_start_is_the_last_bias():
    crowd = Crowd(2, [3, 4, 2], start=[4.0, 0.0])
    assert crowd.biases[-1].tolist() == [[[4.0, 0.0]]] * 2


def test_parameters_may_be_replaced_for_a_call():
    """torch.func, as unrolled GANs use it."""
    crowd, x = Crowd(2, [2, 4, 1]), torch.randn(2, 3, 2)
    zeros = {name: torch.zeros_like(p) for name, p in crowd.named_parameters()}
    assert functional_call(crowd, zeros, (x,)).abs().max() == 0 < crowd(x).abs().max()


@pytest.mark.parametrize(
    ("copies", "sizes"), [(0, [1, 2]), (2, [1]), (2, [1, 0]), (1.5, [1, 2]), (2, []), (True, [1, 2]), (2, 3)]
)
def test_bad_sizes_are_named(copies, sizes):
    with pytest.raises(ValueError, match="Crowd: copies and two or more sizes must be positive integers"):
        Crowd(copies, sizes)


@pytest.mark.parametrize("shape", [(5, 2), (3, 5, 2), (2, 5, 3)])
def test_a_batch_of_another_shape_is_named(shape):
    with pytest.raises(ValueError, match=r"Crowd: x must have shape \(2, B, 2\)"):
        Crowd(2, [2, 3, 1])(torch.zeros(shape))


def test_numpys_numbers_are_numbers():
    crowd = Crowd(np.int64(2), np.array([3, 4, 2]), start=np.array([4.0, 0.5]))
    assert crowd(torch.zeros(2, 5, 3)).shape == (2, 5, 2) and type(crowd.copies) is int
    assert crowd.biases[-1].dtype == torch.float32 and crowd.biases[-1].tolist() == [[[4.0, 0.5]]] * 2
    for start in (3, [3], torch.tensor(3, dtype=torch.uint8)):
        assert Crowd(2, [3, 2], start=start).biases[-1].tolist() == [[[3.0, 3.0]]] * 2


@pytest.mark.parametrize("start", [[1.0, 2.0, 3.0], [[1.0, 2.0]], []])
def test_a_start_of_another_length_is_named(start):
    with pytest.raises(ValueError, match=r"Crowd: start must be a number or 2 of them, got shape"):
        Crowd(2, [3, 2], start=start)
