"""Filled volumes and scores of every row of Table 1, and of what the paper leaves out.

A method's ``kind`` is

``learned``        a network that fills rows (``model: hifi_diff``, ``no_hife``, ``deepresolve``, ``metasr``,
                   ``arssr``), or ``segmenter``, the frozen one that finds tissues for all others;
``redrawn``        diffusion with the weights of the method ``of``, drawn in another way; with the key
                   ``curve`` some rows with several numbers of steps, in the place of whole volumes;
``interpolation``  ``by`` linear; ``nearest``, the floor: the nearest thick slice in the place of each row;
``truth``          the ceiling: the true rows, as rounded as all results are.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.metrics.overlap import dice_per_label
from mlmi2023.papers.hifi_diff import measures
from mlmi2023.papers.hifi_diff.filling import Fill, Sampler, interpolated, regressed, sampler_of
from mlmi2023.papers.hifi_diff.measures import Measures, read_measures
from mlmi2023.papers.hifi_diff.model import MODELS
from mlmi2023.papers.hifi_diff.samples import spread
from mlmi2023.papers.hifi_diff.segmenter import predict_segmenter
from mlmi2023.papers.hifi_diff.train import build_net
from mlmi2023.papers.hifi_diff.volumes import Volumes
from mlmi2023.reporting.names import setting_name
from mlmi2023.tasks import restoration
from mlmi2023.tasks.restoration import Scoring, Target, enhance
from mlmi2023.tasks.runs import Value, kind_of, read_arrays, ready

KINDS = ("learned", "redrawn", "interpolation", "truth")
WHOLE = Scoring(1.0, metrics=("psnr", "ssim"), digits=7)
#: of rows that are no neighbours; as metrics of their own, since whole volumes hold rows that are easier
ROWS = Scoring(1.0, images=lambda part, rows: rows, metrics=("psnr", "ssim"), digits=7)


class Item(NamedTuple):
    """Rows of a test volume, by its number, at a factor."""

    volume: int
    factor: int
    rows: Tensor


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Fill the rows of all test volumes; see :func:`mlmi2023.tasks.restoration.enhance`.

    ``<subject>_x<r>.npz`` holds ``volume``, the covered rows (R, H, W) float16, of the first test volume
    alone; ``measures.npz`` what :class:`~mlmi2023.papers.hifi_diff.measures.Measures` found. The segmenter
    writes tissues (:func:`~mlmi2023.papers.hifi_diff.segmenter.predict_segmenter`).

    Raises:
        InputError: an unknown kind, missing weights, or a cohort that does not serve.
    """
    kind, options = kind_of(job, KINDS), job.method_options
    if options.get("model") == "segmenter":
        predict_segmenter(job, weights, out)
        return
    if kind == "redrawn":
        weights = _weights_of(job)
    volumes = Volumes(job)
    found = Measures(job, volumes)
    restore: Callable[[Any], Any]
    if options.get("curve"):
        restore = _by_steps(job, weights, volumes, found)
        targets, scoring = list(few_rows(job, volumes)), ROWS
    else:
        fill = _filler(job, weights, volumes, kind)

        def restore(item: Item) -> Tensor:
            made = fill(item)
            found.add(item.volume, item.factor, made)
            return made

        targets, scoring = list(_volumes(job, volumes)), WHOLE
    files = {measures.FILE: found.arrays()}

    def restored(item: Any) -> Any:
        made = restore(item)
        files[measures.FILE] = found.arrays()  # written when all targets are done
        return made

    enhance(job, out, targets, restored, scoring, files=files)


def score(job: Job, predictions: Path) -> Iterator[Value]:
    """Yield PSNR, SSIM and what ``measures`` has; of the segmenter Dice with the true labels.

    Of a few rows they are ``psnr_rows`` and ``ssim_rows``.
    """
    if job.method_options.get("model") == "segmenter":
        yield from _segmenter_scores(job, predictions)
        return
    few = bool(job.method_options.get("curve"))
    for value in restoration.score(job, predictions):
        yield value._replace(metric=f"{value.metric}_rows") if few else value
    yield from read_measures(predictions)


