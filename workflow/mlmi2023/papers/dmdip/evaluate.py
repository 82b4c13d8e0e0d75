"""Images and scores of every row of Table 1 and of the ablation (Figs. 5 and 6).

A method's ``kind`` is

``learned``        a network per slice, fitted by :mod:`.train`; ``replacement``: whether KR acts on outcomes;
``outcome``        the same fits as the method ``of`` (under ``uses``), with another ``replacement``: KR does
                   not touch the fit, so both are one run looked at twice;
``interpolation``  ``by`` bicubic, sinc or flat, which is the floor;
``truth``          the ceiling: the true slices, stored like every outcome in steps of 1/4095.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.papers.dmdip.interpolation import METHODS
from mlmi2023.papers.dmdip.outcomes import read_outcomes
from mlmi2023.papers.dmdip.slices import Slices, load_slices
from mlmi2023.physics.kspace import replace
from mlmi2023.reporting.names import setting_name
from mlmi2023.tasks.restoration import Scoring, Target, enhance, read_images, score
from mlmi2023.tasks.runs import Value, kind_of, read_arrays, start

__all__ = ["predict", "score"]

KINDS = ("learned", "outcome", "interpolation", "truth")
FITS = "fits.npz"
LEVELS = 4095  # 12 bits, as scanners store; signed, since interpolation rings below zero

Fits = dict[str, np.ndarray]


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Write the super-resolved slices of a method; see :func:`mlmi2023.tasks.restoration.enhance`.

    ``psnr`` is that of the whole slice, the largest value of the true slice being the data range (1); once
    for each case, and once more under its age as label. Fitted methods add ``fits.npz``: ``iterations`` (T,),
    and for each factor ``raw_<r>``, the image before replacement, ``kept_<r>``, its iteration, and
    ``psnr_<r>`` and ``psnr_kr_<r>``, (T, S, M). What they cost is ``runtime``, the minutes that a pair takes,
    and :func:`lost`.

    Raises:
        InputError: an unknown kind, missing weights, or a cohort that does not serve.
    """
    options, kind = job.method_options, kind_of(job, KINDS)
    device = start(job)
    slices = load_slices(job.data, job.task)
    fits = fits_of(job, weights, slices)
    values = [] if fits is None else list(lost(fits, slices, options["replacement"]))
    if fits is not None and kind == "learned":
        from mlmi2023.papers.dmdip.timing import minutes_per_pair

        minutes = minutes_per_pair(slices, options, int(fits["iterations"][-1]), device)
        values.append(Value("runtime", minutes))
    made = {} if kind == "truth" else {r: _images(job, slices, r, fits) for r in slices.low}

    def restore(item: tuple[int, int]) -> dict[str, Tensor]:
        r, s = item
        return dict(zip(slices.modalities, made[r][s]))

    files = {} if fits is None else {FITS: fits}
    ceiling = kind == "truth"
    scoring = Scoring(data_range=1.0, levels=LEVELS)
    enhance(job, out, targets(slices), None if ceiling else restore, scoring, values, files)


def targets(slices: Slices) -> Iterator[Target]:
    """Yield every slice at every factor."""
    for r in slices.low:
        settings = {m: setting_name({"r": r, "modality": m}) for m in slices.modalities}
        for s, case in enumerate(slices.cases):
            whole = None if slices.truth is None else dict(zip(slices.modalities, slices.truth[s]))
            truth = None if whole is None else lambda whole=whole: whole
            labels = ("",) if np.isnan(slices.ages[s]) else ("", f"{slices.ages[s]:g}mo")
            yield Target((r, s), f"{case}_r{r}", case, settings, truth, labels)


def fits_of(job: Job, weights: Path | None, slices: Slices) -> Fits | None:
    """Return what the fits of a method left, or of the method that it uses; None if it has none.

    Raises:
        InputError: missing weights, or no method to look at.
    """
    if job.method_options["kind"] == "learned":
        if weights is None:
            raise InputError(f"method '{job.method}' is learned: give the weights that training wrote")
        outcomes = read_outcomes(weights, slices)
        return {name.replace("image", "raw"): values.numpy() for name, values in outcomes.items()}
    if job.method_options["kind"] == "outcome":
        used = job.used.get(job.method_options.get("of", ""))
        if used is None:
            raise InputError(f"config key methods.{job.method}.of: name a method that stands under 'uses'")
        return read_arrays(used.predictions / FITS)
    return None


def _images(job: Job, slices: Slices, r: int, fits: Fits | None) -> Tensor:
    """Return the images of one factor, (S, M, H, W) float32."""
    options, low = job.method_options, slices.low[r]
    if fits is not None:
        raw = torch.from_numpy(fits[f"raw_{r}"])
        return replace(raw, low) if options["replacement"] else raw
    if options.get("by") not in METHODS:
        raise InputError(
            f"config key methods.{job.method}.by is {options.get('by')!r}; choose {', '.join(METHODS)}"
        )
    return METHODS[options["by"]](low, slices.shape[r])


def lost(fits: Fits, slices: Slices, replacement: bool) -> Iterator[Value]:
    """Yield two readings of how much it matters when a fit is stopped.

    ``psnr_drop`` is the best PSNR of all recorded iterations less that of the one kept, ``psnr_below`` the
    same for all of them on average: what stopping at any of them costs. Nothing without a truth.
    """
    for r in slices.low if slices.truth is not None else ():
        for m, modality in enumerate(slices.modalities):
            setting = setting_name({"r": r, "modality": modality})
            for s, case in enumerate(slices.cases):
                curve = fits[f"psnr_kr_{r}" if replacement else f"psnr_{r}"][:, s, m]
                kept = np.flatnonzero(fits["iterations"] == fits[f"kept_{r}"][s, m])
                best = curve.max()
                yield Value("psnr_drop", float(best - curve[int(kept[0])]), case, setting=setting)
                yield Value("psnr_below", float((best - curve).mean()), case, setting=setting)


def image_of(folder: Path, slices: Slices, s: int, r: int) -> np.ndarray:
    """Return what :func:`predict` made of slice ``s`` at factor ``r``, (M, H, W) float32."""
    found = read_images(folder, f"{slices.cases[s]}_r{r}", LEVELS)
    return np.stack([found[modality].numpy() for modality in slices.modalities])
