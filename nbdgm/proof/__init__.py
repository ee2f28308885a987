"""Derivations that sympy has checked line by line, and claims that a number has decided.

`derivation` and `claim` are what chapters use; `laws` holds the few definitions their lines are written with; `mutation` is
what tests use to make sure that a wrong line would have been noticed.
"""

from nbdgm.proof.claims import ClaimError, check, claim, highest, lowest
from nbdgm.proof.deriving import Derivation, derivation, recording
from nbdgm.proof.errors import ProofError
from nbdgm.proof.laws import (
    EN,
    JS,
    KL,
    Jacobian,
    R,
    density,
    entropy,
    expectation,
    index,
    kernel,
    law,
    let,
    log_normal,
    roots,
    size,
    symbols,
    table,
    unit,
)
from nbdgm.proof.matrices import matrix
from nbdgm.proof.mutation import mutants
from nbdgm.proof.named import Det, unfold
from nbdgm.proof.normal import norm
from nbdgm.proof.signs import least

__all__ = [
    "EN",
    "JS",
    "KL",
    "ClaimError",
    "Derivation",
    "Det",
    "Jacobian",
    "ProofError",
    "R",
    "check",
    "claim",
    "density",
    "derivation",
    "entropy",
    "expectation",
    "highest",
    "index",
    "kernel",
    "law",
    "least",
    "let",
    "log_normal",
    "lowest",
    "matrix",
    "mutants",
    "norm",
    "recording",
    "roots",
    "size",
    "symbols",
    "table",
    "unfold",
    "unit",
]
