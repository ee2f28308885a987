"""Derivations that sympy has checked line by line, and claims that a number has decided.

`derivation` and `claim` are what chapters use; `laws` holds the few definitions their lines are written with; `mutation` is
what tests use to make sure that a wrong line would have been noticed.
"""

from nbdgm.proof.checking import ProofError, norm
from nbdgm.proof.claims import ClaimError, claim
from nbdgm.proof.deriving import Derivation, derivation, recording
from nbdgm.proof.laws import EN, JS, KL, R, entropy, expectation, law, log_normal, roots, table
from nbdgm.proof.mutation import mutants

__all__ = [
    "EN",
    "JS",
    "KL",
    "ClaimError",
    "Derivation",
    "ProofError",
    "R",
    "claim",
    "derivation",
    "entropy",
    "expectation",
    "law",
    "log_normal",
    "mutants",
    "norm",
    "recording",
    "roots",
    "table",
]
