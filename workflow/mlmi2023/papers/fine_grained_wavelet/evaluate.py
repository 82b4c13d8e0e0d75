"""Predictions and scores of every row of Tables 1 and 2b.

A method's ``kind`` is

``learned``     a network of :mod:`mlmi2023.papers.fine_grained_wavelet.networks`;
``background``  the floor: nothing is found;
``truth``       the ceiling: the truth at the networks' resolution, so that the way there and back is seen.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mlmi2023.cohorts.forms.scans.reader import Scans
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic, read_json, write_json
from mlmi2023.core.jobs import Job
from mlmi2023.metrics.segmentation import count, pooled_contributions, rates
from mlmi2023.papers.fine_grained_wavelet.measures import scan_scores
from mlmi2023.papers.fine_grained_wavelet.model import FrequencyUnet
from mlmi2023.papers.fine_grained_wavelet.networks import build_net
from mlmi2023.papers.fine_grained_wavelet.slices import Case, Slices, centred, from_size, open_slices
from mlmi2023.papers.fine_grained_wavelet.spectra import Listener, deep_share
from mlmi2023.tasks.segmentation import decide, finest
from mlmi2023.training.loop.device import make_deterministic, pick_device
from mlmi2023.training.loop.weights import load_weights

KINDS = ("learned", "background", "truth")
MASKS, SPECTRA, ABOUT = "masks.npz", "spectra.npz", "about.json"
PREFIX = "case_"
#: names of rates in Table 2b
RATES = {"dsc": "dice", "se": "sensitivity", "sp": "specificity", "acc": "accuracy"}


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Segment all test cases and write the folder ``out``.

    ``masks.npz`` holds the labels of each case, (slices, rows, columns) uint8, at the cohort's resolution;
    ``about.json`` the number of weights. On scans, FET and its ablations add ``spectra.npz`` with the mean
    amplitude spectrum of each encoder block, and each scan's share of high frequencies.

    Raises:
        InputError: an unknown kind, missing weights, or a cohort that does not serve.
    """
    kind = job.method_options.get("kind")
    if kind not in KINDS:
        raise InputError(f"config key methods.{job.method}.kind is {kind!r}; choose {', '.join(KINDS)}")
    slices = open_slices(job, "test")
    with atomic(out) as part:
        part.mkdir()
        if kind == "learned":
            masks = _learned(job, weights, slices, part)
        else:
            masks = {case.name: _control(kind, slices, case) for case in slices.cases}
            write_json(part / ABOUT, {})
        # with a prefix, since np.savez has arguments of its own that a case could be named like
        named = {PREFIX + name: labels for name, labels in masks.items()}
        np.savez_compressed(part / MASKS, **named)  # type: ignore[arg-type]


def _control(kind: str, slices: Slices, case: Case) -> np.ndarray:
    if kind == "background":
        return np.zeros(case.shape, np.uint8)
    return from_size(torch.from_numpy(slices.targets(case)), case.shape[1:]).numpy()


def _learned(job: Job, weights: Path | None, slices: Slices, out: Path) -> dict[str, np.ndarray]:
    if weights is None:
        raise InputError(f"method '{job.method}' is learned: give the weights that training wrote")
    device = pick_device(job.device)
    make_deterministic(job.threads, device)
    net = build_net(job, slices.channels, 1 + len(slices.classes))
    load_weights(net, weights)
    net.to(device).eval()
    about: dict[str, Any] = {"parameters": sum(p.numel() for p in net.parameters())}
    listener = None
    if isinstance(net, FrequencyUnet) and isinstance(slices.cohort, Scans):
        listener = Listener(net)
    masks, shares, total = {}, {}, []
    with torch.inference_mode():
        for group in _groups(slices):
            inputs = np.concatenate([slices.inputs(case) for case in group])
            found = torch.cat(list(_answers(net, inputs, device)))
            for case, own in zip(group, found.split([case.shape[0] for case in group])):
                masks[case.name] = from_size(own, case.shape[1:]).numpy()
            if listener:
                spectra = listener.take()
                shares[group[0].name] = deep_share(listener.layers, spectra)
                total.append(spectra)
    if listener:
        listener.close()
        means = [np.mean(layer, axis=0) for layer in zip(*total)]
        names = [f"stage{stage}_block{block}" for stage, block in listener.layers]
        np.savez(out / SPECTRA, **dict(zip(names, means)))  # type: ignore[arg-type]
        about["high_frequency"] = shares
    write_json(out / ABOUT, about)
    return masks


def _groups(slices: Slices) -> Iterator[list[Case]]:
    """Yield cases that go through a network together: a scan alone, images by sixteen."""
    step = 1 if isinstance(slices.cohort, Scans) else 16
    for start in range(0, len(slices.cases), step):
        yield slices.cases[start : start + step]


def _answers(net: nn.Module, inputs: np.ndarray, device: torch.device) -> Iterator[Tensor]:
    """Yield labels (b, *size) uint8 on the CPU of inputs (N, *size, C), as many at once as fit well."""
    step = 64 if device.type == "cuda" else 8
    for start in range(0, len(inputs), step):
        images = torch.from_numpy(inputs[start : start + step]).to(device).float().permute(0, 3, 1, 2)
        yield decide(finest(net(centred(images)))).cpu()


def read_masks(folder: Path) -> dict[str, np.ndarray]:
    """Return the labels that :func:`predict` wrote, by case.

    Raises:
        InputError: they cannot be read.
    """
    file = Path(folder) / MASKS
    try:
        with np.load(file) as content:
            return {name.removeprefix(PREFIX): content[name] for name in content.files}
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{file}: cannot be read ({error}); delete {folder} and predict again") from error


def score(job: Job, predictions: Path) -> list[dict[str, Any]]:
    """Return the tidy rows of :func:`predict`'s folder: a case per scan or image."""
    slices = open_slices(job, "test")
    masks, about = read_masks(predictions), read_json(Path(predictions) / ABOUT)
    values: dict[str, dict[str, float]] = {}
    for case in slices.cases:
        if case.name not in masks or masks[case.name].shape != case.shape:
            raise InputError(
                f"{predictions}: no labels of {case.name} in its shape; delete the folder and predict again"
            )
    if not isinstance(slices.cohort, Scans):
        values = _image_scores(slices, masks)
    else:
        for case in slices.cases:
            truth = slices.truth(case)
            values[case.name] = scan_scores(masks[case.name], truth, slices.classes, case.spacing)
    for name, share in about.get("high_frequency", {}).items():
        values[name]["hf_energy"] = 100 * share
    same = {
        "dataset": job.dataset, "setting": "", "method": job.method, "seed": job.seed, "fold": job.fold,
        "label": "",
    }  # fmt: skip
    rows = [
        same | {"case": case, "metric": metric, "value": value}
        for case, own in values.items()
        for metric, value in own.items()
    ]
    if "parameters" in about:
        rows.append(same | {"case": "", "metric": "params", "value": about["parameters"] / 1e6})
    return rows


def _image_scores(slices: Slices, masks: dict[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """Return each image's values in percent: what it adds to the rates over all pixels, and its own Dice.

    Structures are taken together, since Table 2b has one.
    """
    counts = [count(masks[case.name] > 0, slices.truth(case) > 0) for case in slices.cases]
    shares = pooled_contributions(counts)
    values = {}
    for number, (case, own) in enumerate(zip(slices.cases, counts)):
        values[case.name] = {name: 100 * float(shares[rate][number]) for name, rate in RATES.items()}
        values[case.name]["dsc_image"] = 100 * rates(own)["dice"]
    return values
