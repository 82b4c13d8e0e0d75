"""What the figures are drawn from: the images, and what each method answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlmi2023.core.jobs import Job
from mlmi2023.papers.skin_transformer.data import SkinData, open_data
from mlmi2023.papers.skin_transformer.evaluate import read_logits


@dataclass(frozen=True)
class Context:
    """Inputs of :func:`mlmi2023.papers.skin_transformer.figures.draw`.

    Attributes:
        data: images by method, at the size that it works on.
        jobs: job by method.
        logits: (test images, H, W) by method.
        names: names to show by method.
    """

    data: Mapping[str, SkinData]
    jobs: Mapping[str, Job]
    logits: Mapping[str, np.ndarray]
    names: Mapping[str, str]


def load(
    jobs: Mapping[str, Job],
    weights: Mapping[str, Path],
    predictions: Mapping[str, Path],
    names: Mapping[str, str],
) -> Context:
    """Return the context; results are read, networks are not run again."""
    data = {method: open_data(job) for method, job in jobs.items()}
    logits = {method: read_logits(predictions[method], data[method]) for method in jobs}
    return Context(data, jobs, logits, names)
