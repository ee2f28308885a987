"""What holds where nothing else is said: defaults of arguments, numbers with a name, how classes and caches are made.

Chapters and docstrings rely on these without naming them. Changed on purpose? This file, run as a program, prints the table.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import pprint
from typing import Any

import pytest

import nbdgm

MODULES = [found.name for found in pkgutil.walk_packages(nbdgm.__path__, "nbdgm.") if not found.ispkg]
ELSEWHERE = ("STROKES", "BINARIZED", "TYPE_CHECKING", "_KINDS")  # pictures, checksums, what sympy concludes: tested elsewhere


def numbers(value: Any) -> int:
    """How many numbers and truth values there are in a constant; -1 for what is made of anything else."""
    if isinstance(value, (bool, int, float)):
        return 1
    if value is None or isinstance(value, (str, bytes)):
        return 0
    if isinstance(value, (tuple, list, set, frozenset, dict)):
        inside = [numbers(v) for v in (*value, *value.values())] if isinstance(value, dict) else [numbers(v) for v in value]
        return -1 if -1 in inside else sum(inside)
    return -1


def defaults(function: Any) -> dict[str, Any]:
    """Arguments with a number or a truth value as their default; and for a cache, how much it keeps."""
    found = {p.name: p.default for p in inspect.signature(function).parameters.values() if numbers(p.default) > 0}
    return found | ({"maxsize": function.cache_parameters()["maxsize"]} if hasattr(function, "cache_parameters") else {})


def said(module: str) -> dict[str, Any]:
    """Everything of that kind in one module, by name."""
    found: dict[str, Any] = {}
    for name, value in vars(importlib.import_module(module)).items():
        if name.strip("_").isupper() and numbers(value) > 0 and name not in ELSEWHERE:
            found[name] = value
        elif getattr(value, "__module__", None) != module:
            continue
        elif inspect.isclass(value):
            if dataclasses.is_dataclass(value):
                made = value.__dataclass_params__
                found[name] = {k: getattr(made, k) for k in ("eq", "frozen", "repr")} | {
                    f.name: f.default for f in dataclasses.fields(value) if numbers(f.default) > 0
                }
                if hidden := [f.name for f in dataclasses.fields(value) if not f.repr]:
                    found[name]["unseen"] = hidden
            for part, method in vars(value).items():
                function = getattr(method, "__func__", method)
                if inspect.isfunction(function) and function.__module__ == module and defaults(function):
                    found[f"{name}.{part}"] = defaults(function)
        elif callable(value) and (inspect.isfunction(value) or hasattr(value, "cache_parameters")) and defaults(value):
            found[name] = defaults(value)
    return found


TABLE: dict[str, dict[str, Any]] = {
    "nbdgm.border": {"whole": {"least": 1}, "positive": {"one": True}, "unit_interval": {"slack": 0.0}},
    "nbdgm.comparison.arena": {
        "Arena.__init__": {"batch": 128, "samples": 2500, "batched": True},
        "Arena.search": {"seeds": (100, 101)},
        "Arena.run": {"seeds": (0, 1, 2), "looks": 8},
        "Arena.anchors": {"seeds": (0, 1, 2)},
    },
    "nbdgm.comparison.contender": {
        "Setting": {"eq": True, "frozen": True, "repr": True, "betas": (0.5, 0.999)},
        "Setting.__init__": {"betas": (0.5, 0.999)},
        "Contender": {"eq": True, "frozen": True, "repr": True, "turns": 1},
        "Contender.__init__": {"turns": 1},
    },
    "nbdgm.comparison.result": {
        "Result": {"eq": True, "frozen": False, "repr": True, "unseen": ["arena"]},
        "difference": {"confidence": 0.95},
    },
    "nbdgm.comparison.tables": {"compare": {"digits": 3, "confidence": 0.95}},
    "nbdgm.data.batches": {"Batches.__init__": {"seed": 0}},
    "nbdgm.data.densities": {
        "GaussianMixture.batches": {"seed": 0},
        "DensityBatches.__init__": {"seed": 0},
        "ring": {"modes": 8, "radius": 2.0, "std": 0.02},
        "grid": {"side": 5, "spacing": 2.0, "std": 0.05},
        "moons": {"std": 0.1, "points": 64},
        "spirals": {"arms": 2, "turns": 1.25, "std": 0.06, "points": 128},
        "mixture_1d": {"centers": (-2.0, 1.0), "std": (0.5, 0.8)},
    },
    "nbdgm.data.images": {
        "Images": {"eq": True, "frozen": False, "repr": False, "stand_in": False},
        "Images.shuffled": {"seed": 0},
        "Images.batches": {"seed": 0, "labels": False},
        "Images.__init__": {"stand_in": False},
        "bars_and_stripes": {"size": 4},
    },
    "nbdgm.data.load": {
        "PATIENCE": 30.0,
        "USPS": {"usps.bz2": 7291, "usps.t.bz2": 2007},
        "USPS_VALID": 1000,
        "ANIME_HELD_OUT": 1000,
    },
    "nbdgm.data.rendered.faces": {
        "FACE_FACTORS": {
            "hair_colour": ("black", "brown", "blonde", "red", "pink", "purple", "blue", "green"),
            "eye_colour": ("brown", "blue", "green", "purple", "red", "gold"),
            "ribbon": ("none", "red", "yellow", "blue", "white"),
            "hair_style": ("bob", "long", "twin tails", "short"),
            "skin": ("light", "tan", "brown", "dark"),
            "mouth": ("smile", "open", "small", "calm"),
            "background": ("sky", "cream", "mint", "rose", "lilac", "slate"),
            "shirt": ("white", "navy", "crimson", "teal"),
            "pose": (-1.0, 0.0, 1.0),
            "tilt": (-1.0, 0.0, 1.0),
            "light": (-1.0, -0.6, 1.0),
            "light_strength": (0.0, 0.7, 1.0),
            "eye_open": (0.0, 0.9, 1.0),
            "gaze": (-1.0, 0.0, 1.0),
        },
        "faces": {"size": 32, "seed": 0},
        "draw_faces": {"size": 32},
    },
    "nbdgm.data.rendered.glyphs": {
        "_arc": {"pieces": 12},
        "GLYPH_FACTORS": {
            "character": ("0", "1", "2", "3", "4", "5", "A", "E", "K", "S"),
            "rotation": (-0.5, 0.0, 0.5),
            "width": (0.6, 1.0, 1.4),
            "thickness": (0.06, 0.11, 0.18),
            "slant": (-0.35, 0.0, 0.35),
            "x": (-0.15, 0.0, 0.15),
            "y": (-0.15, 0.0, 0.15),
        },
        "glyphs": {"size": 28, "seed": 0},
        "draw_glyphs": {"size": 28},
    },
    "nbdgm.data.rendered.sdf": {"box": {"radius": 0.0}, "coverage": {"soft": 1.0}},
    "nbdgm.data.text": {
        "Sentences": {"eq": True, "frozen": False, "repr": False, "stand_in": False},
        "Sentences.__init__": {"stand_in": False},
        "Text": {"eq": True, "frozen": False, "repr": False, "stand_in": False},
        "Text.__init__": {"stand_in": False},
        "sentences": {"longest": 12, "kinds": 500},
    },
    "nbdgm.display.diagrams": {
        "UNIT": 84.0,
        "RADIUS": 23.0,
        "LETTER": 8.4,
        "LINE": 19.0,
        "diagram": {"scale": 1.0},
        "_written": {"italic": False, "size": 16},
    },
    "nbdgm.display.films": {"film": {"value_range": (0.0, 1.0), "size": (4.0, 4.0), "dpi": 80, "seconds": 0.6}},
    "nbdgm.display.pictures": {
        "TRUE_COLOURS": 105_000,
        "strips": {"value_range": (0.0, 1.0), "scale": 2},
        "as_pictures": {"value_range": (0.0, 1.0)},
        "tile": {"gap": 1},
        "encode": {"levels": 24},
        "figure_html": {"min_width": 0},
        "grid": {"value_range": (0.0, 1.0)},
        "grids": {"value_range": (0.0, 1.0)},
        "manifold_frame": {"n": 20, "quantile": 0.975},
        "manifold": {"n": 20, "quantile": 0.975, "value_range": (0.0, 1.0)},
    },
    "nbdgm.display.plots": {
        "show_figure": {"dpi": 100, "palette": True},
        "figure_png": {"dpi": 100, "palette": True},
        "curves": {"log": False, "size": (6.4, 3.0)},
        "scatter": {"size": 4.2, "marker": 5},
    },
    "nbdgm.display.tables": {"table": {"digits": 2}},
    "nbdgm.evaluation.features": {"FEATURES": 64, "feature_network": {"verbose": True}},
    "nbdgm.evaluation.likelihood": {"importance_log_likelihood": {"k": 500, "chunk": 50, "batch": 250}},
    "nbdgm.evaluation.nulls": {
        "uniform": {"seed": 0},
        "normal": {"seed": 0},
        "mean": {"seed": 0},
        "copies": {"seed": 0},
        "circle": {"seed": 0},
        "disc": {"seed": 0},
        "trivial_models": {"seed": 0},
    },
    "nbdgm.evaluation.protocol": {
        "_features": {"least": 2},
        "_pair": {"least": 2},
        "kernel_distance": {"degree": 3},
        "neighbourhoods": {"k": 5},
        "expected_coverage": {"k": 5},
        "coincidences": {"radius": 0.0},
        "sample_scores": {"k": 5},
        "protocol": {"size": 1000, "k": 5},
    },
    "nbdgm.evaluation.samples": {"mode_count": {"threshold": 0.008, "radius": 3.0}, "nearest_neighbours": {"k": 1}},
    "nbdgm.losses.f_divergences": {"FGAN": {"eq": True, "frozen": True, "repr": True, "unseen": ["T", "star"]}},
    "nbdgm.losses.penalties": {"gradient_penalty": {"target": 1.0}},
    "nbdgm.losses.precision": {"parameter": {"positive": False}},
    "nbdgm.losses.variational": {"gaussian_kl": {"prior_mean": 0.0, "prior_std": 1.0}},
    "nbdgm.networks.conv": {
        "_PLANS": {28: (7, (2, 1)), 32: (4, (4, 2, 1)), 64: (4, (8, 4, 2, 1))},
        "dcgan_generator": {"channels": 1, "width": 32, "size": 28},
        "dcgan_critic": {"channels": 1, "width": 32, "size": 28, "spectral": False, "normalise": False},
        "conv_encoder": {"channels": 1, "widths": (16, 32), "features": 256, "size": 28},
        "conv_decoder": {"channels": 1, "widths": (32, 16), "features": 256, "size": 28},
    },
    "nbdgm.proof.bounds": {"FARTHEST": 1000000000000.0, "FURTHER": 1000000000.0, "LEAST": 0.001, "_typed": {"depth": 6}},
    "nbdgm.proof.cases": {"MOST": 243},
    "nbdgm.proof.cells": {
        "Binding": {"eq": False, "frozen": True, "repr": True, "unseen": ["statement"]},
        "parse": {"maxsize": 512},
        "Story.__init__": {"line": 1000000000},
        "Story.meaning": {"depth": 8},
        "_scope": {"maxsize": 1024},
        "parents": {"maxsize": 64},
    },
    "nbdgm.proof.chapter": {
        "Text": {"eq": True, "frozen": True, "repr": True},
        "Count": {"eq": True, "frozen": False, "repr": True, "derivations": 0, "lines": 0, "claims": 0, "checks": 0},
        "Count.__init__": {"derivations": 0, "lines": 0, "claims": 0, "checks": 0},
    },
    "nbdgm.proof.checking": {"SIZES": ((1, 2, 3), (2, 3, 1), (3, 1, 2)), "Verdict": {"eq": True, "frozen": True, "repr": True}},
    "nbdgm.proof.conditions": {"Condition": {"eq": True, "frozen": True, "repr": True}},
    "nbdgm.proof.deciding": {"lint": {"try_numbers": True, "decided": True}, "_lint_form": {"depth": 6}},
    "nbdgm.proof.deriving": {
        "SECONDS": 60,
        "Line": {"eq": True, "frozen": True, "repr": True, "apart": False},
        "Line.__init__": {"apart": False},
        "Step": {"eq": False, "frozen": True, "repr": True},
        "Derivation.le": {"strict": False},
        "Derivation.induction": {"start": 0},
        "Derivation._follow": {"opens": False},
        "Derivation._add": {"apart": True},
        "Derivation.mutants": {"swaps": True},
    },
    "nbdgm.proof.early": {
        "SECONDS": 5,
        "_calls": {"maxsize": 64},
        "_bind": {"maxsize": 256},
        "_denominators": {"maxsize": 2048},
    },
    "nbdgm.proof.evaluating": {"SECONDS": 15, "short": {"width": 160}},
    "nbdgm.proof.hypotheses": {
        "_SIGNS": {
            "": {},
            " > 0": {"positive": True},
            " >= 0": {"nonnegative": True},
            " < 0": {"negative": True},
            " <= 0": {"nonpositive": True},
            " != 0": {"nonzero": True},
        },
        "Hypotheses": {"eq": True, "frozen": True, "repr": True},
    },
    "nbdgm.proof.laws": {"roots": {"count": 1}},
    "nbdgm.proof.limits": {"WAY": (1, 2, 4, 8, 16, 32, 64)},
    "nbdgm.proof.mathml": {
        "MACROS": {"KL": ("D_{\\mathrm{KL}}\\left(#1\\,\\|\\,#2\\right)", 2), "E": ("\\mathbb{E}", 0), "R": ("\\mathbb{R}", 0)},
        "STYLES": {"script": 119964, "bold": 119808, "bold-italic": 119912, "double-struck": 120120, "fraktur": 120068},
        "mathml": {"display": False, "maxsize": 4096},
    },
    "nbdgm.proof.missing": {"holds_nan": {"depth": 4}},
    "nbdgm.proof.moving": {
        "FACTORS": (0.0, 1e-09, 1e-06, 0.001, 0.1, 0.5, 0.9, 0.99, 1.01, 1.1, 2.0, 10.0, 1000.0, 1000000.0),
        "STEPS": (1e-06, 0.001, 0.5, 1.0, 2.0, 30.0, 1000.0, 1000000.0),
        "LARGE": 10000,
    },
    "nbdgm.proof.mutation": {
        "SECONDS": 5,
        "mutants": {"swaps": True},
        "_sites": {"inner": False},
        "Table.__init__": {"digits": 40},
    },
    "nbdgm.proof.named": {
        "PRECEDENCE": {
            "Lambda": 1,
            "Xor": 10,
            "Or": 20,
            "And": 30,
            "Relational": 35,
            "Add": 40,
            "Mul": 50,
            "Pow": 60,
            "Func": 70,
            "Not": 100,
            "Atom": 1000,
            "BitwiseOr": 36,
            "BitwiseXor": 37,
            "BitwiseAnd": 38,
        },
        "_unfold": {"maxsize": 4096},
    },
    "nbdgm.proof.points": {
        "DIGITS": (30, 90),
        "POINTS": 8,
        "Numbers": {"eq": True, "frozen": False, "repr": True, "null": True},
        "Numbers.__init__": {"null": True},
    },
    "nbdgm.proof.proving": {"is_nonnegative": {"strict": False, "maxsize": 4096}},
    "nbdgm.proof.scope": {"FAMILY": 3},
    "nbdgm.proof.signs": {"nonnegative": {"strict": False}, "Signs.of": {"strict": False, "depth": 0}},
    "nbdgm.proof.source": {"lint_place": {"typed": True}},
    "nbdgm.proof.sums": {"index": {"low": 1}, "_letter": {"maxsize": 4096}},
    "nbdgm.proof.trial": {"SECONDS": 1.0},
    "nbdgm.runtime": {"SEEDS": 4294967296, "setup": {"seed": 0}},
    "nbdgm.sampling": {
        "gibbs": {"sweeps": 1, "beta": 1.0},
        "block_gibbs": {"sweeps": 1, "beta": 1.0},
        "langevin": {"count": 1, "metropolis": False},
    },
    "nbdgm.training.checkpoint": {"_FORMAT": 2, "_DIGEST": 32},
    "nbdgm.training.history": {"History.smooth": {"window": 100}, "History.last": {"n": 100}},
    "nbdgm.training.imitation": {"begin": {"maxsize": None}, "treated": {"maxsize": None}},
    "nbdgm.training.interrupt": {"Interrupt.__init__": {"enabled": True}},
    "nbdgm.training.play": {"_LOOK": 100, "play": {"frames": 12, "every": 100, "resume": True, "compile": False}},
    "nbdgm.training.player": {
        "adam": {"lr": 0.001, "betas": (0.9, 0.999)},
        "sgd": {"momentum": 0.0},
        "linear_decay": {"start": 0.5, "end": 0.05, "warmup": 0.0},
        "Player.__init__": {"turns": 1},
        "Player.update": {"fraction": 0.0},
    },
    "nbdgm.training.state": {"_POWER_ITERATIONS": 100},
}


@pytest.mark.parametrize("module", MODULES)
def test_what_holds_where_nothing_else_is_said(module):
    assert said(module) == TABLE.get(module, {})


if __name__ == "__main__":
    pprint.pprint({module: found for module in MODULES if (found := said(module))}, sort_dicts=False, width=120)
