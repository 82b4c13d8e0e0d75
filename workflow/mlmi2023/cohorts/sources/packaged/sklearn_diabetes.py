"""Diabetes progression: 442 patients, 10 baseline measures, progression after a year above its median or not.

The score of progression is a number; it is cut at the median of all patients, which makes two classes of
equal size. The cut defines the task and is the same in every fold.
"""

from pathlib import Path

import numpy as np

from mlmi2023.cohorts.formats.tables import Column, RawTable, write_tidy


def export(root: Path) -> None:
    """Write scikit-learn's copy of the table into ``root``, in the units it was measured in."""
    from sklearn.datasets import load_diabetes

    data = load_diabetes(scaled=False)
    middle = np.median(data.target)
    values = ["high" if score > middle else "low" for score in data.target]
    units = {"age": "years", "bmi": "kg/m2", "bp": "mmHg"}
    write_tidy(
        RawTable(
            [f"{row:03d}" for row in range(1, len(values) + 1)],
            [Column(str(name), "", "continuous", units.get(str(name), "")) for name in data.feature_names],
            data.data,
            {"progression": values},
            {"progression": ["low", "high"]},
        ),
        root,
    )
