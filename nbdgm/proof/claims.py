"""`claim`: a sentence of the book, decided by numbers that the chapter has just computed. `check`: an identity, or a test.

What may decide a claim is the business of `deciding`; how it looks, of `rendering`.
"""

from __future__ import annotations

import math
import numbers as kinds
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from types import FrameType
from typing import Any

from nbdgm.proof import deciding, rendering, verdicts
from nbdgm.proof.missing import holds_nan

LIBRARIES = ("numpy", "torch", "sympy", "mpmath", "fractions", "decimal")
BUDGETS = ("smoke", "cpu", "gpu")


class ClaimError(AssertionError):
    """A claim of the book is false for this run, or a trivial model satisfies it as well."""


def claim(
    text: str, condition: Any, null: Any = None, needs: str | None = None, needs_data: Any = None, **numbers: Any
) -> None:
    """State `text` about a model and show that it holds, and that it need not.

        claim("the samples are near the digits", fd < half / 3, null=fd_of_noise < half / 3, frechet=fd, half=half)

    `condition` is one truth value, written as a comparison of numbers: a bool, a numpy bool or a 0-d tensor. `null` is the
    same condition evaluated on a trivial model (noise, the mean picture, an untrained network), or a list of such; or
    `"exact: why"` where there can be none. `numbers` are what it was decided by: every number that is compared. `needs` is
    the smallest budget the claim is about (smoke < cpu < gpu), `needs_data` a data set: below that budget, or on a stand-in
    for the data, the claim says `not checked`, whatever the condition. For the worst of several numbers take `highest` or
    `lowest`.

    A claim stands by itself at the top of a cell, under no `if`, `try`, `with` or function. With NBDGM_CLAIMS=record in the
    environment a claim that does not hold is displayed as failing, and the run goes on.

    Raises ClaimError when the claim is to be checked and is false, when a trivial model satisfies it, or when nan or infinity
    decides; TypeError for a condition that is not a truth value, cannot be false, loses nan on its way, or is decided by
    a number that is not shown; ValueError for an unknown budget.
    """
    _state("claim", sys._getframe(1), text, condition, null, needs, needs_data, numbers)


def check(text: str, condition: Any, needs: str | None = None, needs_data: Any = None, **numbers: Any) -> None:
    """The same for what is no behaviour of a model: an identity, a unit test, agreement with a library. One grey line.

    Raises what `claim` raises.
    """
    _state("check", sys._getframe(1), text, condition, None, needs, needs_data, numbers)


def highest(*values: Any, key: Callable[[Any], Any] | None = None) -> Any:
    """The highest of the values (one iterable, or several numbers): nan if one of them is nan. `key` as in `max`.

    Raises ValueError when there is none.
    """
    return _extreme("highest", max, values, key)


def lowest(*values: Any, key: Callable[[Any], Any] | None = None) -> Any:
    """The lowest of the values (one iterable, or several numbers): nan if one of them is nan. `key` as in `min`.

    Raises ValueError when there is none.
    """
    return _extreme("lowest", min, values, key)


def _extreme(name: str, choose: Callable, values: Sequence[Any], key: Callable[[Any], Any] | None) -> Any:
    found: Iterable[Any] = values[0] if len(values) == 1 else values
    found = list(found.reshape(-1) if getattr(found, "ndim", 1) > 1 else found)  # type: ignore[attr-defined]
    if not found:
        raise ValueError(f"{name}: there is nothing to compare")
    for value in found:
        if holds_nan(value if key is None else key(value)):
            return value
    return choose(found, key=key)


def _state(
    kind: str, frame: FrameType, text: str, condition: Any, null: Any, needs: str | None, needs_data: Any, numbers: dict
) -> None:
    if not isinstance(text, str) or not text.strip():
        raise TypeError(f"{kind}: the first argument is the sentence that is claimed")
    if needs not in (None, *BUDGETS):
        raise ValueError(f"{kind}: needs is one of {', '.join(BUDGETS)}, not {needs!r}")
    truth = _truth(kind, condition)
    values = {name: _number(kind, name, value) for name, value in numbers.items()}
    if not values:
        raise TypeError(f"{kind}: show the numbers that decide it, e.g. {kind}(text, loss < 0.1, loss=loss)")
    nulls, exact = _nulls(null)
    record = os.environ.get("NBDGM_CLAIMS") == "record"
    because = _not_checked(needs, needs_data)
    undecided = deciding.lint(kind, frame, text, values, try_numbers=not record, decided=not because and not record)
    status = "not checked" if because else "holds"
    if not because:
        wrong = _wrong(text, truth, values, nulls, undecided)
        if wrong and not record:
            raise ClaimError(wrong)
        status = "fails" if wrong else status
    verdict = "exact" if exact is not None else None if not nulls else "open" if because else "fails"
    if kind == "check":
        rendering.show(verdicts.check_bundle(text, status, values, needs, because))
    else:
        rendering.show(verdicts.claim_bundle(text, status, values, needs, because, verdict, exact or ""))


