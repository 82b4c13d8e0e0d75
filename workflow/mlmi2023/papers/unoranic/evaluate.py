"""Predictions and scores of Tables 1 to 4, of revision (Fig. 4) and of robustness (Fig. 5).

A method's ``kind`` is ``learned``, ``input`` (a corrupted image as it is), ``guess``, the floor, or
``truth``, the ceiling.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic
from mlmi2023.core.jobs import Job
from mlmi2023.metrics import contributions
from mlmi2023.metrics.classification import auroc
from mlmi2023.metrics.image import psnr_each
from mlmi2023.papers.unoranic.building import answering, method_of
from mlmi2023.papers.unoranic.corruptions.training import apply, corrupted_by_one
from mlmi2023.papers.unoranic.corruptions.unseen import unseen
from mlmi2023.papers.unoranic.model import CORRUPTED, DISEASE, Read
from mlmi2023.papers.unoranic.names import GROUPS, SEVERITIES
from mlmi2023.papers.unoranic.pictures import Pictures, to_input
from mlmi2023.tasks.restoration import MOST
from mlmi2023.tasks.runs import Value, kind_of, read_arrays, ready

KINDS = ("learned", "input", "guess", "truth")
FILE = "found.npz"
#: images as they are, among the corruptions that are revised
NONE = "none"
#: corruptions of training that change an image most
STRONG = ("invert", "solarize")

#: takes images (B, C, H, W) in [0, 1] and a question; returns probabilities (B, classes)
Answer = Callable[[Tensor, str], Tensor]
#: takes images (B, C, H, W) in [0, 1] and the clean ones; returns what is rebuilt, and what is revised
Rebuild = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Write into ``out`` what a method says of all tested images, and how near it rebuilds them.

    ``found.npz`` has ``disease`` (n, classes), ``corrupted`` (n, 2), PSNRs ``rebuilt`` (n,) and ``revised``
    (1 + kinds, n), and ``unseen`` (kinds, severities, m, classes), as far as the method gives them.

    Raises:
        InputError: an unknown kind, missing weights, or nobody is tested.
    """
    kind, pictures = kind_of(job, KINDS), Pictures(job)
    if not len(pictures.rows("test")):
        raise InputError(f"{pictures.where}.cohort: split 'test' has no images; give it some")
    rebuild: Rebuild | None = None
    answer: Answer | None = None
    device = torch.device("cpu")
    if kind == "learned":
        net, device = ready(job, answering(method_of(job.method_options), pictures), weights)

        def answer(x: Tensor, asked: str) -> Tensor:
            return net.logits(x.to(device), asked).double().softmax(1).cpu()  # type: ignore[no-any-return, operator]

        if isinstance(net, Read):
            rebuild = _rebuilding(net.body, device)
    elif kind == "input":
        rebuild = lambda x, clean: (x, x)  # noqa: E731
    elif kind == "truth":
        rebuild = lambda x, clean: (x, clean)  # noqa: E731
    else:
        mean = pictures.mean()
        rebuild = lambda x, clean: (mean.expand_as(x), mean.expand_as(x))  # noqa: E731
    found: dict[str, np.ndarray] = {}
    with torch.inference_mode():
        if rebuild:
            found |= _rebuilt(pictures, rebuild, revised_alone=kind == "input")
        if answer:
            found |= _answered(pictures, answer)
        elif kind != "input":
            found |= _said(pictures, kind == "truth")
    for name, values in found.items():
        if not np.isfinite(values).all():
            raise InputError(f"method '{job.method}': {name} is not finite; lower its learning rate")
    with atomic(out) as part:
        part.mkdir()
        np.savez_compressed(part / FILE, **found)  # type: ignore[arg-type]


def _rebuilding(body: Any, device: torch.device) -> Rebuild:
    def rebuild(x: Tensor, clean: Tensor) -> tuple[Tensor, Tensor]:
        codes = body.codes(x.to(device))
        return body.rebuilt(codes).float().cpu(), body.revised(codes).float().cpu()

    return rebuild


def _rebuilt(pictures: Pictures, rebuild: Rebuild, revised_alone: bool) -> dict[str, np.ndarray]:
    """Return PSNRs to the clean images: of clean ones rebuilt, and of those under each corruption revised."""
    count, kinds = len(pictures.rows("test")), pictures.task.corrupt.kinds
    rebuilt, revised = np.zeros(count, np.float32), np.zeros((1 + len(kinds), count), np.float32)
    for part, images, draw in pictures.chunks("test"):
        clean = to_input(images)
        for number, kind in enumerate([NONE, *kinds]):
            seen = clean if kind == NONE else to_input(apply(kind, images, draw))
            whole, better = rebuild(seen, clean)
            revised[number, part] = psnr_each(better, clean, 1.0).clamp(max=MOST).numpy()
            if kind == NONE:
                rebuilt[part] = psnr_each(whole, clean, 1.0).clamp(max=MOST).numpy()
    return {"revised": revised} if revised_alone else {"rebuilt": rebuilt, "revised": revised}


def robust_rows(pictures: Pictures) -> np.ndarray:
    """Return which of the tested images are corrupted by the unseen suite, as places among them."""
    own, count = pictures.task.unseen, len(pictures.rows("test"))
    most = count if own is None or own.images is None else min(own.images, count)
    return np.linspace(0, count - 1, most).astype(int)


