"""Plain networks that more than one chapter needs."""

from nbdgm.networks.conv import conv_decoder, conv_encoder, dcgan_critic, dcgan_generator
from nbdgm.networks.crowd import Crowd
from nbdgm.networks.mlp import mlp

__all__ = ["Crowd", "conv_decoder", "conv_encoder", "dcgan_critic", "dcgan_generator", "mlp"]