def _wrong(text: str, truth: bool, values: dict[str, float | int], nulls: Sequence[bool], undecided: str) -> str:
    """Why the claim does not stand; empty when it does."""
    shown = ", ".join(f"{name} = {rendering.number(value)}" for name, value in values.items())
    for name, value in values.items():
        if not math.isfinite(value):
            return f"{text!r} cannot be decided: {name} is {'nan' if math.isnan(value) else 'infinite'} ({shown})"
    if undecided:
        return f"{text!r} cannot be decided: {undecided} holds nan ({shown})"
    if not truth:
        return f"{text!r} does not hold: {shown}"
    for number, holds in enumerate(nulls, start=1):
        if holds:
            which = f" (number {number})" if len(nulls) > 1 else ""
            return f"{text!r} says nothing: a trivial model{which} satisfies it as well ({shown})"
    return ""


def _truth(kind: str, condition: Any) -> bool:
    if isinstance(condition, bool):
        return condition
    found = str(getattr(condition, "dtype", ""))
    if found in ("bool", "torch.bool") and getattr(condition, "ndim", None) == 0:
        return bool(condition)
    if found:
        shape = tuple(getattr(condition, "shape", ()))
        raise TypeError(
            f"{kind}: the condition is an array of {found}, shape {shape}: reduce it to one truth value, e.g. x.max() < 1"
        )
    if condition is None:
        raise TypeError(f"{kind}: the condition is None, which is not False: compare with `is True`")
    name = f"{type(condition).__module__.split('.')[0]} {type(condition).__name__}"
    raise TypeError(f"{kind}: the condition is a {name}, not a truth value: write a comparison of numbers, or expr == 0")


def _nulls(null: Any) -> tuple[list[bool], str | None]:
    """The condition on trivial models, and why there are none ('' for a plain 'exact')."""
    if null is None:
        return [], None
    if isinstance(null, str):
        if null != "exact" and not (null.startswith("exact:") and null[6:].strip()):
            raise TypeError(f"claim: null is the condition for a trivial model, or 'exact: why there is none', not {null!r}")
        return [], null[6:].strip()
    listed = list(null) if isinstance(null, (list, tuple)) else [null]
    if not listed:
        raise TypeError("claim: null=[] tries no trivial model")
    return [_truth("claim, null", one) for one in listed], None


def _number(kind: str, name: str, value: Any) -> float | int:
    if getattr(value, "ndim", 0) == 0 and hasattr(value, "item"):
        value = value.item()
    if type(value) not in (bool, int, float) and type(value).__module__.split(".")[0] not in LIBRARIES:
        what = "may compare as it likes" if isinstance(value, kinds.Number) else "is not a number"
        raise TypeError(f"{kind}: {name} is a {type(value).__name__}, which {what}: show a plain number")
    if isinstance(value, (bool, int)):
        return int(value)
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{kind}: {name} is not a number but a {type(value).__name__}") from None


def _not_checked(needs: str | None, needs_data: Any) -> str:
    """Why this run cannot decide the claim; empty when it can."""
    if needs_data is not None and needs_data.stand_in:
        return f"needs the real {needs_data.name}, this is a stand-in"
    if needs is not None:
        budget = budget_name()
        if BUDGETS.index(budget) < BUDGETS.index(needs):
            return f"needs the {needs} budget, this is {budget}"
    return ""


def budget_name() -> str:
    """The budget of this run: NBDGM_BUDGET, else what `nbdgm.runtime` says if it is loaded, else the CPU's.

    Raises ValueError when NBDGM_BUDGET is none of smoke, cpu, gpu.
    """
    runtime = sys.modules.get("nbdgm.runtime")  # not imported: this package needs nothing of the rest
    name = runtime.budget_name() if runtime is not None else os.environ.get("NBDGM_BUDGET") or "cpu"
    if name not in BUDGETS:
        raise ValueError(f"NBDGM_BUDGET={name!r} is no budget; use one of {', '.join(BUDGETS)}, or unset it")
    return name
