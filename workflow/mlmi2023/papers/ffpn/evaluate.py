"""Masks of the tested images at their own size, and their scores (Sect. 3, Tables 1 and 2)."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.metrics.segmentation import count, rates, voxel_hd95
from mlmi2023.papers.ffpn import networks  # noqa: F401  loaded once by warm workers
from mlmi2023.papers.ffpn.answers import masks_of, one, painted
from mlmi2023.papers.ffpn.cases import Outlined
from mlmi2023.papers.ffpn.costs import costs
from mlmi2023.papers.ffpn.efd import decode
from mlmi2023.papers.ffpn.outlines import from_rays, rays_of
from mlmi2023.papers.ffpn.polarmask import masses
from mlmi2023.papers.ffpn.train import detector, detects
from mlmi2023.papers.ffpn.truth import Found, Truth
from mlmi2023.tasks import segmentation
from mlmi2023.tasks.runs import Value, kind_of
from mlmi2023.tasks.segmentation import Pair
from mlmi2023.tasks.segmentation.cases import many
from mlmi2023.tasks.segmentation.module import decide

KINDS = ("learned", "encoded", "background", "truth")
#: label of the mean over structures
MEAN = "mean"
#: Conformity counts no less, in percent; it has no lower bound, so that one bad image would decide a mean
LOWEST = -100.0
Kept = dict[str, np.ndarray]


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Write the labels and ``masks`` (K H W bits) of the tested images into ``out``, at their own size.

    Raises:
        InputError: an unknown kind, missing weights, or a cohort that does not serve.
    """
    cases, kind = Outlined(job), kind_of(job, KINDS)
    rows = cases.rows("test")
    about: dict[str, Any] = {}
    if kind != "learned":
        answers = _encoded(cases, rows) if kind == "encoded" else _controlled(cases, rows, kind)
        segmentation.write(out, cases, answers, about)
        return
    build = detector if detects(job) else segmentation.build_network
    net, device, about = segmentation.trained(cases, weights, build)
    answer = _detected if detects(job) else _labelled
    with torch.inference_mode():
        timed = rows[: cases.task.costs]
        if timed:
            about |= costs(lambda row: answer(net, device, cases, [row]), timed, net, device)
            about["timed"] = [cases.name(row) for row in timed]
        found = (pair for group in many(rows, cases.together) for pair in answer(net, device, cases, group))
        segmentation.write(out, cases, found, about)


def _input(device: torch.device, cases: Outlined, rows: Sequence[int]) -> torch.Tensor:
    images = torch.from_numpy(np.concatenate([cases.inputs(row) for row in rows])).to(device)
    return cases.prepare(images.float().movedim(-1, 1))


def _detected(net: Any, device: torch.device, cases: Outlined, rows: Sequence[int]) -> list[tuple[int, Kept]]:
    found = net.found(_input(device, cases, rows))
    if found.score.isnan().any():
        raise InputError(
            f"method '{cases.job.method}': its network answers NaN, since training diverged; lower the key "
            "train.learning_rate"
        )
    return [(row, _kept(cases, row, one(found, item))) for item, row in enumerate(rows)]


def _labelled(net: Any, device: torch.device, cases: Outlined, rows: Sequence[int]) -> list[tuple[int, Kept]]:
    labels = decide(cases.infer(net, _input(device, cases, rows))).cpu()
    return [(row, _of_labels(cases, cases.restored(own[None], row))) for row, own in zip(rows, labels)]


def _kept(cases: Outlined, row: int, found: Found) -> Kept:
    masks = masks_of(found, cases.size, cases.shape(row))
    score = found.score[0].numpy()
    return {"labels": painted(masks, score), "masks": np.packbits(masks), "score": score}


def _of_labels(cases: Outlined, labels: np.ndarray) -> Kept:
    masks = np.stack([labels == k for k in range(1, 1 + len(cases.classes))])
    return {"labels": labels, "masks": np.packbits(masks)}


def _controlled(cases: Outlined, rows: Sequence[int], kind: str) -> Iterator[tuple[int, Kept]]:
    """Yield nothing, or the truth itself: contours at a network's size may say more than its pixels do."""
    for row in rows:
        true = np.asarray(cases.truth(row))
        yield row, _of_labels(cases, true if kind == "truth" else np.zeros_like(true))


def _encoded(cases: Outlined, rows: Sequence[int]) -> Iterator[tuple[int, Kept]]:
    """Yield the true contours as so many Fourier orders, or so many rays, hold them."""
    by, number = cases.job.method_options.get("by", "fourier"), int(cases.job.method_options.get("count", 7))
    for row in rows:
        own = {name: torch.from_numpy(values) for name, values in cases.outlines([row]).items()}
        if by == "fourier":
            points = decode(own["coefficients"][:, :, :number], own["centre"], own["points"].shape[2])
        else:
            mass = masses(Truth(**own, labels=torch.empty(0)))[0].numpy()
            lengths = [rays_of(p.numpy(), m, number) for p, m in zip(own["points"][0], mass)]
            points = torch.from_numpy(from_rays(np.stack(lengths), mass))[None]
        yield row, _kept(cases, row, Found(own["there"].float(), points))


def structures(pair: Pair, number: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the found and the true mask (H, W) of each of the structures."""
    bits = np.unpackbits(pair.kept["masks"], count=number * pair.truth.size).astype(bool)
    found = bits.reshape(number, *pair.truth.shape)
    return [(found[k], pair.truth == k + 1) for k in range(number)]


def measure(found: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Return ``dice``, ``iou`` and ``conf`` in percent, ``hd`` and ``hd95`` in pixels, of two masks (H, W).

    A structure that is missed, or found where there is none, has a Dice of 0, a conformity of -100 % and the
    image's diagonal for a distance. Without any there are no values.
    """
    if not found.any() and not true.any():
        return {}
    own = rates(count(found, true))
    dice = own["dice"]
    diagonal = float(np.hypot(*true.shape))
    conformity = 100 * (3 * dice - 2) / dice if dice > 0 else LOWEST
    return {
        "dice": 100 * dice,
        "iou": 100 * own["iou"],
        "hd": voxel_hd95(found, true, share=1.0, missing=diagonal),
        "hd95": voxel_hd95(found, true, missing=diagonal),
        "conf": max(conformity, LOWEST),
    }


def values_of(pair: Pair, names: Sequence[str]) -> Iterator[Value]:
    """Yield the values of an image; of several structures by their names, and their mean."""
    each = {name: measure(*masks) for name, masks in zip(names, structures(pair, len(names)))}
    each = {name: own for name, own in each.items() if own}
    if len(names) == 1:
        for own in each.values():
            yield from (Value(metric, value) for metric, value in own.items())
        return
    for name, own in each.items():
        yield from (Value(metric, value, label=name) for metric, value in own.items())
    for metric in ("dice", "iou", "hd", "hd95", "conf") if each else ():
        yield Value(metric, float(np.mean([own[metric] for own in each.values()])), label=MEAN)


def score(job: Job, predictions: Path) -> Iterator[Value]:
    """Yield what :func:`measure` says of each tested image and, of timed networks, ``fps`` and ``mem``.

    ``fps`` is of single images; ``mem`` is in GB.
    """
    cases = Outlined(job)
    yield from segmentation.score(predictions, cases, lambda pair: values_of(pair, cases.classes))
    about = segmentation.read_about(predictions)
    for name, seconds in zip(about.get("timed", ()), about.get("seconds", ())):
        yield Value("fps", 1 / max(seconds, 1e-9), case=name)
    if "memory" in about:
        yield Value("mem", about["memory"] / 1e9)
