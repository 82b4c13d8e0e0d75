"""Answers and scores: segmentation of every subset (Tables 1 and 2), and classes of patients (Table 3).

Of each tested scan ``<name>.npz`` keeps a map of classes for every subset, by the subset's name.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.metrics.overlap import dice_per_label
from mlmi2023.metrics.segmentation import voxel_hd95
from mlmi2023.papers.magnet import diagnosing
from mlmi2023.papers.magnet.costs import by_number
from mlmi2023.papers.magnet.networks import agnostic, keys_of, pairs
from mlmi2023.papers.magnet.options import Acn, Hemis, Hved, Magnet
from mlmi2023.papers.magnet.scans import REGIONS, MultiModal, region
from mlmi2023.papers.magnet.subsets import all_subsets, full, mask_of, masks_of
from mlmi2023.tasks import segmentation
from mlmi2023.tasks.runs import AGAIN, Value, kind_of, read_arrays, start
from mlmi2023.tasks.segmentation import read_about
from mlmi2023.training.loop.weights import load_weights

MEAN = "avg"
CONTROLS = ("background", "truth")
#: logits (1, K, *size) of a scan for each of some subsets
Answers = Callable[[int, list[str]], Iterator[torch.Tensor]]


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Write what a method finds in the tested cases into ``out``.

    Raises:
        InputError: an unknown kind, missing weights, or a cohort that does not serve.
    """
    if job.task["kind"] == "methylation":
        diagnosing.predict(job, weights, out)
        return
    cases = MultiModal(job)
    kind, rows = kind_of(job, ("learned", *CONTROLS)), cases.rows("test")
    if kind != "learned":
        kept = ((row, _control(cases, row, kind)) for row in rows)
        segmentation.write(out, cases, kept, {})
        return
    if weights is None:
        raise InputError(f"method '{job.method}' is learned: give the weights that training wrote")
    keys = keys_of(job)
    if isinstance(keys, Acn):
        answers, settings, about = _of_pairs(job, keys, cases, weights)
    else:
        assert isinstance(keys, Magnet | Hemis | Hved)
        answers, settings, about = _of_any(job, keys, cases, weights)
    segmentation.write(out, cases, ((row, _answered(cases, row, settings, answers)) for row in rows), about)


def _control(cases: MultiModal, row: int, kind: str) -> dict[str, np.ndarray]:
    """Return nothing, or the truth on its way to the networks' size and back, for every subset."""
    found = np.zeros(cases.shape(row), np.uint8)
    if kind == "truth":
        targets = cases.targets(row).long()
        logits = torch.nn.functional.one_hot(targets, 1 + len(cases.classes)).movedim(-1, 1).float()
        found = cases.restored(logits, row)
    return dict.fromkeys(_there(cases, row, cases.settings), found)


def _there(cases: MultiModal, row: int, settings: list[str]) -> list[str]:
    """Return the subsets that a scan has the images of."""
    lost = ~cases.available(row)
    return [name for name in settings if not (mask_of(name, cases.modalities) & lost).any()]


def _answered(cases: MultiModal, row: int, settings: list[str], answers: Answers) -> dict[str, np.ndarray]:
    there = _there(cases, row, settings)
    found = {}
    with torch.inference_mode():
        for name, logits in zip(there, answers(row, there)):
            if logits.isnan().any():
                raise InputError(
                    f"method '{cases.job.method}': its network answers NaN, since training diverged; lower "
                    "the key train.learning_rate"
                )
            found[name] = cases.restored(logits, row)
    return found


def _of_any(
    job: Job, keys: Magnet | Hemis | Hved, cases: MultiModal, weights: Path
) -> tuple[Answers, list[str], dict[str, Any]]:
    """Return what one network says of any subset, and what it holds in memory by their number."""
    device = start(job)
    net = agnostic(keys, cases.channels, 1 + len(cases.classes), cases.size, job.method)
    load_weights(net, weights)
    net = net.to(device).eval()
    first = cases.image(cases.rows("test")[0]).to(device)[None]
    memory = {str(count): kept for count, kept in by_number(net, first)}

    def answers(row: int, settings: list[str]) -> Iterator[torch.Tensor]:
        image = cases.image(row).to(device)
        for begin in range(0, len(settings), cases.task.at_once):
            some = settings[begin : begin + cases.task.at_once]
            yield from net.subsets(image, masks_of(some, cases.modalities).to(device)).split(1)

    about = {"parameters": sum(p.numel() for p in net.parameters()), "memory": memory}
    return answers, cases.settings, about


