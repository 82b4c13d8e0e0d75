"""Predictions and scores of every row of Tables 1 and 2b."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from torch import Tensor, nn

from mlmi2023.cohorts.forms.scans.reader import Scans
from mlmi2023.core.jobs import Job
from mlmi2023.metrics.segmentation import count
from mlmi2023.papers.fine_grained_wavelet.measures import scan_scores
from mlmi2023.papers.fine_grained_wavelet.model import FrequencyUnet
from mlmi2023.papers.fine_grained_wavelet.spectra import Listener, deep_share, spectra_of
from mlmi2023.tasks import segmentation
from mlmi2023.tasks.runs import Value
from mlmi2023.tasks.segmentation import Cases, Pair, Slices

#: names of rates in Table 2b
POOLED = {"dsc": "dice", "se": "sensitivity", "sp": "specificity", "acc": "accuracy"}


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Segment all test cases and write the folder ``out``, as all segmentation papers do.

    Of scans, FET and its ablations keep the mean amplitude spectrum of each encoder block as well.

    Raises:
        InputError: an unknown kind, missing weights, or a cohort that does not serve.
    """
    slices = Slices(job)
    listeners: list[Listener] = []

    def build(job: Job, slices: Cases) -> nn.Module:
        net = segmentation.build_network(job, slices)
        if isinstance(net, FrequencyUnet) and isinstance(slices.cohort, Scans):
            listeners.append(Listener(net))
        return net

    def keep(slices: Cases, row: int, labels: Tensor) -> dict[str, np.ndarray]:
        heard = {name: spectrum for listener in listeners for name, spectrum in listener.take().items()}
        return {"labels": slices.restored(labels, row), **heard}

    segmentation.predict(slices, weights, out, build, keep=keep)


def score(job: Job, predictions: Path) -> Iterator[Value]:
    """Yield the values of each tested scan or image, and the number of weights in millions."""
    slices = Slices(job)
    if isinstance(slices.cohort, Scans):
        yield from segmentation.score(predictions, slices, lambda pair: _scan(slices, pair))
    else:
        # structures are taken together, since Table 2b has one
        counts = {
            pair.case: count(pair.found > 0, pair.truth > 0)
            for pair in segmentation.pairs(predictions, slices)
        }
        yield from segmentation.rate_values(counts, POOLED, {"dsc_image": "dice"}, factor=100)
    about = segmentation.read_about(predictions)
    if "parameters" in about:
        yield Value("params", about["parameters"] / 1e6)


def _scan(slices: Slices, pair: Pair) -> Iterator[Value]:
    scores = scan_scores(pair.found, pair.truth, slices.classes, slices.spacing(pair.row))
    if spectra := spectra_of(pair.kept):
        scores["hf_energy"] = 100 * deep_share(spectra)
    for metric, value in scores.items():
        yield Value(metric, value)
