"""Small convolutional networks: a pair for GANs, as of Radford, Metz and Chintala (2016), and a pair for auto-encoders.

Each convolution has a 4x4 kernel, stride 2 and padding 1: it halves (transposed: doubles) height and width exactly.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from nbdgm.networks.sizes import is_size, listed

# image size -> (side of the smallest feature map, widths of the feature maps from small to large, in units of `width`)
_PLANS = {28: (7, (2, 1)), 32: (4, (4, 2, 1)), 64: (4, (8, 4, 2, 1))}


def dcgan_generator(latent: int, channels: int = 1, width: int = 32, size: int = 28) -> nn.Sequential:
    """(B, latent) -> images (B, channels, size, size) in [-1, 1].

    A linear layer to the smallest feature map, then transposed convolutions; batch normalisation and ReLU between, tanh last.
    At size 64 the sides are 4, 8, 16, 32, 64; at 32: 4, 8, 16, 32; at 28: 7, 14, 28. `width` is the number of channels of the
    last feature map, and doubles with each map before it.

    Raises:
        ValueError: a size other than 28, 32, 64, or a number that is not a positive integer.
    """
    side, widths = _plan("dcgan_generator", size, latent=latent, channels=channels, width=width)
    layers: list[nn.Module] = [nn.Linear(latent, widths[0] * side**2), nn.Unflatten(1, (widths[0], side, side))]
    for inputs, outputs in pairwise([*widths, channels]):
        layers += [nn.BatchNorm2d(inputs), nn.ReLU(), nn.ConvTranspose2d(inputs, outputs, 4, 2, 1)]
    return nn.Sequential(*layers, nn.Tanh())


def dcgan_critic(
    channels: int = 1, width: int = 32, size: int = 28, spectral: bool = False, normalise: bool = False
) -> nn.Sequential:
    """Images (B, channels, size, size) -> logits (B,): strided convolutions with leaky ReLU (0.2), then a linear layer.

    Args:
        width: channels of the first feature map; doubles with each map.
        spectral: spectral normalisation of every layer (Miyato et al. 2018).
        normalise: batch normalisation of all feature maps but the first (not together with a gradient penalty).

    Raises:
        ValueError: a size other than 28, 32, 64, or a number that is not a positive integer.
    """
    side, widths = _plan("dcgan_critic", size, channels=channels, width=width)
    norm = spectral_norm if spectral else lambda layer: layer
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise([channels, *widths[::-1]]):
        layers.append(norm(nn.Conv2d(inputs, outputs, 4, 2, 1)))
        if normalise and inputs != channels:
            layers.append(nn.BatchNorm2d(outputs))
        layers.append(nn.LeakyReLU(0.2))
    return nn.Sequential(*layers, nn.Flatten(), norm(nn.Linear(widths[0] * side**2, 1)), nn.Flatten(0))


def conv_encoder(
    channels: int = 1,
    widths: Sequence[int] = (16, 32),
    features: int = 256,
    size: int = 28,
    activation: Callable[[], nn.Module] = nn.SiLU,
) -> nn.Sequential:
    """Images (B, channels, size, size) -> features (B, features), the activation included; put linear heads on top.

    Raises:
        ValueError: `size` cannot be halved once for each of `widths`, or a number that is not a positive integer.
    """
    widths = listed(widths)
    side = _halved("conv_encoder", size, widths, channels=channels, features=features)
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise([channels, *widths]):
        layers += [nn.Conv2d(inputs, outputs, 4, 2, 1), activation()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[-1] * side**2, features), activation())


def conv_decoder(
    latent: int,
    channels: int = 1,
    widths: Sequence[int] = (32, 16),
    features: int = 256,
    size: int = 28,
    activation: Callable[[], nn.Module] = nn.SiLU,
) -> nn.Sequential:
    """Codes (B, latent) -> logits, or means, (B, channels, size, size): the mirror image of `conv_encoder`.

    Raises:
        ValueError: `size` cannot be halved once for each of `widths`, or a number that is not a positive integer.
    """
    widths = listed(widths)
    side = _halved("conv_decoder", size, widths, latent=latent, channels=channels, features=features)
    layers: list[nn.Module] = [nn.Linear(latent, features), activation(), nn.Linear(features, widths[0] * side**2)]
    layers.append(nn.Unflatten(1, (widths[0], side, side)))
    for inputs, outputs in pairwise([*widths, channels]):
        layers += [activation(), nn.ConvTranspose2d(inputs, outputs, 4, 2, 1)]
    return nn.Sequential(*layers)


def _plan(function: str, size: int, width: int, **numbers: int) -> tuple[int, list[int]]:
    """Side of the smallest feature map, and the widths of all maps from small to large."""
    _positive_integers(function, width=width, **numbers)
    if not is_size(size) or size not in _PLANS:
        raise ValueError(
            f"{function}: size must be one of {', '.join(map(str, _PLANS))}, got {size!r}; resize or pad the images"
        )
    side, units = _PLANS[size]
    return side, [int(width) * unit for unit in units]


def _halved(function: str, size: int, widths: Sequence[int], **numbers: int) -> int:
    """The side that is left after one halving for each of `widths`."""
    _positive_integers(function, size=size, **{f"widths[{i}]": w for i, w in enumerate(widths)}, **numbers)
    if not widths or size % 2 ** len(widths):
        raise ValueError(
            f"{function}: size {size} cannot be halved {len(widths)} times; pad the images, or give 1 or more other widths"
        )
    return size // 2 ** len(widths)


def _positive_integers(function: str, **numbers: int) -> None:
    for name, number in numbers.items():
        if not is_size(number):
            raise ValueError(f"{function}: {name} must be a positive integer, got {number!r}")
