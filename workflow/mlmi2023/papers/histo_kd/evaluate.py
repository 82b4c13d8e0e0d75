"""Predictions and scores of every row of Tables 1 and 2, and of the layers of Fig. 3.

A method's ``kind`` is ``learned``, ``likeness`` (of the layers of methods under ``uses``), ``majority``, the
floor, or ``truth``, the ceiling. Several targets are scored apart, each under a setting of its name.
"""

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic
from mlmi2023.core.jobs import Job
from mlmi2023.metrics.contributions import accuracy
from mlmi2023.papers.histo_kd.building import OWN, branch_views, build, class_counts, method_of, probed_view
from mlmi2023.papers.histo_kd.embedding import chance
from mlmi2023.papers.histo_kd.losses import found_partners
from mlmi2023.papers.histo_kd.model import JointEmbedding
from mlmi2023.papers.histo_kd.options import Joint
from mlmi2023.papers.histo_kd.patches import Patches, fixed_draws
from mlmi2023.papers.histo_kd.similarity import cka, convolutions, grams, last_of_stages
from mlmi2023.tasks import classification
from mlmi2023.tasks.classification import Answer, rounded
from mlmi2023.tasks.runs import Value, kind_of, read_arrays, ready

KINDS = ("learned", "likeness", "majority", "truth")
DIGITS = 7  # of probabilities
#: files of a folder of predictions: found partners, Gram matrices of layers, CKA of pairs of groups
FOUND, GRAMS, CKA = "found.npz", "grams.npz", "cka.npz"


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Write the answers for all tested patches into ``out``.

    Raises:
        InputError: an unknown kind, missing weights, or a cohort that does not serve.
    """
    kind, patches = kind_of(job, KINDS), Patches(job)
    if kind == "likeness":
        _write(out, CKA, _likeness(job))
    elif patches.task.kind == "pairing":
        _write(out, FOUND, {"found": _pairing(job, kind, weights, patches)})
    else:
        _probing(job, kind, weights, patches, out)


def _write(out: Path, file: str, arrays: Mapping[str, Any]) -> None:
    with atomic(out) as part:
        part.mkdir()
        np.savez(part / file, **arrays)


def _pairing(job: Job, kind: str, weights: Path | None, patches: Patches) -> np.ndarray:
    """Return for each tested patch whether its partner is found, or the chance that guessing has, (n,)."""
    rows, size = patches.rows("test"), patches.task.val_batch
    if kind != "learned":
        chunks = [rows[start : start + size] for start in range(0, len(rows), size)]
        guessed = [np.full(len(own), chance(len(own), size)) for own in chunks]
        return np.ones(len(rows)) if kind == "truth" else np.concatenate(guessed)
    own = method_of(job.method_options)
    if not isinstance(own, Joint):
        raise InputError(f"{patches.where}.methods: '{job.method}' embeds no pairs; take it out")
    net, device = ready(job, JointEmbedding(own.net, own.shared), weights)
    views, drawn, found = branch_views(patches.task, own), fixed_draws(rows), []
    with torch.inference_mode():
        for start in range(0, len(rows), size):
            row, draw = (torch.from_numpy(values[start : start + size]) for values in drawn.values())
            a, b = net(*(patches.drawn(view, row, draw[:, k], device) for k, view in enumerate(views)))
            found.append(found_partners(a, b, own.loss).float().cpu().numpy())
    return np.concatenate(found)


def _probing(job: Job, kind: str, weights: Path | None, patches: Patches, out: Path) -> None:
    counts, rows = class_counts(patches), patches.rows("test")
    chances: dict[str, np.ndarray] = {}
    files: dict[str, dict[str, np.ndarray]] = {}
    if kind == "learned":
        own = method_of(job.method_options)
        net, device = ready(job, build(own, counts), weights)
        parts: dict[str, list[np.ndarray]] = {target: [] for target in counts}
        with torch.inference_mode():
            for chunk in torch.from_numpy(rows).split(patches.task.val_batch):
                for target, logits in net(patches.view(probed_view(patches.task), chunk, device)).items():
                    parts[target].append(logits.double().softmax(1).cpu().numpy())
        chances = {target: np.concatenate(own_parts) for target, own_parts in parts.items()}
        if patches.task.kept and isinstance(own, Joint):
            trunk = net.get_submodule(f"encoders.{OWN}.trunk")
            files = {
                GRAMS: {"grams": layers_of(trunk, patches, device), "layers": np.array(convolutions(trunk))}
            }
    else:
        for target, count in counts.items():
            labels = patches.labels(target)[0]
            most = np.bincount(labels[patches.rows("train")], minlength=count).argmax()
            chances[target] = np.eye(count)[labels[rows] if kind == "truth" else np.full(len(rows), most)]
    answers = [_answer(target, chances[target], rows, patches) for target in counts]
    classification.predict(job, answers, out, patches.names, files)


def _answer(target: str, chances: np.ndarray, rows: np.ndarray, patches: Patches) -> Answer:
    whole = np.zeros((len(patches), chances.shape[1]))
    whole[rows] = rounded(chances, DIGITS)
    whole[rows] /= whole[rows].sum(1, keepdims=True)
    setting = target if len(patches.task.targets or {}) > 1 else ""
    return Answer(whole, rows, np.array([], int), setting)


def layers_of(trunk: nn.Module, patches: Patches, device: torch.device) -> np.ndarray:
    """Return the Gram matrices of a ResNet's layers on the tested patches that the task keeps for that.

    Raises:
        InputError: there are too few.
    """
    kept, rows = patches.task.kept, patches.rows("test")
    assert kept is not None
    wanted = kept.batches * kept.size
    if len(rows) < wanted:
        raise InputError(
            f"{patches.where}.task.kept asks for {wanted} tested patches, {len(rows)} are there; lower it"
        )
    # dealt in turn, so that each batch spans the whole split
    chosen = rows[np.linspace(0, len(rows) - 1, wanted).astype(int)].reshape(kept.size, kept.batches).T
    view = probed_view(patches.task)
    batches = (patches.view(view, torch.from_numpy(np.ascontiguousarray(own)), device) for own in chosen)
    return grams(trunk, batches)


def _likeness(job: Job) -> dict[str, np.ndarray]:
    """Return CKA of layers by ``<group>-<group>``, a mean over pairs of models, and the names ``layers``."""
    groups: dict[str, list[str]] = job.method_options["groups"]
    methods = [method for own in groups.values() for method in own]
    if missing := [method for method in methods if method not in job.used]:
        raise InputError(f"config key methods.{job.method}.uses lacks '{missing[0]}', which groups name")
    found = {method: read_arrays(job.used[method].predictions / GRAMS) for method in methods}
    layers = found[methods[0]]["layers"]
    for method, own in found.items():
        if list(own["layers"]) != list(layers):
            raise InputError(
                f"config key methods.{job.method}.groups: '{method}' has other layers than '{methods[0]}'; "
                "give all the same sizes"
            )
    pairs = {f"{name}-{name}": list(itertools.combinations(own, 2)) for name, own in groups.items()}
    for one, other in itertools.combinations(groups, 2):
        pairs[f"{one}-{other}"] = list(itertools.product(groups[one], groups[other]))
    whole = {
        name: np.mean([cka(found[a]["grams"], found[b]["grams"]) for a, b in own], axis=0).astype(np.float32)
        for name, own in pairs.items()
    }
    return {"layers": layers, **whole}


def score(job: Job, predictions: Path) -> Iterator[Value]:
    """Yield the accuracy of each tested patch, whether its partner is found, or CKA of equal layers."""
    patches = Patches(job)
    if job.method_options["kind"] == "likeness":
        yield from _score_likeness(predictions)
    elif patches.task.kind == "pairing":
        rows = patches.rows("test")
        for row, value in zip(rows, read_arrays(predictions / FOUND, (len(rows),))["found"], strict=True):
            yield Value("match", float(value), patches.names[row])
    else:
        answers = classification.read_answers(predictions, patches.names)
        names = list(patches.task.targets or {})
        for answer, target in zip(answers, names, strict=True):
            labels, classes = patches.labels(target)
            rows = answer.rows("test")
            # all targets stand in one table, whose further columns are those of targets with more classes
            chances = answer.probabilities("test")[:, : len(classes)]
            right = accuracy(labels[rows], chances.argmax(1))
            for row, value in zip(rows, right, strict=True):
                yield Value("acc", float(value), patches.names[row], setting=answer.setting)


def _score_likeness(predictions: Path) -> Iterator[Value]:
    """Yield CKA of equal layers: the stem's convolution and the last of each stage."""
    found = read_arrays(predictions / CKA)
    layers = [str(name) for name in found.pop("layers")]
    for pair, values in found.items():
        for label, layer in last_of_stages(layers).items():
            place = layers.index(layer)
            yield Value("cka", float(values[place, place]), label=label, setting=pair)
