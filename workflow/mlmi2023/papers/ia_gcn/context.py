"""What the figures are drawn from: the attention of every fold, and what is known of the features."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.forms.table.reader import open_table
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.papers.ia_gcn.measures import class_correlations


def load(
    jobs: Mapping[str, Job],
    weights: Mapping[str, Path],
    predictions: Mapping[str, Path],
    names: Mapping[str, str],
) -> dict[str, Any]:
    """Return the context of :func:`mlmi2023.papers.ia_gcn.figures.draw`, of the first method with attention.

    Args:
        jobs: job by method, all on one dataset.
        weights: final weights by method; not used.
        predictions: folder of predictions by method.
        names: names to show by method.

    Raises:
        InputError: no method given has attention.
    """
    for method, job in jobs.items():
        with np.load(predictions[method] / "inside.npz") as inside:
            found = [name for name in inside.files if name.startswith("attention:")]
            if not found:
                continue
            attention = inside[found[0]]
        table = open_table(job.data)
        target = job.task["target"]
        return {
            "name": names[method],
            "attention": attention,
            "columns": table.columns,
            "relevant": table.informative(target),
            "correlation": class_correlations(table, target),
            "target": target,
        }
    raise InputError(f"no method of the figure has attention ({', '.join(jobs)}); add ia_gcn")
