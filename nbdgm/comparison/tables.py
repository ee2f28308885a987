"""The table of a comparison: data first, a trivial model last, every seed, and paired differences with an interval."""

import math
from collections.abc import Sequence

import numpy as np

from .result import Result, difference


def compare(
    results: Sequence[Result],
    measure: str | None = None,
    against: str | None = None,
    caption: str | None = None,
    digits: int = 3,
    confidence: float = 0.95,
) -> None:
    """Show the results, the lowest median first, between what the data score against themselves and what a trivial model does.

    Each row has the value of every seed, their median, and the mean difference to one contender over the same seeds with its
    interval (see `difference`): "lower" or "higher" only where the interval leaves out 0. Where the setting came from a search,
    the parameters whose best lies at the edge of it are flagged. The last rows are the models of the arena's `null`; an arena
    without any shows its networks untrained.

    Args:
        results: of `Arena.run`, all with the same seeds.
        measure: the first, if not named.
        against: the contender that all others are compared with; the first of `results`, if not named.
        caption, digits: of the table.
        confidence: of each interval by itself.

    Raises:
        ValueError: no results, a contender that is not there, or different seeds.
    """
    from nbdgm import display

    if not results:
        raise ValueError("compare: results is empty; give what `run` returned, one for each contender")
    names = [result.name for result in results]
    if against is not None and against not in names:
        raise ValueError(f"compare: there is no {against!r} among {names}")
    reference = results[0 if against is None else names.index(against)]
    ordered = sorted(results, key=lambda result: np.median(result.final(measure)))
    begin, end = _anchors(reference)
    rows = []
    for result in [*begin, *ordered, *end]:
        values = result.final(measure)
        rows.append(
            {
                "contender": result.name,
                "setting": "–" if result.setting is None else str(result.setting),
                "every seed": " ".join("broke off" if math.isinf(v) else f"{v:.{digits}f}" for v in values),
                "median": float(np.median(values)),
                f"minus {reference.name}": "–"
                if result is reference
                else _text(result, reference, measure, digits, confidence),
                "edge of the search": _edges(result),
            }
        )
    display.table(rows, caption=caption, digits=digits)


def _anchors(result: Result) -> tuple[list[Result], list[Result]]:
    """What stands above and below the contenders."""
    if result.arena is None:
        return [], []
    data, *null = result.arena.anchors(result.seeds)
    start = {name: values[:1] for name, values in result.measures.items()}
    untrained = Result(
        "untrained networks", None, result.steps[:1], result.seconds[:1], start, result.samples, [], seeds=result.seeds
    )
    return [data], null or [untrained]


def _text(a: Result, b: Result, measure: str | None, digits: int, confidence: float) -> str:
    d = difference(a, b, measure, confidence)
    if not math.isfinite(d.low):
        return "not compared: " + ("one seed" if d.seeds == len(a.final(measure)) == 1 else "a seed broke off")
    verdict = ("lower" if d.mean < 0 else "higher") if d.decided else "not decided"
    return f"{d.mean:+.{digits}f} [{d.low:+.{digits}f}, {d.high:+.{digits}f}] {verdict}"


def _edges(result: Result) -> str:
    if result.setting is None:
        return "–"
    return "not searched" if result.edges is None else ", ".join(result.edges) or "inside"
