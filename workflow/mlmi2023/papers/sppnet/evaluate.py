"""Masks of the tested images at their own size, their scores, and what networks cost (Sects. 3.2 to 3.5)."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.papers.sppnet.cases import Nuclei, learned
from mlmi2023.papers.sppnet.costs import counted, seconds_of
from mlmi2023.papers.sppnet.model import SPPNet
from mlmi2023.papers.sppnet.networks import build
from mlmi2023.papers.sppnet.redraws import redrawn
from mlmi2023.tasks import segmentation
from mlmi2023.tasks.runs import Value, kind_of, ready
from mlmi2023.tasks.segmentation import Pair
from mlmi2023.tasks.segmentation.cases import many
from mlmi2023.tasks.segmentation.predicting import CONTROLS

KINDS = ("learned", "otsu", "background", "truth")
#: first word of the random states of tested points
TESTED = 303
REDRAWS = "redraws"


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Write the masks of the tested images into ``out``, and of a network what it costs.

    Raises:
        InputError: an unknown kind, missing weights, or a cohort that does not serve.
    """
    kind, cases = kind_of(job, KINDS), Nuclei(job)
    if kind != "learned":
        segmentation.predict(cases, None, out, controls={**CONTROLS, "otsu": otsu})
        return
    rows, options = cases.rows("test"), job.method_options
    # what training began with is needed no more
    own = {key: value for key, value in options["net"].items() if key != "pretrained"}
    net, device = ready(job, lambda: build(own, cases.size[0]), weights)
    cases.source.to(device)
    about: dict[str, Any] = {"run": counted(own, cases.size[0])}
    if options.get("printed"):
        about["printed"] = counted(options["printed"], cases.task.printed_size)
    if timed := rows[: cases.task.costs]:
        about["seconds"] = seconds_of(net, [_seen(cases, [row]) for row in timed], device)
        about["timed"] = [cases.name(row) for row in timed]
    segmentation.write(out, cases, _answers(cases, net, rows), about)


def _seen(cases: Nuclei, rows: Sequence[int]) -> Any:
    rngs = [np.random.default_rng([TESTED, cases.job.seed, row]) for row in rows]
    return cases.source.seen(rows, rngs)[0]


def _answers(cases: Nuclei, net: torch.nn.Module, rows: Sequence[int]) -> Iterator[Any]:
    """Yield cases and what is kept of them."""
    redraws = cases.task.redraws if learned(cases.job).redraws else 0
    with torch.inference_mode():
        for group in many(rows, cases.together):
            logits = net(_seen(cases, group))
            if logits.isnan().any():
                raise InputError(
                    f"method '{cases.job.method}': its network answers NaN, since training diverged; lower "
                    "the key train.learning_rate"
                )
            masks = cases.source.frame.restored(logits).cpu().numpy().astype(np.uint8)
            for row, mask in zip(group, masks):
                kept = {"labels": mask}
                if redraws and isinstance(net, SPPNet):
                    kept[REDRAWS] = redrawn(net, cases.source, row, redraws, cases.job.seed)
                yield row, kept


def otsu(cases: Any, rows: Sequence[int]) -> Iterator[np.ndarray]:
    """Yield what absorbs more hematoxylin than Otsu's threshold, at the resolution of masks."""
    from skimage.color import rgb2hed
    from skimage.filters import threshold_otsu

    for row in rows:
        blue = rgb2hed(np.asarray(cases.cohort.images[row]))[..., 0]
        found = torch.from_numpy(blue > threshold_otsu(blue))[None]
        yield cases.restored(cases.source.frame.mask(found), row)


def overlap(found: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Return ``dsc`` and ``miou`` of two masks in percent, with 1 added above and below."""
    a, b = found > 0, true > 0
    both, sizes = float((a & b).sum()), float(a.sum() + b.sum())
    return {"dsc": 100 * (2 * both + 1) / (sizes + 1), "miou": 100 * (both + 1) / (sizes - both + 1)}


def _values(pair: Pair) -> Iterator[Value]:
    for metric, value in overlap(pair.found, pair.truth).items():
        yield Value(metric, value)


def score(job: Job, predictions: Path) -> Iterator[Value]:
    """Yield IoU and Dice of each tested image, what a network costs, and how far redraws differ.

    ``params`` are millions and ``flops`` thousand millions of multiplications, at the paper's size; with
    ``_run`` they are of what runs here. ``fps`` is of single images.
    """
    cases = Nuclei(job)
    found = list(segmentation.pairs(predictions, cases))
    for pair in found:
        yield from (value._replace(case=pair.case) for value in _values(pair))
    about = segmentation.read_about(predictions)
    for key, end in (("printed", ""), ("run", "_run")):
        if key in about:
            yield Value(f"params{end}", about[key]["weights"] / 1e6)
            yield Value(f"flops{end}", about[key]["multiplications"] / 1e9)
    for name, seconds in zip(about.get("timed", ()), about.get("seconds", ())):
        yield Value("fps", 1 / max(seconds, 1e-9), case=name)
    if found and all(REDRAWS in pair.kept for pair in found):
        means = 100 * np.mean([pair.kept[REDRAWS] for pair in found], axis=0)
        yield Value("redraw_dsc", float(means.mean()))
        yield Value("redraw_sd", float(means.std()))
        yield Value("redraw_gap", float(means.max() - means.min()))
