"""`claim`: a sentence of the book, decided by numbers that the chapter has just computed."""

from __future__ import annotations

import math
import sys
from typing import Any

from nbdgm.proof import rendering, source

BUDGETS = ("smoke", "cpu", "gpu")


class ClaimError(AssertionError):
    """A claim of the book is false for this run."""


def claim(text: str, condition: Any, needs: str | None = None, needs_data: Any = None, **numbers: Any) -> None:
    """State `text` and show that it holds: `claim("the critic tracks W1", abs(e - w) < 0.05, estimate=e, exact=w)`.

    `condition` is one truth value: a bool, a numpy bool or a 0-d tensor. `numbers` are what it was decided by; at least
    one must be given, and one must occur in the condition. `needs` is the smallest budget the claim is about (smoke <
    cpu < gpu), `needs_data` a data set: below that budget, or on a stand-in for the data, the claim says `not checked`,
    whatever the condition.

    Raises ClaimError when the claim is to be checked and is false (or a number is nan), TypeError for a condition that
    is not a truth value or cannot be false, ValueError for an unknown budget.
    """
    if not isinstance(text, str) or not text.strip():
        raise TypeError("claim: the first argument is the sentence that is claimed")
    if needs not in (None, *BUDGETS):
        raise ValueError(f"claim: needs is one of {', '.join(BUDGETS)}, not {needs!r}")
    truth = _truth(condition)
    values = {name: _number(name, value) for name, value in numbers.items()}
    if not values:
        raise TypeError("claim: show the numbers that decide it, e.g. claim(text, loss < 0.1, loss=loss)")
    source.lint_claim(sys._getframe(1))
    because = _not_checked(needs, needs_data)
    shown = ", ".join(f"{name} = {rendering.number(value)}" for name, value in values.items())
    if not because:
        for name, value in values.items():
            if math.isnan(value):
                raise ClaimError(f"{text!r} cannot be decided: {name} is nan ({shown})")
        if not truth:
            raise ClaimError(f"{text!r} does not hold: {shown}")
    finite = {name: value if math.isfinite(value) else None for name, value in values.items()}
    bundle = rendering.claim_bundle(text, "not checked" if because else "holds", values, needs, because)
    bundle[rendering.CLAIM_MIME]["values"] = finite
    rendering.show(bundle)


def _truth(condition: Any) -> bool:
    if isinstance(condition, bool):
        return condition
    kind = str(getattr(condition, "dtype", ""))
    if kind in ("bool", "torch.bool") and getattr(condition, "ndim", None) == 0:
        return bool(condition.item())
    if kind:
        shape = tuple(getattr(condition, "shape", ()))
        raise TypeError(
            f"claim: the condition is an array of {kind}, shape {shape}: reduce it to one truth value, e.g. x.max() < 1"
        )
    if condition is None:
        raise TypeError("claim: the condition is None, which is not False: compare with `is True`")
    name = f"{type(condition).__module__.split('.')[0]} {type(condition).__name__}"
    raise TypeError(f"claim: the condition is a {name}, not a truth value: write a comparison of numbers, or expr == 0")


def _number(name: str, value: Any) -> float | int:
    if getattr(value, "ndim", 0) == 0 and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, (bool, int)):
        return int(value)
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"claim: {name} is not a number but a {type(value).__name__}") from None


def _not_checked(needs: str | None, needs_data: Any) -> str:
    """Why this run cannot decide the claim; empty when it can."""
    if needs_data is not None and needs_data.stand_in:
        return f"needs the real {needs_data.name}, this is a stand-in"
    if needs is not None:
        from nbdgm.runtime import budget_name

        budget = budget_name()
        if BUDGETS.index(budget) < BUDGETS.index(needs):
            return f"needs the {needs} budget, this is {budget}"
    return ""
