"""Measure: likelihoods, distances, classes, modes, neighbours, copies; `protocol` takes all scores of samples; `nulls` have
learnt nothing.
"""

from . import nulls
from .features import FeatureNet, feature_network
from .likelihood import importance_log_likelihood
from .protocol import (
    Neighbourhoods,
    Score,
    coincidences,
    copying,
    expected_coverage,
    inception_score,
    kernel_distance,
    neighbourhoods,
    protocol,
    sample_scores,
    twins,
)
from .samples import ModeCount, class_histogram, energy_distance, entropy, frechet_distance, mode_count, nearest_neighbours

__all__ = [
    "FeatureNet",
    "ModeCount",
    "Neighbourhoods",
    "Score",
    "class_histogram",
    "coincidences",
    "copying",
    "energy_distance",
    "entropy",
    "expected_coverage",
    "feature_network",
    "frechet_distance",
    "importance_log_likelihood",
    "inception_score",
    "kernel_distance",
    "mode_count",
    "nearest_neighbours",
    "neighbourhoods",
    "nulls",
    "protocol",
    "sample_scores",
    "twins",
]
