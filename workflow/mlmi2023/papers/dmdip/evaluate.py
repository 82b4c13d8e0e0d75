"""Images and scores of every row of Table 1 and of the ablation (Figs. 5 and 6).

A method's ``kind`` is

``learned``        a network per slice, fitted by :mod:`.train`; ``replacement``: whether KR acts on outcomes;
``outcome``        the same fits as the method ``of`` (under ``uses``), with another ``replacement``: KR does
                   not touch the fit, so both are one run looked at twice;
``interpolation``  ``by`` bicubic, sinc or flat, which is the floor;
``truth``          the ceiling: the true slices, stored like every outcome in steps of 1/4095.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic, read_json, write_json
from mlmi2023.core.jobs import Job
from mlmi2023.metrics.image import psnr
from mlmi2023.papers.dmdip.interpolation import METHODS
from mlmi2023.papers.dmdip.outcomes import read_outcomes
from mlmi2023.papers.dmdip.slices import Slices, load_slices
from mlmi2023.physics.kspace import replace
from mlmi2023.reporting.names import setting_name
from mlmi2023.training.loop.device import make_deterministic, pick_device

KINDS = ("learned", "outcome", "interpolation", "truth")
IMAGES, FITS, RECORD = "images.npz", "fits.npz", "record.json"
LEVELS = 4095  # 12 bits, as scanners store; signed, since interpolation rings below zero


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Write the super-resolved slices of a method.

    ``images.npz`` has ``image_<r>``, (S, M, H, W) int16 in 1/4095, for each factor; ``record.json`` the
    minutes that a pair takes. Fitted methods add ``fits.npz``: ``iterations`` (T,), and for each factor
    ``raw_<r>``, the image before replacement, ``kept_<r>``, its iteration, and ``psnr_<r>`` and
    ``psnr_kr_<r>``, (T, S, M).

    Raises:
        InputError: an unknown kind, missing weights, or a cohort that does not serve.
    """
    options, kind = job.method_options, job.method_options.get("kind")
    if kind not in KINDS:
        raise InputError(f"config key methods.{job.method}.kind is {kind!r}; choose {', '.join(KINDS)}")
    device = pick_device(job.device)
    make_deterministic(job.threads, device)
    slices = load_slices(job.data, job.task)
    record: dict[str, Any] = {"minutes": None}
    fits: dict[str, Any] | None = None
    if kind == "learned":
        from mlmi2023.papers.dmdip.timing import minutes_per_pair

        if weights is None:
            raise InputError(f"method '{job.method}' is learned: give the weights that training wrote")
        fits = _fits(read_outcomes(weights, slices), slices)
        record["minutes"] = minutes_per_pair(slices, options, int(fits["iterations"][-1]), device)
    elif kind == "outcome":
        used = job.used.get(options.get("of", ""))
        if used is None:
            raise InputError(f"config key methods.{job.method}.of: name a method that stands under 'uses'")
        fits = read_arrays(used.predictions / FITS)
    images = {r: _image(job, slices, r, fits) for r in slices.low}
    for r, image in images.items():
        if not np.isfinite(image).all():
            raise InputError(
                f"method '{job.method}' gave images with NaN or infinity at factor {r}; lower "
                "train.learning_rate"
            )
    with atomic(out) as part:
        part.mkdir()
        small: dict[str, Any] = {f"image_{r}": _stored(image) for r, image in images.items()}
        np.savez(part / IMAGES, **small)
        if fits is not None:
            np.savez(part / FITS, **fits)
        write_json(part / RECORD, record)


def _fits(outcomes: dict[str, torch.Tensor], slices: Slices) -> dict[str, np.ndarray]:
    found = {"iterations": outcomes["iterations"].numpy()}
    for r in slices.low:
        found[f"raw_{r}"] = outcomes[f"image_{r}"].numpy()
        for name in ("kept", "psnr", "psnr_kr"):
            found[f"{name}_{r}"] = outcomes[f"{name}_{r}"].numpy()
    return found


