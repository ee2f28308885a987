"""Measure: likelihoods, Fréchet distance, classes, modes, nearest neighbours."""
