"""Predictions and scores of one method in all its folds (Sect. 3, Tables 1 to 3)."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from mlmi2023.classical.classifiers import MODELS, fit_predict
from mlmi2023.cohorts.forms.table.reader import Table, open_table
from mlmi2023.core.jobs import Job
from mlmi2023.metrics.classification import in_percent, measure
from mlmi2023.papers.ia_gcn.measures import inside_scores, pooled_scores
from mlmi2023.tasks import classification
from mlmi2023.tasks.classification import Answer, rounded
from mlmi2023.tasks.runs import Value, kind_of, read_arrays, ready, settings
from mlmi2023.training.data.tabular import Fold, folds

CONTROLS = ("majority", "truth")
INSIDE = "inside.npz"


class Found(NamedTuple):
    """What a member leaves: its answer, and what is inside it (attention, chosen columns, graph)."""

    answer: Answer
    inside: Mapping[str, Any] = MappingProxyType({})


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Write the folder ``out``: see :func:`mlmi2023.tasks.classification.predict`, and ``inside.npz``.

    The latter has, named by setting, ``attention:`` (K, D), ``columns:`` (K, d), the features that were
    chosen, and ``graph:`` (K,), the AUROC of the learned graph, where there are any.

    Raises:
        InputError: weights are missing or do not fit, or the method's kind is unknown.
    """
    kind = kind_of(job, ("learned", *MODELS, *CONTROLS))
    table = open_table(job.data)
    found = list(_learned(job, weights, table) if kind == "learned" else _fitted(job, kind, table))
    inside: dict[str, list[Any]] = {}
    for member in found:
        for name, value in member.inside.items():
            inside.setdefault(f"{name}:{member.answer.setting}", []).append(value)
    files = {INSIDE: {name: np.stack(values) for name, values in inside.items()}}
    classification.predict(job, [member.answer for member in found], out, table.subjects, files)


def _answer(setting: str, fold: Fold, probabilities: np.ndarray) -> Answer:
    return Answer(rounded(probabilities, 7), fold.test, fold.val, setting, fold.number)


def _fitted(job: Job, kind: str, table: Table) -> Iterator[Found]:
    labels, classes = table.labels(job.task["target"]), len(table.classes[job.task["target"]])
    for setting in settings(job.method_options):
        for fold in folds(table, job.task):
            if kind == "truth":
                probabilities = classification.truth(labels, classes)
            elif kind == "majority":
                probabilities = classification.prevalence(labels, fold.train, classes)
            else:
                probabilities = fit_predict(
                    kind, fold.x[fold.train], fold.labels[fold.train], fold.x, job.seed
                )
            yield Found(_answer(setting, fold, probabilities))


def _learned(job: Job, weights: Path | None, table: Table) -> Iterator[Found]:
    import torch

    from mlmi2023.papers.ia_gcn.train import build

    found = {fold.number: fold for fold in folds(table, job.task)}
    members, about = build(job, table)
    members, device = ready(job, members, weights)  # type: ignore[assignment]
    x = {number: torch.as_tensor(fold.x, device=device) for number, fold in found.items()}
    truth = table.truth()
    community = None if truth is None or "community" not in truth else truth["community"].to_numpy()
    with torch.inference_mode():
        for member, (setting, number, options) in zip(members, about):
            net: Any = member.net
            seen = member.see(x[number])  # type: ignore[operator]
            logits = net(seen, net.graph(seen))
            inside: dict[str, Any] = {}
            if (attention := getattr(net, "attention", None)) is not None:
                inside["attention"] = attention.weights().cpu().numpy()
            if options.get("inputs", "all") != "all":
                inside["columns"] = member.columns.cpu().numpy()  # type: ignore[operator, union-attr]
            if (learner := getattr(net, "learner", None)) is not None and community is not None:
                inside["graph"] = _graph_auc(learner, seen, community)
            probabilities = torch.softmax(logits.double(), dim=1).cpu().numpy()
            yield Found(_answer(setting, found[number], probabilities), inside)


def _graph_auc(learner: Any, x: Any, community: np.ndarray, most: int = 1000) -> float:
    """Return the AUROC of learned edges for joining two subjects of one community (the first subjects)."""
    from mlmi2023.metrics.classification import delong

    g = learner.dense(x).cpu().numpy()[:most, :most]
    above = np.triu_indices(len(g), 1)
    same = community[above[0]] == community[above[1]]
    return float(delong(same, g[above][None])[0][0])


def score(job: Job, predictions: Path) -> Iterator[Value]:
    """Yield the scores of a method: a case per fold, in percent where the paper's are.

    Scores over all test folds together have the case ``all folds``: AUROC with its 95 % interval.
    """
    table, target = open_table(job.data), job.task["target"]
    labels, inside = table.labels(target), read_arrays(predictions / INSIDE)
    yield from classification.score(
        job, predictions, labels, lambda *given: in_percent(measure(*given)), cases=table.subjects
    )
    found = classification.read_answers(predictions)
    for stored in found:
        here = partial(Value, case=f"fold-{stored.fold:02d}", setting=stored.setting, fold=stored.fold)
        own = {name: inside.get(f"{name}:{stored.setting}") for name in ("attention", "columns", "graph")}
        of_fold: dict[str, Any] = {
            name: values[stored.fold] for name, values in own.items() if values is not None
        }
        for metric, value in inside_scores(table, target, **of_fold).items():
            yield here(metric, value)
    if job.method_options["kind"] not in CONTROLS:
        for setting in dict.fromkeys(stored.setting for stored in found):
            parts = [stored for stored in found if stored.setting == setting]
            for metric, value in pooled_scores(parts, labels).items():
                yield Value(metric, value, "all folds", setting=setting, fold=0)
