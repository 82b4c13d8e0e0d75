"""Predictions and scores of every row of Table 1, and of scans whose quality is measured.

A method's ``kind`` is ``learned``, ``gannet`` (the conventional reconstruction), ``mean_target`` (no
transient is looked at), ``flat``, the floor, ``truth``, the ceiling, or ``averaged``, for quality alone.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from scipy.stats import wilcoxon

from mlmi2023.cohorts.forms.spectra.reader import Spectra, open_spectra
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic
from mlmi2023.core.jobs import Job
from mlmi2023.core.options import options
from mlmi2023.papers.gaba_mrs.fit import Fit, fitted
from mlmi2023.papers.gaba_mrs.inputs import network_input, scale
from mlmi2023.papers.gaba_mrs.measures import mse, snr, span
from mlmi2023.papers.gaba_mrs.options import Quality
from mlmi2023.papers.gaba_mrs.quality import mean_spectrum, quality
from mlmi2023.papers.gaba_mrs.scans import Scans
from mlmi2023.papers.gaba_mrs.train import build, method_of
from mlmi2023.tasks.runs import AGAIN, Value, kind_of, read_arrays, ready

KINDS = ("learned", "gannet", "mean_target", "flat", "truth", "averaged")
FILE = "spectra.npz"
#: fewest scans of which a rank test or a correlation is worked out
LEAST = 5


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Write the difference spectrum of each tested scan, ``spectra.npz`` with ``found`` (N, P) float64.

    Of a dataset whose quality is measured these are mean spectra, complex.

    Raises:
        InputError: an unknown kind, missing weights, or a cohort that does not serve.
    """
    kind = kind_of(job, KINDS)
    measured = job.task.get("kind") == "quality"
    if measured != (kind == "averaged"):
        raise InputError(
            f"config key methods.{job.method}.kind is {kind}, task.kind "
            f"{job.task.get('kind')}; 'averaged' goes with quality, all others with reconstruction"
        )
    found = _means(job) if measured else _differences(job, kind, weights)
    with atomic(out) as part:
        part.mkdir()
        np.savez(part / FILE, found=found)


def _means(job: Job) -> np.ndarray:
    cohort, task = open_spectra(job.data), options(Quality, job.task, "config", "task")
    axis = cohort.points, cohort.width, cohort.frequency
    register = bool(job.method_options.get("registered", True))
    return np.stack(
        [mean_spectrum(cohort.off(row), axis, register, task.broadening) for row in cohort.rows("test")]
    )


def _differences(job: Job, kind: str, weights: Path | None) -> np.ndarray:
    scans = Scans(job)
    rows = scans.cohort.rows("test")
    if kind == "learned":
        found = _by_network(job, scans, rows, weights)
    elif kind == "gannet":
        some = job.method_options.get("transients") == "some"
        found = np.stack([scans.gannet(row, some).difference for row in rows])
    elif kind == "truth":
        truths = [scans.truth(row) for row in rows]
        if any(truth is None for truth in truths):
            raise InputError(
                f"dataset '{job.dataset}' has no truth; remove the method '{job.method}' from it"
            )
        found = np.stack(truths)  # type: ignore[arg-type]
    elif kind == "mean_target":
        mean = scans.mean_target()
        found = np.stack([mean * scans.height(row) for row in rows])
    else:
        found = np.zeros((len(rows), scans.cohort.points))
    if not np.isfinite(found).all():
        raise InputError(
            f"method '{job.method}' gave spectra with NaN or infinity; lower train.learning_rate"
        )
    return found


def _by_network(job: Job, scans: Scans, rows: list[int], weights: Path | None) -> np.ndarray:
    own = method_of(job.method_options)
    net, device = ready(job, lambda: build(own, scans.task.pairs, scans.cohort.points), weights)
    naa, found = torch.from_numpy(scans.naa).to(device), []
    with torch.inference_mode():
        for row in rows:
            on, off = (part.to(device) for part in scans.tested_on([row]))
            height = scale(off, naa)
            spectrum = net(network_input(on / height, off / height, own.input)) * height
            found.append(spectrum[0].double().cpu().numpy())
    return np.stack(found)


