"""Scores of Tables 1 and 2b, in the convention of the code for Synapse and in a strict one.

=====================  ================================  =====================================================
                       as published (``dsc``, ``hd``)    strict (``dsc_strict``, ``hd_strict``)
=====================  ================================  =====================================================
found and true         Dice; HD95 in voxels, over both   Dice; HD95 in mm, the larger of both directions
                       directions together
found, not true        Dice 1, HD 0                      Dice 0, HD the scan's diagonal
true, not found        Dice 0, HD 0                      Dice 0, HD the scan's diagonal
neither                Dice 0, HD 0                      left out of the means
=====================  ================================  =====================================================

The published convention is that of TransUNet's code, which the paper follows: a structure that is not found
lowers its mean distance. Means run over structures first, then over cases.
"""

import numpy as np

from mlmi2023.metrics.segmentation import count, rates, voxel_hd95


def published(found: np.ndarray, true: np.ndarray) -> tuple[float, float]:
    """Return Dice and HD95 of a structure's masks (Z, Y, X), boolean, as code for Synapse counts."""
    if not found.any():
        return 0.0, 0.0
    if not true.any():
        return 1.0, 0.0
    return rates(count(found, true))["dice"], voxel_hd95(found, true, together=True)


def strict(found: np.ndarray, true: np.ndarray, spacing: tuple[float, ...]) -> tuple[float, float]:
    """Return Dice and HD95 in mm of a structure's masks; NaN where there is nothing to find or found."""
    if not found.any() and not true.any():
        return float("nan"), float("nan")
    diagonal = float(np.linalg.norm(np.multiply(found.shape, spacing)))
    return rates(count(found, true))["dice"], voxel_hd95(found, true, spacing, missing=diagonal)


def scan_scores(
    found: np.ndarray, true: np.ndarray, classes: list[str], spacing: tuple[float, ...]
) -> dict[str, float]:
    """Return all values of a scan by metric; Dice in percent.

    Args:
        found: (Z, Y, X) labels 1, 2, ...
        true: the same.
        classes: names of the structures.
        spacing: mm.
    """
    values: dict[str, float] = {}
    table = []
    for number, name in enumerate(classes, 1):
        masks = found == number, true == number
        own = (*published(*masks), *strict(*masks, spacing))
        values[f"dsc_{name}"] = 100 * own[0]
        table.append(own)
    columns = np.array(table).T
    values["dsc"], values["hd"] = 100 * float(columns[0].mean()), float(columns[1].mean())
    for name, column, factor in (("dsc_strict", columns[2], 100.0), ("hd_strict", columns[3], 1.0)):
        there = column[np.isfinite(column)]
        values[name] = factor * float(there.mean()) if len(there) else float("nan")
    return values
