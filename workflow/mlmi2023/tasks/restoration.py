"""Restoration: super-resolution, denoising, synthesis; from what a method makes to PSNR and SSIM.

A paper says what is to be restored (:class:`Target`) and how its methods do it, a function of a target. Kept
results are stored, all are scored as they would be when stored, and the controls are the same for everyone:
``mean`` (the floor: one grey value) and ``truth`` (the ceiling). Scores are taken while predicting, since the
results of a whole cohort may be too large to keep.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic
from mlmi2023.core.jobs import Job
from mlmi2023.metrics.image import psnr, ssim
from mlmi2023.tasks.runs import Value, read_arrays

SCORES = "scores.csv"
COLUMNS = ("case", "label", "setting", "metric", "value")
#: dB; a difference that cannot be told from rounding has no finite ratio
MOST = 100.0
#: smallest side of an image that SSIM's window of 11 pixels fits into
LEAST = 11

#: slices of a box, or a boolean mask, that says where a result is scored; made from the truth
Region = Callable[[Tensor], Any]


class Target(NamedTuple):
    """One thing that is to be restored.

    Attributes:
        item: the paper's own, for its ``restore``.
        name: of the file that keeps the result.
        case: under which it is scored.
        settings: the setting of each part of the result, such as a view or a modality. Parts that share a
            setting get their mean as one score.
        truth: gives the true image, or one for each part; None where it is not known.
        labels: under each of which it is scored.
        keep: whether the result is stored.
    """

    item: Any
    name: str
    case: str
    settings: Mapping[str, str]
    truth: Callable[[], Any] | None
    labels: tuple[str, ...] = ("",)
    keep: bool = True


@dataclass(frozen=True)
class Scoring:
    """How results are scored.

    Attributes:
        data_range: largest possible intensity minus the smallest.
        levels: results are rounded to 1 / levels and stored as int16; None: as float16.
        regions: where to score, by label; "" is the target's own label.
        images: takes a part's name and its result inside the region; returns the images (N, H, W) whose
            scores are averaged. None: the result is one image, 2D or 3D.
        metrics: ``psnr``, ``ssim``.
        digits: of the scores that are kept; None: all.
    """

    data_range: float
    levels: int | None = None
    regions: Mapping[str, Region] = field(default_factory=lambda: {"": lambda truth: ...})
    images: Callable[[str, Tensor], Tensor] | None = None
    metrics: tuple[str, ...] = ("psnr",)
    digits: int | None = None


def enhance(
    job: Job,
    out: Path,
    targets: Iterable[Target],
    restore: Callable[[Any], Any] | None,
    scoring: Scoring,
    values: Iterable[Value] = (),
    files: Mapping[str, Mapping[str, np.ndarray]] | None = None,
) -> None:
    """Restore all targets and write the folder ``out``, whole or not at all.

    ``<name>.npz`` has the parts of a kept result, ``scores.csv`` case, label, setting, metric and value.

    Args:
        job: what to run.
        out: the folder.
        targets: what is to be restored.
        restore: takes a target's item; returns an array for each part, or one array for all of them. None:
            the truth itself, which is the ceiling.
        scoring: see there.
        values: the paper's own, such as a run time.
        files: more arrays to store, by name of the ``.npz`` file.

    Raises:
        InputError: a result is not finite or has another shape than the truth, or there is no truth for the
            ceiling.
    """
    targets, rows = list(targets), list(values)
    if not targets:  # such as controls where no scan has a reference
        print(f"method '{job.method}': dataset '{job.dataset}' has nothing to restore", flush=True)
    with atomic(out) as part, torch.inference_mode():
        part.mkdir()
        for target in targets:
            made = restore(target.item) if restore else _ceiling(job, target)
            parts = made if isinstance(made, Mapping) else dict.fromkeys(target.settings, made)
            kept = {name: stored(image, scoring.levels, job) for name, image in parts.items()}
            if target.truth is not None:
                seen = {name: decoded(image, scoring.levels) for name, image in kept.items()}
                rows += scores_of(target, seen, target.truth(), scoring)
            if target.keep:
                _store(part / f"{target.name}.npz", kept)
        for name, arrays in (files or {}).items():
            np.savez(part / name, **arrays)  # type: ignore[arg-type]
        frame = pd.DataFrame([value._asdict() for value in rows], columns=COLUMNS)
        frame.to_csv(part / SCORES, index=False, lineterminator="\n")


def _ceiling(job: Job, target: Target) -> Any:
    if target.truth is None:
        raise InputError(f"dataset '{job.dataset}' has no truth; remove the method '{job.method}' from it")
    return target.truth()


def mean_of(restore: Callable[[Any], Tensor]) -> Callable[[Any], Tensor]:
    """Return the floor as a ``restore``: everywhere the mean of what another one, an interpolation, makes."""

    def flat(item: Any) -> Tensor:
        image = restore(item)
        return torch.full_like(image, float(image.mean()))

    return flat


def scores_of(target: Target, found: Mapping[str, Tensor], truth: Any, scoring: Scoring) -> Iterator[Value]:
    """Yield the scores of one target.

    Args:
        target: what was restored.
        found: results by part, as they are when read again.
        truth: the true image, or one for each part.
        scoring: how.

    Raises:
        InputError: a result has another shape than the truth.
    """
    each: dict[tuple[str, str], list[Mapping[str, float]]] = {}
    for part, image in found.items():
        true = torch.as_tensor(truth[part] if isinstance(truth, Mapping) else truth)
        if image.shape != true.shape:
            raise InputError(
                f"{target.name}: the result has the shape {tuple(image.shape)}, the truth {tuple(true.shape)}"
            )
        for region, where in scoring.regions.items():
            got = dict(quality(image, true, where(true), part, scoring))
            each.setdefault((target.settings[part], region), []).append(got)
    for (setting, region), scores in each.items():
        for metric in scores[0]:
            if all(metric in own for own in scores):
                value = float(np.mean([own[metric] for own in scores]))
                value = value if scoring.digits is None else float(f"{value:.{scoring.digits}g}")
                for label in (region,) if region else target.labels:
                    yield Value(metric, value, target.case, label, setting)


def quality(
    image: Tensor, truth: Tensor, where: Any, part: str, scoring: Scoring
) -> Iterator[tuple[str, float]]:
    """Yield each metric's name and its mean over the images of a result.

    Args:
        image: the result.
        truth: of the same shape.
        where: slices, or a boolean mask of the same shape.
        part: its name.
        scoring: data range, images, metrics. SSIM is left out where its window does not fit.
    """
    masked = isinstance(where, Tensor) and where.dtype == torch.bool
    box = ... if masked else where
    look = scoring.images or (lambda part, whole: whole[None])
    found, true = (look(part, v[box]).double().numpy() for v in (image, truth))
    masks = look(part, where).numpy() if masked else [None] * len(found)
    range_ = scoring.data_range
    if "psnr" in scoring.metrics:
        each = [min(psnr(a, b, range_, mask), MOST) for a, b, mask in zip(found, true, masks)]
        yield "psnr", float(np.mean(each))
    if "ssim" in scoring.metrics and min(found.shape[1:]) >= LEAST:
        yield "ssim", float(np.mean([ssim(a, b, range_, mask) for a, b, mask in zip(found, true, masks)]))


def stored(image: Any, levels: int | None, job: Job) -> np.ndarray:
    """Return a result as it is stored.

    Raises:
        InputError: it has NaN or infinity.
    """
    array = np.asarray(image.detach().cpu() if isinstance(image, Tensor) else image)
    if not np.isfinite(array).all():
        raise InputError(f"method '{job.method}' gave images with NaN or infinity; lower train.learning_rate")
    if levels is None:
        return array.astype(np.float16)
    return np.round(array * levels).clip(-32768, 32767).astype(np.int16)


def decoded(array: np.ndarray, levels: int | None) -> Tensor:
    """Return a stored result as float32."""
    return torch.from_numpy(array.astype(np.float32) / (levels or 1))


def _store(file: Path, parts: Mapping[str, np.ndarray]) -> None:
    """Write a result; one that comes part by part gets one file."""
    if file.exists():
        parts = {**read_arrays(file), **parts}
    np.savez(file, **parts)  # type: ignore[arg-type]


def read_images(folder: Path, name: str, levels: int | None = None) -> dict[str, Tensor]:
    """Return the parts of a result that :func:`enhance` kept, float32.

    Raises:
        InputError: it was not kept, or the file is broken.
    """
    file = Path(folder) / f"{name}.npz"
    if not file.exists():
        raise InputError(f"{file}: was not kept; name it in the method's key 'keep' and predict again")
    return {part: decoded(array, levels) for part, array in read_arrays(file).items()}


def read_scores(folder: Path) -> pd.DataFrame:
    """Return the table of scores that :func:`enhance` wrote.

    Raises:
        InputError: it cannot be read.
    """
    file = Path(folder) / SCORES
    try:
        texts = dict.fromkeys(COLUMNS[:-1], str)
        return pd.read_csv(file, dtype=texts, keep_default_na=False, float_precision="round_trip")
    except (OSError, ValueError, pd.errors.ParserError) as error:
        raise InputError(f"{file}: cannot be read ({error}); delete {folder} and predict again") from error


def score(job: Job, out: Path) -> Iterator[Value]:
    """Yield the scores that :func:`enhance` took."""
    for case, label, setting, metric, value in read_scores(out)[list(COLUMNS)].itertuples(index=False):
        yield Value(metric, float(value), case, label, setting)
