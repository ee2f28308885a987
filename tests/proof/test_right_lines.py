"""Right derivations are proved, each in seconds, and their mutants are not; wrong versions of them are refused."""

from __future__ import annotations

import random
import time

import pytest
from right_lines import OWN, RIGHT, WRONG

from nbdgm.proof import ProofError, recording

CASES = RIGHT | OWN
SECONDS = 20  # of this process, mutation test included; on a quiet machine the slowest takes a quarter of it


@pytest.mark.parametrize("case", CASES)
def test_right_lines_are_proved_in_seconds(run, case):
    begun = time.process_time()
    with recording() as found:
        run(CASES[case])
    (derivation,) = found
    assert derivation.status == "proved"
    complaints = derivation.survivors(random.Random(" ".join(derivation.ids)), 24) + derivation.needless()
    assert complaints == []
    assert time.process_time() - begun < SECONDS


@pytest.mark.parametrize("case", WRONG)
def test_wrong_versions_of_right_lines_are_refused(run, case):
    for old, new in WRONG[case]:
        text = CASES[case]
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the case"
        with pytest.raises(ProofError):
            run(text.replace(old, new))


def test_an_empty_range_of_symbols_is_refused(run):
    with pytest.raises((ProofError, ValueError), match="empty"):
        run("""
k = 1
f = symbols(f"f_{k}1:4", real=True)
with derivation("E-1", "a sum over three features") as d:
    d.line(log(p * q) + sum(f), "definition")
    d.line(log(p) + log(q), "the sum is empty")
""")


@pytest.mark.parametrize(("low", "high", "power"), [("1", "n", "n"), ("2", "n + 3", "n + 2"), ("0", "2*n", "2*n + 1")])
def test_a_factor_of_unknown_sign_comes_once_for_each_place_of_the_range(run, low, high, power):
    text = f"""
n, i, B = size("n"), Symbol("i", integer=True), IndexedBase("b", positive=True)
with derivation("E-1", "the same factor at every place") as d:
    d.line(Product(x * B[i], (i, {low}, {high})), "definition")
    d.line(x**({power}) * Product(B[i], (i, {low}, {high})), "as many factors as places")
"""
    run(text)
    with pytest.raises(ProofError):
        run(text.replace(f"x**({power})", f"x**({power} + 2)"))
