"""What a method leaves of small and of large displacements, landmark by landmark.

The paper argues that deformable windows reach farther than fixed ones. If so, the lead of TM-DCA grows with
the distance between corresponding points, which is known where a cohort has landmarks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.forms.volumes.reader import Packed
from mlmi2023.tasks.registration.measures import Registered
from mlmi2023.tasks.registration.stored import read_field, read_pairs
from mlmi2023.tasks.runs import Runs

#: Borders of the strata by true displacement, mm; the last one is open.
EDGES = (0.0, 3.0, 6.0, 9.0, 12.0)


@dataclass(frozen=True)
class Strata:
    """Landmarks of all test pairs, grouped by true displacement.

    Attributes:
        true: (S,) mean true displacement of each group, mm; NaN for an empty one.
        left: (S,) mean error that is left, mm.
        count: (S,) landmarks.
    """

    true: np.ndarray
    left: np.ndarray
    count: np.ndarray


def group(true: np.ndarray, left: np.ndarray, edges: Sequence[float] = EDGES) -> Strata:
    """Group landmarks by true displacement (K,) and average it and the errors (K,), both in mm."""
    place = np.digitize(true, edges) - 1
    count = np.array([(place == k).sum() for k in range(len(edges))])

    def means(values: np.ndarray) -> np.ndarray:
        sums = np.array([values[place == k].sum() for k in range(len(edges))])
        return np.where(count, sums / np.maximum(count, 1), np.nan)

    return Strata(means(true), means(left), count)


def measure_strata(packed: Packed, predictions: Path) -> Strata:
    """Group the landmarks of all pairs that a method has registered.

    Args:
        packed: the cohort, with landmarks.
        predictions: the method's folder, as :func:`~.evaluate.predict` writes it.
    """
    true, left = [], []
    for pair in read_pairs(predictions):
        u = read_field(predictions, pair.case, packed.shape)
        before, after = (Registered(pair, field, packed, {}).errors for field in (np.zeros_like(u), u))
        assert before is not None and after is not None
        true.append(before)
        left.append(after)
    return group(np.concatenate(true), np.concatenate(left))


def plot(runs: Runs, proposed: str = "tm_dca") -> Any:
    """Draw errors by true displacement, and how much more than ``proposed`` the other methods leave.

    A cohort without landmarks gets a figure that says so.
    """
    import matplotlib.pyplot as plt

    packed, names = runs.cohort, runs.names
    figure, (errors, leads) = plt.subplots(1, 2, figsize=(8.0, 3.4), layout="constrained")
    if packed.landmarks is None:
        for axes in (errors, leads):
            axes.axis("off")
        errors.text(0, 0.5, "This cohort has no landmarks: true displacements are not known.", fontsize=9)
        return figure
    found = {m: measure_strata(packed, folder) for m, folder in runs.predictions.items()}
    for number, (method, strata) in enumerate(found.items()):
        style = {"color": f"C{number}", "marker": "o", "markersize": 3.5, "label": names.get(method, method)}
        errors.plot(strata.true, strata.left, linewidth=2 if method == proposed else 1, **style)
        if proposed in found and method != proposed:
            leads.plot(strata.true, strata.left - found[proposed].left, linewidth=1, **style)
    leads.axhline(0, color="0.4", linewidth=0.8)
    for axes, title in (
        (errors, "error that is left [mm]"),
        (leads, f"more than {names.get(proposed)} [mm]"),
    ):
        axes.set_xlabel("true displacement of landmarks [mm]")
        axes.set_ylabel(title)
    counts = next(iter(found.values())).count
    groups = [f"{low:g}" for low in EDGES]
    errors.set_title(f"{', '.join(map(str, counts))} landmarks\nfrom {', '.join(groups)} mm on", fontsize=8)
    figure.legend(*errors.get_legend_handles_labels(), loc="outside right center", fontsize=8, frameon=False)
    return figure