def read_found(cohort: Spectra, predictions: Path) -> np.ndarray:
    """Return what :func:`predict` wrote, (N, P).

    Raises:
        InputError: it is missing, broken, or of another cohort.
    """
    file = predictions / FILE
    arrays = read_arrays(file, (len(cohort.rows("test")), cohort.points))
    if "found" not in arrays:
        raise InputError(f"{file}: has no array 'found'; {AGAIN}")
    return arrays["found"]


def score(job: Job, predictions: Path) -> Iterator[Value]:
    """Yield the measures of each tested scan, and of all of them together.

    ``mse`` against the conventional reconstruction of all pairs, ``snr``, ``fit_error``; where the truth is
    known, ``mse_truth``, ``gaba_bias`` and ``gaba_error`` (signed and absolute difference of the fitted area
    to that of the truth, percent) and ``gaba_r``, their correlation over scans. Learned methods also have the
    paper's Wilcoxon tests.
    """
    if job.task.get("kind") == "quality":
        cohort = open_spectra(job.data)
        for row, spectrum in zip(cohort.rows("test"), read_found(cohort, predictions)):
            for metric, value in quality(spectrum, cohort.ppm, cohort.frequency).items():
                yield Value(metric, value, cohort.subjects[row])
        return
    scans = Scans(job)
    cohort, rows, kind = scans.cohort, scans.cohort.rows("test"), job.method_options.get("kind")
    whole = kind == "gannet" and job.method_options.get("transients") == "all"
    values: dict[str, list[float]] = {}
    areas: list[tuple[float, float]] = []
    for row, spectrum in zip(rows, read_found(cohort, predictions)):
        found = measures(scans, row, spectrum, whole)
        truth = scans.truth(row)
        if truth is not None:
            own, true = fitted(spectrum, cohort.ppm), fitted(truth, cohort.ppm)
            found |= against_truth(scans, row, spectrum, truth, own, true)
            areas.append((own.area, true.area))
        for metric, value in found.items():
            values.setdefault(metric, []).append(value)
            yield Value(metric, value, cohort.subjects[row])
    if len(areas) >= LEAST:
        own_areas, true_areas = np.array(areas).T
        varies = own_areas.std() > 1e-9 * max(abs(own_areas).max(), 1e-30)
        yield Value("gaba_r", float(np.corrcoef(own_areas, true_areas)[0, 1]) if varies else float("nan"))
    if kind == "learned":
        yield from _tests(scans, rows, values)


def measures(scans: Scans, row: int, spectrum: np.ndarray, whole: bool) -> dict[str, float]:
    """Return the paper's three measures of a scan; the reference has no error to itself."""
    reference, ppm = scans.target(row), scans.ppm
    found = {} if whole else {"mse": mse(spectrum, reference, ppm, span(reference, ppm))}
    return {**found, "snr": snr(spectrum, ppm), "fit_error": fitted(spectrum, ppm).error}


def against_truth(
    scans: Scans, row: int, spectrum: np.ndarray, truth: np.ndarray, own: Fit, true: Fit
) -> dict[str, float]:
    """Return what the noise-free spectrum says of a reconstruction."""
    bias = 100 * (own.area / true.area - 1) if true.area > 0 else float("nan")
    away = mse(spectrum, truth, scans.ppm, span(scans.target(row), scans.ppm))
    return {"mse_truth": away, "gaba_bias": bias, "gaba_error": abs(bias)}


def _tests(scans: Scans, rows: list[int], values: dict[str, list[float]]) -> Iterator[Value]:
    """Yield p of Wilcoxon's signed-rank tests that the text gives."""
    full = [measures(scans, row, scans.target(row), True) for row in rows]
    some = [measures(scans, row, scans.gannet(row, some=True).difference, False) for row in rows]
    for name, metric, others in (
        ("p_snr", "snr", full),
        ("p_fit_error", "fit_error", full),
        ("p_mse", "mse", some),
    ):
        pairs = np.array([values[metric], [other[metric] for other in others]])
        pairs = pairs[:, np.isfinite(pairs).all(0)]
        enough = pairs.shape[1] >= LEAST and (pairs[0] != pairs[1]).any()
        yield Value(name, float(wilcoxon(*pairs).pvalue) if enough else float("nan"))
