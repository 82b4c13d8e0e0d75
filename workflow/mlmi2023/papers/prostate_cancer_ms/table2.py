"""How many patients Table 2 can come from: a search over all counts.

A table of six rates with two digits each leaves few numbers of patients with and without cancer. Every split
of patients into found and missed is tried, and each rate may have been rounded or cut off.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

RATES = ("sensitivity", "specificity", "precision", "npv", "f1", "accuracy")
#: what the paper says was tested: with cancer, without
STATED = (41, 15)


def rates(tp: int, fn: int, tn: int, fp: int) -> dict[str, float]:
    """Return the six rates; NaN where one is not defined."""

    def share(above: float, below: float) -> float:
        return above / below if below else float("nan")

    return {
        "sensitivity": share(tp, tp + fn),
        "specificity": share(tn, tn + fp),
        "precision": share(tp, tp + fp),
        "npv": share(tn, tn + fn),
        "f1": share(2 * tp, 2 * tp + fp + fn),
        "accuracy": share(tp + tn, tp + fn + tn + fp),
    }


def agrees(value: float, written: float, digit: float = 0.01) -> bool:
    """Whether a value is printed so, rounded or cut off after the digit."""
    off = value - written
    return bool(abs(off) <= digit / 2 + 1e-9 or -1e-9 <= off < digit - 1e-9)


def ways(wanted: Mapping[str, float], ill: int, well: int) -> list[tuple[int, int]]:
    """Return the pairs (found with cancer, cleared without) that give all printed rates.

    Args:
        wanted: printed values of some of :data:`RATES`.
        ill: patients with cancer.
        well: patients without.
    """
    found = []
    for tp in range(ill + 1):
        if "sensitivity" in wanted and not agrees(tp / ill, wanted["sensitivity"]):
            continue
        for tn in range(well + 1):
            own = rates(tp, ill - tp, tn, well - tn)
            if all(agrees(own[name], value) for name, value in wanted.items()):
                found.append((tp, tn))
    return found


def possible(wanted: Mapping[str, float], ill: range, well: range) -> np.ndarray:
    """Return whether numbers of patients (ill, well) can give the printed rates, boolean."""
    return np.array([[bool(ways(wanted, a, b)) for b in well] for a in ill])


def printed(reported: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return the printed rates by method, of a paper's file as it is read."""
    [table] = [own for own in reported["tables"] if own["id"] == "table2"]
    rows = ((row["method"], row["values"]) for row in table["rows"] if row["values"])
    return {method: {name: values[name] for name in RATES} for method, values in rows}
