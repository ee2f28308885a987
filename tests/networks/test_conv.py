import numpy as np
import pytest
import torch
from torch import nn

from nbdgm.networks import conv_decoder, conv_encoder, dcgan_critic, dcgan_generator

TRACES = {28: [7, 14, 28], 32: [4, 8, 16, 32], 64: [4, 8, 16, 32, 64]}


def sides(net, x):
    """Side of every feature map on the way, once each."""
    trace = []
    for layer in net:
        x = layer(x)
        if x.ndim == 4 and x.shape[-1] not in trace:
            assert x.shape[-1] == x.shape[-2]
            trace.append(x.shape[-1])
    return trace, x


@pytest.mark.parametrize("size", TRACES)
@pytest.mark.parametrize("channels", [1, 3])
def test_generator_and_critic_walk_the_same_sides(size, channels):
    trace, images = sides(dcgan_generator(10, channels, width=2, size=size), torch.randn(3, 10))
    assert trace == TRACES[size]
    assert images.shape == (3, channels, size, size) and images.abs().max() <= 1
    trace, logits = sides(dcgan_critic(channels, width=2, size=size), images)
    assert trace == TRACES[size][-2::-1]
    assert logits.shape == (3,)


def test_widths_double_towards_the_small_end():
    generator = dcgan_generator(10, width=16, size=64)
    ups = [m for m in generator if isinstance(m, nn.ConvTranspose2d)]
    assert [(m.in_channels, m.out_channels) for m in ups] == [(128, 64), (64, 32), (32, 16), (16, 1)]
    assert [type(m) for m in generator][2:5] == [nn.BatchNorm2d, nn.ReLU, nn.ConvTranspose2d] and isinstance(
        generator[-1], nn.Tanh
    )
    critic = dcgan_critic(width=16, size=28)
    downs = [m for m in critic if isinstance(m, nn.Conv2d)]
    assert [(m.in_channels, m.out_channels) for m in downs] == [(1, 16), (16, 32)]
    assert all(m.negative_slope == 0.2 for m in critic if isinstance(m, nn.LeakyReLU))


def test_spectral_normalisation_reaches_every_layer_of_the_critic():
    critic = dcgan_critic(width=4, spectral=True)
    for _ in range(30):
        critic(torch.rand(2, 1, 28, 28))  # power iteration
    layers = [m for m in critic if isinstance(m, (nn.Conv2d, nn.Linear))]
    assert len(layers) == 3
    for layer in layers:
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.05)


def test_batch_normalisation_of_the_critic_spares_the_first_map():
    norms = [m.num_features for m in dcgan_critic(width=4, size=64, normalise=True) if isinstance(m, nn.BatchNorm2d)]
    assert norms == [8, 16, 32]
    assert not [m for m in dcgan_critic(width=4) if isinstance(m, nn.BatchNorm2d)]


@pytest.mark.parametrize("size,widths", [(28, (16, 32)), (32, (4, 8, 16)), (8, (4,))])
def test_encoder_and_decoder_mirror_each_other(size, widths):
    encoder = conv_encoder(3, widths, features=24, size=size)
    decoder = conv_decoder(5, 3, widths[::-1], features=24, size=size)
    assert encoder(torch.rand(2, 3, size, size)).shape == (2, 24)
    logits = decoder(torch.randn(2, 5))
    assert logits.shape == (2, 3, size, size)
    assert isinstance(encoder[-1], nn.SiLU) and isinstance(decoder[-1], nn.ConvTranspose2d)  # features; bare logits
    assert logits.min() < 0  # no squashing at the end


@pytest.mark.parametrize("make", [lambda **k: dcgan_generator(8, **k), dcgan_critic])
def test_a_size_without_a_plan_is_named(make):
    with pytest.raises(ValueError, match="size must be one of 28, 32, 64, got 30"):
        make(size=30)


@pytest.mark.parametrize(
    "call,message",
    [
        (lambda: dcgan_generator(0), "latent must be a positive integer"),
        (lambda: dcgan_critic(channels=1.0), "channels must be a positive integer"),
        (lambda: conv_encoder(size=30), "size 30 cannot be halved 2 times"),
        (lambda: conv_encoder(widths=()), "cannot be halved 0 times"),
        (lambda: conv_decoder(4, widths=(8, -4)), r"widths\[1\] must be a positive integer"),
        (lambda: conv_decoder(4, features=None), "features must be a positive integer"),
    ],
)
def test_other_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_numpys_numbers_are_numbers():
    size, width = np.int64(28), np.int32(2)
    assert dcgan_generator(np.int64(3), np.int64(1), width, size)(torch.randn(2, 3)).shape == (2, 1, 28, 28)
    assert dcgan_critic(np.int64(1), width, size)(torch.rand(2, 1, 28, 28)).shape == (2,)
    encoder, decoder = (
        conv_encoder(1, np.array([2, 3]), np.int64(5)),
        conv_decoder(np.int64(4), 1, np.array([3, 2]), np.int64(5)),
    )
    assert encoder(torch.rand(2, 1, 28, 28)).shape == (2, 5) and decoder(torch.randn(2, 4)).shape == (2, 1, 28, 28)
    assert {
        type(n) for m in dcgan_critic(width=width) if isinstance(m, nn.Conv2d) for n in (m.in_channels, m.out_channels)
    } == {int}