def _of_pairs(
    job: Job, keys: Acn, cases: MultiModal, weights: Path
) -> tuple[Answers, list[str], dict[str, Any]]:
    """Return what the pairs say of their subsets, and the first one's other path of all modalities."""
    device = start(job)
    nets = torch.nn.ModuleList(pairs(job, keys, cases, 1 + len(cases.classes)))
    load_weights(nets, weights)
    nets = nets.to(device).eval()
    everything = full(cases.modalities)

    def answers(row: int, settings: list[str]) -> Iterator[torch.Tensor]:
        image = cases.image(row).to(device)[None]
        for name in settings:
            pair: Any = nets[keys.subsets.index(name)] if name in keys.subsets else nets[0]
            yield (pair.some(pair.subset(image)) if name in keys.subsets else pair.all(image))[0]

    settings = [name for name in cases.settings if name in (*keys.subsets, everything)]
    return answers, settings, {"parameters": sum(p.numel() for p in nets.parameters())}


def score(job: Job, predictions: Path) -> Iterator[Value]:
    """Yield the values of a method.

    Segmentation: ``dsc`` (percent) of the nested regions and their mean, and ``hd`` (mm), of each scan and
    subset; ``dsc15``, the mean over all subsets, of each scan; ``sd15``, the standard deviation over subsets
    of their means; ``parameters`` (millions) and ``memory_mb`` by the number of modalities.
    Classification: see :func:`.diagnosing.score`.
    """
    if job.task["kind"] == "methylation":
        yield from diagnosing.score(job, predictions)
        return
    cases = MultiModal(job)
    everything = all_subsets(cases.modalities)
    means: dict[str, dict[str, list[float]]] = {}
    for row in cases.rows("test"):
        truth = cases.truth(row)
        found = read_maps(predictions, cases, row)
        own: dict[str, list[float]] = {}
        for setting, labels in found.items():
            for value in scan_values(labels, truth, cases.spacing(row)):
                yield value._replace(case=cases.name(row), setting=setting)
                if value.metric == "dsc" and np.isfinite(value.value):
                    own.setdefault(value.label, []).append(value.value)
                    means.setdefault(value.label, {}).setdefault(setting, []).append(value.value)
        if set(everything) <= set(found):
            for label, values in own.items():
                yield Value("dsc15", float(np.mean(values)), cases.name(row), label)
    for label, by_setting in means.items():
        if set(everything) <= set(by_setting):
            spread = np.std([np.mean(by_setting[name]) for name in everything], ddof=1)
            yield Value("sd15", float(spread), label=label)
    about = read_about(predictions)
    if "parameters" in about:
        yield Value("parameters", about["parameters"] / 1e6)
    for count, kept in about.get("memory", {}).items():
        yield Value("memory_mb", kept / 1e6, label=f"{count} of {cases.channels}")


def read_maps(predictions: Path, cases: MultiModal, row: int) -> dict[str, np.ndarray]:
    """Return the maps of a scan by subset.

    Raises:
        InputError: they are missing, broken, or of another cohort.
    """
    file = Path(predictions) / f"{cases.name(row)}.npz"
    found = read_arrays(file, cases.shape(row))
    if not found:
        raise InputError(f"{file}: has no map; {AGAIN}")
    return found


def scan_values(labels: np.ndarray, truth: np.ndarray, spacing: tuple[float, ...]) -> Iterator[Value]:
    """Yield Dice and Hausdorff distance of the regions of one map, and the mean Dice.

    A region that is in neither map is left out; of one that is in either alone, Dice is 0 and the distance
    the scan's diagonal.

    Args:
        labels: found classes (X, Y, Z).
        truth: true ones.
        spacing: mm along X, Y, Z.
    """
    diagonal = float(np.linalg.norm([side * mm for side, mm in zip(truth.shape, spacing)]))
    scores = []
    for name in REGIONS:
        a, b = region(labels, name), region(truth, name)
        dice = dice_per_label(a.astype(np.uint8), b.astype(np.uint8), [1])[1]
        if np.isnan(dice):
            continue
        scores.append(100 * dice)
        yield Value("dsc", 100 * dice, label=name)
        yield Value("hd", voxel_hd95(a, b, spacing, share=1.0, missing=diagonal), label=name)
    if scores:
        yield Value("dsc", float(np.mean(scores)), label=MEAN)