def _segmenter_scores(job: Job, predictions: Path) -> Iterator[Value]:
    volumes = Volumes(job)
    for index in volumes.indices("test"):
        case, true = volumes.name(index), volumes.labels(index).numpy()
        found = read_arrays(predictions / f"{case}.npz")["whole"]
        dice = dice_per_label(found, true, range(1, 1 + len(volumes.tissues)))
        for name, value in zip(volumes.tissues, dice.values()):
            yield Value(f"true_{name}", value, case)


def _weights_of(job: Job) -> Path | None:
    """Return the weights of the method whose network draws.

    Raises:
        InputError: it does not stand under ``uses``.
    """
    of = job.method_options["of"]
    if of not in job.used:
        raise InputError(f"config key methods.{job.method}: '{of}' is missing under 'uses'; add it there")
    return job.used[of].weights


def _volumes(job: Job, volumes: Volumes) -> Iterator[Target]:
    factors = job.method_options.get("factors") or job.task["factors"]
    tested = volumes.indices("test")
    for index in tested:
        for factor in factors:
            yield Target(
                Item(index, factor, torch.arange(len(volumes.thick(factor).places()))),
                f"{volumes.name(index)}_x{factor}",
                volumes.name(index),
                {"volume": setting_name({"scale": f"x{factor}"})},
                partial(volumes.truth, index, factor),
                keep=index == tested[0],
            )


def _filler(job: Job, weights: Path | None, volumes: Volumes, kind: str) -> Callable[[Item], Tensor]:
    """Return what fills all covered rows of a volume."""
    if kind == "truth":
        return lambda item: volumes.truth(item.volume, item.factor)
    options = job.method_options
    net: Any = None
    device = torch.device("cpu")
    fill: Fill
    if kind == "interpolation":
        fill = interpolated(options["by"])
    else:
        net, device = ready(job, build_net(job), weights)
        fill = sampler_of(options, job.seed) if options["model"] in MODELS else regressed

    def made(item: Item) -> Tensor:
        stack = volumes.stack(item.volume, item.factor).to(device)
        return fill(net, stack, item.factor, item.rows.to(device), volumes.name(item.volume)).cpu()

    return made


def few_rows(job: Job, volumes: Volumes) -> Iterator[Target]:
    """Yield the rows that are filled with each number of steps, by the key ``curve``."""
    curve = job.method_options["curve"]
    factor = curve["factor"]
    rows = spread(volumes.thick(factor).between(), curve["rows"])
    settings = {
        f"steps{steps}": setting_name({"scale": f"x{factor}", "steps": steps}) for steps in curve["steps"]
    }
    for index in volumes.indices("test")[: curve["volumes"]]:
        truth, name = volumes.truth(index, factor)[rows], volumes.name(index)
        item = Item(index, factor, rows)
        yield Target(item, f"{name}_steps", name, settings, truth.clone, keep=False)


def _by_steps(
    job: Job, weights: Path | None, volumes: Volumes, found: Measures
) -> Callable[[Item], dict[str, Tensor]]:
    """Return what fills some rows with each number of steps, and keeps what a row takes."""
    net, device = ready(job, build_net(job), weights)
    options = job.method_options
    base: Sampler = sampler_of(options, job.seed)

    def restore(item: Item) -> dict[str, Tensor]:
        made, case = {}, volumes.name(item.volume)
        stack, rows = volumes.stack(item.volume, item.factor).to(device), item.rows.to(device)
        for steps in options["curve"]["steps"]:
            begun = time.perf_counter()
            made[f"steps{steps}"] = replace(base, steps=steps)(net, stack, item.factor, rows, case).cpu()
            taken = 1000 * (time.perf_counter() - begun) / len(rows)
            found.keep("runtime", taken, case, setting_name({"scale": f"x{item.factor}", "steps": steps}))
        return made

    return restore
