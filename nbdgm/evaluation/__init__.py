"""Measure: likelihoods, Fréchet and energy distance, classes, modes, nearest neighbours; `nulls` have learnt nothing."""

from . import nulls
from .features import FeatureNet, feature_network
from .likelihood import importance_log_likelihood
from .samples import ModeCount, class_histogram, energy_distance, entropy, frechet_distance, mode_count, nearest_neighbours

__all__ = [
    "FeatureNet",
    "ModeCount",
    "class_histogram",
    "energy_distance",
    "entropy",
    "feature_network",
    "frechet_distance",
    "importance_log_likelihood",
    "mode_count",
    "nearest_neighbours",
    "nulls",
]
