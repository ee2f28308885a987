"""The ranking of the first edition, by ranges over seeds: for its chapters, until the last of them is revised.

New chapters use `compare` and `difference`: paired, with an interval.
"""

from collections.abc import Sequence

import numpy as np

from .result import Result


def ahead(a: Result, b: Result, measure: str | None = None) -> bool:
    """Whether the worst seed of `a` is better (lower) than the best seed of `b`.

    For two equal methods with n seeds each that happens in one of C(2n, n) comparisons: 1/20 for 3 seeds, 1/252 for 5.
    """
    return bool(a.final(measure).max() < b.final(measure).min())


def table(results: Sequence[Result], measure: str | None = None, caption: str | None = None, digits: int = 1) -> None:
    """Show the results, the lowest mean first, with the spread over seeds, and whom each is `ahead` of: no other ranking."""
    from nbdgm import display

    rows = []
    for result in sorted(results, key=lambda r: r.final(measure).mean()):
        values = result.final(measure)
        beaten = [other.contender.name for other in results if ahead(result, other, measure)]
        rows.append(
            {
                "contender": result.contender.name,
                "lr, betas": str(result.setting),
                "mean": values.mean(),
                "sd": values.std(ddof=1) if len(values) > 1 and np.isfinite(values).all() else None,
                "lowest": values.min(),
                "highest": values.max(),
                "ahead of": ", ".join(beaten) or "–",
            }
        )
    display.table(rows, caption=caption, digits=digits)