def _image(job: Job, slices: Slices, r: int, fits: dict[str, np.ndarray] | None) -> np.ndarray:
    """Return the images of one factor, (S, M, H, W) float32."""
    options, low, shape = job.method_options, slices.low[r], slices.shape[r]
    if fits is not None:
        raw = torch.from_numpy(fits[f"raw_{r}"])
        return (replace(raw, low) if options["replacement"] else raw).numpy()
    if options["kind"] == "truth":
        if slices.truth is None:
            raise InputError(
                f"dataset '{job.dataset}' has no truth; remove the method '{job.method}' from it"
            )
        return slices.truth.numpy()
    if options.get("by") not in METHODS:
        raise InputError(
            f"config key methods.{job.method}.by is {options.get('by')!r}; choose {', '.join(METHODS)}"
        )
    return METHODS[options["by"]](low, shape).numpy()


def score(job: Job, predictions: Path) -> list[dict[str, Any]]:
    """Score what :func:`predict` wrote.

    ``psnr`` is that of the whole slice, the largest value of the true slice being the data range (1); once
    for each case, and once more under its age as label. ``psnr_drop`` is the best PSNR of all recorded
    iterations less that of the one kept, ``psnr_below`` the same for all of them on average: what stopping at
    any of them costs. ``runtime`` is one value per run, and the only one where there is no truth.

    Raises:
        InputError: a broken prediction.
    """
    slices = load_slices(job.data, job.task)
    options = job.method_options
    images = {r: read_images(Path(predictions), r) for r in slices.low}
    fits = read_arrays(Path(predictions) / FITS) if options["kind"] in ("learned", "outcome") else None
    same = {"dataset": job.dataset, "method": job.method, "seed": job.seed, "fold": job.fold}
    rows: list[dict[str, Any]] = []
    minutes = read_json(Path(predictions) / RECORD)["minutes"]
    if minutes is not None:
        rows.append({**same, "setting": "", "case": "", "label": "", "metric": "runtime", "value": minutes})
    if slices.truth is None:
        return rows
    for r in slices.low:
        for m, modality in enumerate(slices.modalities):
            setting = setting_name({"r": r, "modality": modality})
            for s, case in enumerate(slices.cases):
                here = {**same, "setting": setting, "case": case}
                value = psnr(images[r][s, m], slices.truth[s, m], data_range=1.0)
                labels = ["", *age_label(slices.ages[s])]
                rows += [{**here, "label": label, "metric": "psnr", "value": value} for label in labels]
                if fits is not None:
                    lost = _lost(fits, r, s, m, options["replacement"])
                    rows += [{**here, "label": "", "metric": k, "value": v} for k, v in lost.items()]
    return rows


def age_label(months: float) -> list[str]:
    """Return the label of an age, none if it is unknown."""
    return [] if np.isnan(months) else [f"{months:g}mo"]


def _lost(fits: dict[str, np.ndarray], r: int, s: int, m: int, replacement: bool) -> dict[str, float]:
    """Return two readings of how much it matters when a fit is stopped."""
    curve = fits[f"psnr_kr_{r}" if replacement else f"psnr_{r}"][:, s, m]
    kept = np.flatnonzero(fits["iterations"] == fits[f"kept_{r}"][s, m])
    best = curve.max()
    return {"psnr_drop": float(best - curve[int(kept[0])]), "psnr_below": float((best - curve).mean())}


def _stored(image: np.ndarray) -> np.ndarray:
    return np.round(image * LEVELS).clip(-32768, 32767).astype(np.int16)


def read_images(folder: Path, r: int) -> np.ndarray:
    """Return the images of a factor that :func:`predict` wrote, (S, M, H, W) float32."""
    return read_arrays(folder / IMAGES)[f"image_{r}"].astype(np.float32) / LEVELS


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a file that :func:`predict` wrote.

    Raises:
        InputError: it is missing or broken.
    """
    import zipfile

    try:
        with np.load(path) as content:
            return dict(content)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: cannot be read ({error}); delete its folder and predict again") from error
