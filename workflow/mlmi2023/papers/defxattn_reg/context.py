"""What the figures are drawn from: one test pair, trained networks, fields of methods without a network."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mlmi2023.cohorts.forms.volumes.reader import open_packed
from mlmi2023.core.files import read_json
from mlmi2023.core.jobs import Job


def load(
    jobs: Mapping[str, Job],
    weights: Mapping[str, Path],
    predictions: Mapping[str, Path],
    names: Mapping[str, str],
) -> dict[str, Any]:
    """Return the context of :func:`mlmi2023.papers.defxattn_reg.figures.draw`.

    The pair is the first test pair, whatever it looks like.

    Args:
        jobs: job by method, all on one dataset.
        weights: final weights by method, for those that have some.
        predictions: folder of predictions by method.
        names: names to show by method.
    """
    from mlmi2023.papers.defxattn_reg.model import build_net
    from mlmi2023.training.loop.weights import load_weights

    first = next(iter(jobs.values()))
    packed = open_packed(first.data)
    case = read_json(predictions[first.method] / "cases.json")[0]
    nets, displacements = {}, {}
    for method, job in jobs.items():
        if method in weights:
            nets[method] = build_net(job.method_options, packed.shape)
            load_weights(nets[method], weights[method])
            nets[method].eval()
        else:
            with np.load(predictions[method] / f"{case['case']}.npz") as file:
                displacements[method] = file["displacement"].astype(np.float32)
    return {
        "packed": packed,
        "case": (case["moving"], case["fixed"]),
        "modalities": (first.task["moving"], first.task["fixed"]),
        "nets": nets,
        "displacements": displacements,
        "names": names,
        "predictions": predictions,
    }