@pytest.mark.parametrize("size", [[28], "28", 28.0, None, True])
def test_sizes_that_are_no_numbers_are_named(size):
    with pytest.raises(ValueError, match="dcgan_critic: size must be one of 28, 32, 64, got"):
        dcgan_critic(size=size)
    with pytest.raises(ValueError, match="size must be a positive integer, got"):
        conv_encoder(size=size)


def test_one_width_is_a_sequence_of_one():
    assert conv_encoder(1, 8, 5, 8)(torch.rand(2, 1, 8, 8)).shape == (2, 5)


@pytest.mark.parametrize("norm", [True, False])
def test_layers_of_the_critic_in_order(norm):
    kinds = [type(m).__name__ for m in dcgan_critic(width=2, size=32, normalise=norm)]
    block, more = ["Conv2d", "LeakyReLU"], ["Conv2d", "BatchNorm2d", "LeakyReLU"] if norm else ["Conv2d", "LeakyReLU"]
    assert [k.removeprefix("Parametrized") for k in kinds] == [*block, *more, *more, "Flatten", "Linear", "Flatten"]


FUNCTIONS = {
    dcgan_generator: ("latent", "channels", "width"),
    dcgan_critic: ("channels", "width"),
    conv_encoder: ("channels", "features", "size"),
    conv_decoder: ("latent", "channels", "features", "size"),
}


@pytest.mark.parametrize("bad", [0, -1, 1.5, True, "3"])
@pytest.mark.parametrize(("function", "name"), [(f, name) for f, names in FUNCTIONS.items() for name in names])
def test_every_number_is_checked_and_named(function, name, bad):
    needed = {"latent": 3} if "latent" in FUNCTIONS[function] else {}
    with pytest.raises(ValueError, match=f"{function.__name__}: {name} must be a positive integer, got {bad!r}"):
        function(**needed | {name: bad})


@pytest.mark.parametrize("make", [lambda **more: conv_encoder(**more), lambda **more: conv_decoder(3, **more)])
def test_every_width_is_checked_and_named(make):
    with pytest.raises(ValueError, match=r"widths\[0\] must be a positive integer, got 0"):
        make(widths=(0, 4))


def test_what_is_not_asked_for_is_as_the_docstrings_say():
    shapes = lambda net: [tuple(p.shape) for p in net.parameters() if p.ndim > 1]
    assert shapes(dcgan_generator(10)) == [(64 * 49, 10), (64, 32, 4, 4), (32, 1, 4, 4)]
    assert shapes(dcgan_critic()) == [(32, 1, 4, 4), (64, 32, 4, 4), (1, 64 * 49)]
    assert shapes(conv_encoder()) == [(16, 1, 4, 4), (32, 16, 4, 4), (256, 32 * 49)]
    assert shapes(conv_decoder(10)) == [(256, 10), (32 * 49, 256), (32, 16, 4, 4), (16, 1, 4, 4)]
    for net in (dcgan_critic(), dcgan_critic(spectral=True)):
        kinds = {type(m).__name__ for m in net.modules()}
        assert "BatchNorm2d" not in kinds and ("_SpectralNorm" in kinds) is any("Parametrized" in kind for kind in kinds)
    assert "_SpectralNorm" not in {type(m).__name__ for m in dcgan_critic().modules()}
    convolutions = [
        m for net in (dcgan_generator(3), dcgan_critic()) for m in net if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d))
    ]
    assert {(m.kernel_size, m.stride, m.padding) for m in convolutions} == {((4, 4), (2, 2), (1, 1))}


def test_other_activations_are_used():
    encoder, decoder = conv_encoder(activation=nn.ReLU), conv_decoder(3, activation=nn.ReLU)
    for net in (encoder, decoder):
        assert sum(isinstance(m, nn.ReLU) for m in net) == 3 and not any(isinstance(m, nn.SiLU) for m in net)
