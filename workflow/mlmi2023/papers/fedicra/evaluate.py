"""What is tested at each site; Dice and HD95 by site and as unweighted means over sites (Sect. 3)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from mlmi2023.core.jobs import Job
from mlmi2023.metrics.overlap import dice_per_label
from mlmi2023.metrics.segmentation import voxel_hd95
from mlmi2023.papers.fedicra.cases import SiteImages
from mlmi2023.papers.fedicra.model import Federation, SiteUnet
from mlmi2023.papers.fedicra.module import tested_at
from mlmi2023.papers.fedicra.train import learned, networks
from mlmi2023.tasks import segmentation
from mlmi2023.tasks.runs import Value, kind_of, ready
from mlmi2023.tasks.segmentation.module import decide

#: setting of the mean over sites, and label of the mean over structures
AVERAGE, OVERALL = "avg", "overall"
CONTROLS = {name: segmentation.CONTROLS[name] for name in ("background", "truth")}


class AtSite(nn.Module):
    """A network as a site uses it; its answer is logits and embedding in one row."""

    def __init__(self, net: SiteUnet, site: int) -> None:
        super().__init__()
        self.net, self.site = net, site

    def forward(self, image: Tensor) -> Tensor:
        """Return logits and behind them the embedding, (B, classes H W + C)."""
        seen = self.net.see(image, self.site)
        return torch.cat([seen.logits.flatten(1), seen.embedding], dim=1)


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Write labels and, of networks, embeddings of the tested images into ``out``.

    Raises:
        InputError: an unknown kind, missing weights, or a cohort that does not serve.
    """
    cases = SiteImages(job)
    if kind_of(job, (*CONTROLS, "learned")) != "learned":
        segmentation.predict(cases, None, out, controls=CONTROLS)
        return
    keys = learned(job)
    net, device = ready(job, lambda: networks(cases, keys), weights)
    assert isinstance(net, Federation)
    shape = (1 + len(cases.classes), *cases.size)
    pixels = int(np.prod(shape))

    def found() -> Iterator[tuple[int, dict[str, np.ndarray]]]:
        for site, own in enumerate(cases.parts.values()):
            tested = AtSite(tested_at(net, site, keys.strategy), site)
            for row, answer in segmentation.answers(tested, device, cases, own["test"], lambda x: x):
                labels = decide(answer[:, :pixels].view(-1, *shape))
                yield row, {"labels": labels[0].numpy(), "embedding": answer[0, pixels:].numpy()}

    one = sum(p.numel() for p in net.server.parameters())
    segmentation.write(out, cases, found(), {"parameters": one})


class Measured(NamedTuple):
    """Values of an image by label."""

    case: str
    site: int
    values: dict[str, dict[str, float]]


def measures(found: np.ndarray, truth: np.ndarray, names: list[str], nested: bool) -> dict[str, Any]:
    """Return ``dsc`` (%), ``hd95`` (pixels) and ``empty`` (%) by structure, and their means.

    Where nothing is found, or nothing is there, the distance is the image's diagonal; ``empty`` is 100 where
    nothing is found. A structure that is neither there nor found is left out.
    """
    values: dict[str, dict[str, float]] = {"dsc": {}, "hd95": {}, "empty": {}}
    diagonal = float(np.hypot(*truth.shape))
    for number, name in enumerate(names, 1):
        a, b = ((labels >= number if nested else labels == number) for labels in (found, truth))
        if not a.any() and not b.any():
            continue
        values["dsc"][name] = 100 * dice_per_label(a.astype(np.uint8), b.astype(np.uint8), [1])[1]
        values["hd95"][name] = voxel_hd95(a, b, missing=diagonal)
        values["empty"][name] = 0.0 if a.any() else 100.0
    if len(names) > 1:
        for own in values.values():
            if own:
                own[OVERALL] = float(np.mean(list(own.values())))
    return values


def contributions(values: np.ndarray, sites: np.ndarray) -> np.ndarray:
    """Return what each case adds to the unweighted mean over sites of their means, (N,).

    Their mean is that score, and their spread that of the score: a case of a small site counts for more, and
    differences between sites are none between cases (compare :mod:`mlmi2023.metrics.contributions`).
    """
    known = np.unique(sites)
    means = {site: float(values[sites == site].mean()) for site in known}
    counts = {site: int((sites == site).sum()) for site in known}
    score = float(np.mean(list(means.values())))
    share = [len(values) / (len(known) * counts[site]) for site in sites]
    return np.array([score + w * (v - means[s]) for v, s, w in zip(values, sites, share)])


def score(job: Job, predictions: Path) -> Iterator[Value]:
    """Yield the values of each tested image under its site, and its part in the mean over sites, ``avg``."""
    cases = SiteImages(job)
    measured = [
        Measured(
            pair.case,
            cases.site_of[pair.row],
            measures(pair.found, pair.truth, cases.structures, cases.task.nested),
        )
        for pair in segmentation.pairs(predictions, cases)
    ]
    labels = [*cases.structures, *([OVERALL] if len(cases.structures) > 1 else [])]
    for metric in ("dsc", "hd95", "empty"):
        for label in labels:
            there = [one for one in measured if label in one.values[metric]]
            for one in there:
                value = one.values[metric][label]
                yield Value(metric, value, one.case, label, cases.sites[one.site])
            if there:
                values = np.array([one.values[metric][label] for one in there])
                parts = contributions(values, np.array([one.site for one in there]))
                for one, part in zip(there, parts):
                    yield Value(metric, float(part), one.case, label, AVERAGE)