def _answered(pictures: Pictures, answer: Answer) -> dict[str, np.ndarray]:
    parts: dict[str, list[Tensor]] = {DISEASE: [], CORRUPTED: []}
    for _, images, draw in pictures.chunks("test"):
        parts[DISEASE].append(answer(to_input(images), DISEASE))
        parts[CORRUPTED].append(
            answer(to_input(corrupted_by_one(images, draw, pictures.task.corrupt)[0]), CORRUPTED)
        )
    found = {name: torch.cat(own).float().numpy() for name, own in parts.items()}
    if own := pictures.task.unseen:
        clean = pictures.cohort.images[pictures.rows("test")[robust_rows(pictures)]]
        suite = [
            [
                _answers_of(unseen(clean, kind, severity, own.side), answer, pictures)
                for severity in SEVERITIES
            ]
            for kind in own.kinds
        ]
        found["unseen"] = np.array(suite, np.float32)
    return found


def _answers_of(images: np.ndarray, answer: Answer, pictures: Pictures) -> np.ndarray:
    x = torch.from_numpy(images).permute(0, 3, 1, 2)
    each = [answer(to_input(chunk), DISEASE) for chunk in x.split(pictures.task.val_batch)]
    return torch.cat(each).float().numpy()


def _said(pictures: Pictures, true: bool) -> dict[str, np.ndarray]:
    """Return the answers of a control: the truth, or the shares of the classes among training images."""
    labels, classes = pictures.labels("test"), pictures.classes
    shares = np.bincount(pictures.labels("train"), minlength=classes) / len(pictures.rows("train"))
    disease = np.eye(classes)[labels] if true else np.tile(shares, (len(labels), 1))
    one = pictures.task.corrupt.one
    corrupted = np.eye(2)[detected(pictures)] if true else np.tile([1 - one, one], (len(labels), 1))
    found = {DISEASE: disease, CORRUPTED: corrupted}
    if own := pictures.task.unseen:
        kept = disease[robust_rows(pictures)]
        found["unseen"] = np.broadcast_to(kept, (len(own.kinds), len(SEVERITIES), *kept.shape))
    return {name: values.astype(np.float32) for name, values in found.items()}


def detected(pictures: Pictures) -> np.ndarray:
    """Return which tested images are corrupted in the test of detection, (n,) 0 or 1."""
    return np.concatenate(
        [
            corrupted_by_one(images, draw, pictures.task.corrupt)[1].numpy()
            for _, images, draw in pictures.chunks("test")
        ]
    )


def score(job: Job, predictions: Path) -> Iterator[Value]:
    """Yield all scores; AUC and ACC as what each image adds to them, so that methods compare by images."""
    pictures = Pictures(job)
    found = read_arrays(predictions / FILE)
    names = [pictures.names[row] for row in pictures.rows("test")]
    kinds = pictures.task.corrupt.kinds
    if "rebuilt" in found:
        yield from _each("psnr", found["rebuilt"], names)
    if "revised" in found:
        for number, kind in enumerate(kinds, 1):
            yield Value("revised", float(found["revised"][number].mean()), setting=kind)
        if "rebuilt" in found:  # an image as it is, where it is clean, is its own copy
            yield from _each("revised", found["revised"][0], names, NONE)
        yield from _each("revised", found["revised"][1:].mean(0), names, "all")
        strong = [1 + kinds.index(kind) for kind in STRONG if kind in kinds]
        if strong:
            yield from _each("revised", found["revised"][strong].mean(0), names, "strong")
    if DISEASE in found:
        yield from _classified(found[DISEASE], pictures.labels("test"), names, ("auc", "acc"))
        yield from _classified(found[CORRUPTED], detected(pictures), names, ("det_auc", "det_acc"))
    if "unseen" in found:
        yield from _robust(found["unseen"], pictures, names)
    if job.method_options["kind"] == "truth":
        yield Value("classes", pictures.classes)
        for split in ("train", "val", "test"):
            yield Value(f"n_{split}", len(pictures.rows(split)))


def _each(metric: str, values: np.ndarray, names: list[str], setting: str = "") -> Iterator[Value]:
    for name, value in zip(names, values, strict=True):
        yield Value(metric, float(value), name, setting=setting)


def _classified(
    chances: np.ndarray, labels: np.ndarray, names: list[str], metrics: tuple[str, str]
) -> Iterator[Value]:
    yield from _each(metrics[0], areas(labels, chances), names)
    yield from _each(metrics[1], contributions.accuracy(labels, chances.argmax(1)), names)


def areas(labels: np.ndarray, chances: np.ndarray) -> np.ndarray:
    """Return the contributions to AUC, (n,): of class 1 of two, else a mean of each against the rest."""
    count = chances.shape[1]
    chosen = [1] if count == 2 else range(count)
    return np.mean([contributions.auroc(labels == c, chances[:, c]) for c in chosen], axis=0)


def _robust(found: np.ndarray, pictures: Pictures, names: list[str]) -> Iterator[Value]:
    own = pictures.task.unseen
    assert own is not None
    rows = robust_rows(pictures)
    labels, kept = pictures.labels("test")[rows], [names[row] for row in rows]
    each = np.array([np.mean([areas(labels, chances) for chances in kind], axis=0) for kind in found])
    for kind, values in zip(own.kinds, each, strict=True):
        yield Value("robust_auc", float(values.mean()), setting=kind)
    groups = {"every": tuple(own.kinds), **GROUPS}
    for group, members in groups.items():
        chosen = [own.kinds.index(kind) for kind in members if kind in own.kinds]  # type: ignore[arg-type]
        if chosen:
            yield from _each("robust_auc", each[chosen].mean(0), kept, group)


def curves(found: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return AUC by kind and severity, (kinds, severities), of stored answers to the unseen suite."""
    return np.array([[auroc(labels, chances) for chances in kind] for kind in found])
