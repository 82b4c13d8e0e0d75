"""How well the steps did, measured against a stand-in's truth; what can be measured without one, too."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from scipy import ndimage

from mlmi2023.cohorts.formats.volumes import read_labels, read_volume
from mlmi2023.preprocessing import xfm
from mlmi2023.preprocessing.batch import Record, main_modality
from mlmi2023.preprocessing.brainmask import volume_ml
from mlmi2023.preprocessing.grid import read_landmarks
from mlmi2023.preprocessing.match import template_match
from mlmi2023.preprocessing.steps import load_records
from mlmi2023.preprocessing.templates import NAME, load_template

Row = dict[str, Any]
SURE = 0.9  # fraction of white matter in the template above which a voxel is taken for it
UNITS = {
    "wm_cov_before": "coefficient of variation inside white matter, raw image",
    "wm_cov_after": "the same after N4",
    "bias_sd_before": "standard deviation of the log of the true field inside the brain",
    "bias_sd_after": "the same of true field / estimated field",
    "dice": "overlap of brain mask and true mask",
    "volume_ml": "volume of the brain mask, ml",
    "landmark_mm_before": "mean distance of native landmarks from where the best affine puts them, mm",
    "landmark_mm_after": "the same of landmarks mapped by the estimated affine, mm",
    "residual_mm_before": "mean distance of native landmarks from the template's, mm",
    "residual_mm_after": "the same of landmarks mapped by the estimated affine; anatomy differs, so not 0",
    "residual_mm_best": "the same of the best affine, mm",
    "template_match": "shared information of brain and template inside its brain, 0 to 1",
    "turned_match": "the same with the template turned by quarter and half turns, the best of 23",
}


def score_batch(
    raw: list[Record], steps: dict[str, list[Path]], white_matter: list[int] | None = None
) -> list[Row]:
    """Score all steps of all subjects.

    Args:
        raw: records of the raw images.
        steps: batch folders of each step that was run (``n4``, ``brainmask``, ``affine``).
        white_matter: label values of white matter; without them, or without labels, white matter is where the
            template's is almost pure, if there is an affine.

    Returns:
        tidy rows {subject, step, metric, value}; the metrics are explained in ``UNITS``. What needs a truth
        that is not there is left out.
    """
    done = {step: _by_subject(folders) for step, folders in steps.items()}
    rows: list[Row] = []
    for record in raw:
        subject = record["subject"]
        results = {step: found[subject] for step, found in done.items() if subject in found}
        for step, score in (("n4", score_n4), ("brainmask", score_mask), ("affine", score_affine)):
            if step in results:
                values = score(record, results, white_matter or [])
                rows += [{"subject": subject, "step": step, "metric": m, "value": v} for m, v in values]
    return rows


def truth_file(record: Record, suffix: str) -> Path | None:
    """Return a file of a subject's truth, or None if there is none."""
    if not record.get("truth"):
        return None
    path = Path(record["truth"]) / f"sub-{record['subject']}_{suffix}"
    return path if path.is_file() else None


def dice(one: np.ndarray, other: np.ndarray) -> float:
    """Return the Dice overlap of two bool masks of the same shape; 1 if both are empty."""
    total = np.count_nonzero(one) + np.count_nonzero(other)
    return 2.0 * np.count_nonzero(one & other) / total if total else 1.0


def variation(image: np.ndarray, mask: np.ndarray) -> float:
    """Return standard deviation over mean inside a mask."""
    values = image[mask]
    return float(values.std() / values.mean())


def score_n4(raw: Record, results: dict[str, Record], white_matter: list[int]) -> Iterator[tuple[str, float]]:
    """Yield the variation inside white matter before and after, and what is left of the true bias field."""
    modality = main_modality(raw)
    before, affine = read_volume(raw["images"][modality])
    after, _ = read_volume(results["n4"]["images"][modality])
    inside = white_matter_mask(raw, results, white_matter, before.shape, affine)
    if inside is not None:
        yield "wm_cov_before", variation(before, inside)
        yield "wm_cov_after", variation(after, inside)
    field, brain = truth_file(raw, f"desc-bias_{modality}.nii.gz"), truth_file(raw, "desc-brain_mask.nii.gz")
    if field and brain:
        mask = read_labels(brain)[0] > 0
        true = np.log(_positive(field))[mask]
        found = np.log(_positive(results["n4"]["bias"]))[mask]
        yield "bias_sd_before", float(true.std())
        yield "bias_sd_after", float((true - found).std())


def score_mask(
    raw: Record, results: dict[str, Record], _white_matter: list[int]
) -> Iterator[tuple[str, float]]:
    """Yield the mask's volume and its overlap with the truth."""
    mask, affine = read_labels(results["brainmask"]["mask"])
    yield "volume_ml", volume_ml(mask > 0, affine)
    brain = truth_file(raw, "desc-brain_mask.nii.gz")
    if brain:
        yield "dice", dice(mask > 0, read_labels(brain)[0] > 0)


def score_affine(
    raw: Record, results: dict[str, Record], _white_matter: list[int]
) -> Iterator[tuple[str, float]]:
    """Yield how well the brain fits the template, and landmark errors before and after.

    No affine maps one person's brain exactly onto another's. What an affine registration can be blamed for is
    the distance from the best affine, the one fitted to the true pairs of points by least squares.
    """
    done = results["affine"]
    move = xfm.read_xfm(done["affine_xfm"])
    array, affine = read_volume(done["images"][main_modality(done)])
    if done.get("mask"):
        array = np.where(read_labels(done["mask"])[0] > 0, array, 0)
    yield from zip(
        ("template_match", "turned_match"),
        template_match(array, affine, move, xfm.target_of(done["affine_xfm"])),
    )
    table = truth_file(raw, "landmarks.tsv")
    if not table:
        return
    _, native, template = read_landmarks(table)
    found = xfm.apply(move, native)
    best = xfm.apply(xfm.fit_affine(native, template), native)
    yield "landmark_mm_before", _distance(native, best)
    yield "landmark_mm_after", _distance(found, best)
    yield "residual_mm_before", _distance(native, template)
    yield "residual_mm_after", _distance(found, template)
    yield "residual_mm_best", _distance(best, template)


def white_matter_mask(
    raw: Record,
    results: dict[str, Record],
    values: list[int],
    shape: tuple[int, ...],
    affine: np.ndarray,
) -> np.ndarray | None:
    """Return white matter in native space from labels, else from the template by the affine, else None."""
    if raw.get("labels") and values:
        mask = np.isin(read_labels(raw["labels"])[0], values)
    elif results.get("affine", {}).get("affine_xfm"):
        fraction, template = load_template(NAME, kind="wm")
        pull = np.linalg.inv(template) @ xfm.read_xfm(results["affine"]["affine_xfm"]) @ affine
        seen = ndimage.affine_transform(fraction / fraction.max(), pull[:3, :3], pull[:3, 3], shape, order=1)
        mask = seen > SURE
    else:
        return None
    return mask if mask.any() else None


def _positive(path: str | Path) -> np.ndarray:
    # not read_volume, which refuses images of one value: a field may well be 1 everywhere
    return np.maximum(nib.as_closest_canonical(nib.load(path)).get_fdata(dtype=np.float32), 1e-6)


def _distance(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.linalg.norm(one - other, axis=1).mean())


def _by_subject(folders: list[Path]) -> dict[str, Record]:
    return {record["subject"]: record for folder in folders for record in load_records(Path(folder))}
