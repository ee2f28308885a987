import numpy as np
import pytest
import torch
from torch import nn

from nbdgm.networks import mlp


def test_layers_in_order_and_no_activation_at_the_end():
    net = mlp([7, 5, 3, 2], activation=nn.SiLU, normalisation=nn.BatchNorm1d)
    kinds = [nn.Linear, nn.BatchNorm1d, nn.SiLU, nn.Linear, nn.BatchNorm1d, nn.SiLU, nn.Linear]
    assert [type(layer) for layer in net] == kinds
    assert [(layer.in_features, layer.out_features) for layer in net if isinstance(layer, nn.Linear)] == [
        (7, 5),
        (5, 3),
        (3, 2),
    ]
    assert net(torch.zeros(4, 7)).shape == (4, 2)
    assert net[2] is not net[5]


def test_two_sizes_make_one_linear_layer():
    assert [type(layer) for layer in mlp([3, 4])] == [nn.Linear]


@pytest.mark.parametrize("sizes", [[], [3], [3, 0], [3, -1, 2], [3, 2.5], "ab", 7, None, [True, 2], [np.float64(3), 2]])
def test_bad_sizes_are_named(sizes):
    with pytest.raises(ValueError, match="mlp: sizes must be two or more positive integers"):
        mlp(sizes)


def test_numpys_numbers_are_numbers():
    net = mlp(np.array([3, 4, 2]), normalisation=nn.BatchNorm1d)
    assert net(torch.zeros(5, 3)).shape == (5, 2) and type(net[0].in_features) is int
