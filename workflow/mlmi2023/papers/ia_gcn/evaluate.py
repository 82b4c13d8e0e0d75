"""Predictions and scores of one method in all its folds (Sect. 3, Tables 1 to 3)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mlmi2023.cohorts.forms.table.reader import Table, open_table
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import atomic
from mlmi2023.core.jobs import Job
from mlmi2023.papers.ia_gcn.folds import folds, settings
from mlmi2023.papers.ia_gcn.measures import attention_scores, fold_scores, pooled_scores

CONTROLS = ("majority", "truth")

#: what a member leaves: setting, fold, probabilities (N, C), attention (D,) or None, columns or None, and the
#: AUROC of its graph
Found = tuple[str, int, np.ndarray, np.ndarray | None, np.ndarray | None, float]


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Write the folder ``out``: ``predictions.csv`` and ``inside.npz``.

    The csv has a row per setting, fold and test subject (part ``test``), and per subject that was held out
    for the operating point (part ``val``): its row of the table and its probabilities ``p0`` ... The other
    file has, named by setting, ``attention:`` (K, D), ``columns:`` (K, d) and ``graph:`` (K,), where there
    are any.

    Raises:
        InputError: weights are missing or do not fit, or the method's kind is unknown.
    """
    table = open_table(job.data)
    split = {fold.number: fold for fold in folds(table, job.task)}
    learned = job.method_options["kind"] == "learned"
    found = list(_learned(job, weights, table) if learned else _classical(job, table))
    parts = []
    for setting, number, probabilities, *_ in found:
        fold = split[number]
        for part, rows in (("test", fold.test), ("val", fold.val)):
            frame = pd.DataFrame(
                probabilities[rows], columns=[f"p{c}" for c in range(probabilities.shape[1])]
            )
            parts.append(frame.assign(setting=setting, fold=number, part=part, row=rows))
    inside: dict[str, np.ndarray] = {}
    for name in dict.fromkeys(f[0] for f in found):
        own = [f for f in found if f[0] == name]
        if own[0][3] is not None:
            inside[f"attention:{name}"] = np.stack([f[3] for f in own])  # type: ignore[misc]
        if own[0][4] is not None:
            inside[f"columns:{name}"] = np.stack([f[4] for f in own])  # type: ignore[misc]
        if np.isfinite(own[0][5]):
            inside[f"graph:{name}"] = np.array([f[5] for f in own])
    with atomic(out) as part_folder:
        part_folder.mkdir()
        pd.concat(parts).to_csv(
            part_folder / "predictions.csv", index=False, float_format="%.7g", lineterminator="\n"
        )
        np.savez(part_folder / "inside.npz", **inside)  # type: ignore[arg-type]


def _classical(job: Job, table: Table) -> Iterator[Found]:
    from mlmi2023.papers.ia_gcn.classical import fit_predict

    classes = len(table.classes[job.task["target"]])
    for setting in settings(job.method_options):
        for fold in folds(table, job.task):
            if job.method_options["kind"] == "truth":
                probabilities = np.eye(classes)[table.labels(job.task["target"])]
            else:
                x, labels = fold.x[fold.train], fold.labels[fold.train]
                probabilities = fit_predict(job.method_options["kind"], x, labels, fold.x, classes, job.seed)
            yield setting, fold.number, probabilities, None, None, np.nan


def _learned(job: Job, weights: Path | None, table: Table) -> Iterator[Found]:
    import torch

    from mlmi2023.papers.ia_gcn.train import build
    from mlmi2023.training.loop.device import make_deterministic, pick_device
    from mlmi2023.training.loop.weights import load_weights

    if weights is None:
        raise InputError(f"method '{job.method}' is learned: give the weights that training wrote")
    device = pick_device(job.device)
    make_deterministic(job.threads, device)
    members, about = build(job, table)
    load_weights(members, weights)
    members.to(device).eval()
    x = {fold.number: torch.as_tensor(fold.x, device=device) for fold in folds(table, job.task)}
    truth = table.truth()
    community = None if truth is None or "community" not in truth else truth["community"].to_numpy()
    with torch.inference_mode():
        for member, (setting, number, options) in zip(members, about):
            seen = member.see(x[number])  # type: ignore
            logits = member.net(seen, member.net.graph(seen))  # type: ignore
            attention = getattr(member.net, "attention", None)
            learner = getattr(member.net, "learner", None)
            graph = np.nan if learner is None or community is None else _graph_auc(learner, seen, community)
            yield (
                setting,
                number,
                torch.softmax(logits.double(), dim=1).cpu().numpy(),
                None if attention is None else attention.weights().cpu().numpy(),  # type: ignore
                member.columns.cpu().numpy() if options.get("inputs", "all") != "all" else None,  # type: ignore
                graph,
            )


def _graph_auc(learner: Any, x: Any, community: np.ndarray, most: int = 1000) -> float:
    """Return the AUROC of learned edges for joining two subjects of one community (the first subjects)."""
    from mlmi2023.metrics.classification import delong

    g = learner.dense(x).cpu().numpy()[:most, :most]
    above = np.triu_indices(len(g), 1)
    same = community[above[0]] == community[above[1]]
    return float(delong(same, g[above][None])[0][0])


def score(job: Job, predictions: Path) -> list[dict[str, Any]]:
    """Return the tidy rows of :func:`predict`'s folder: a case per fold, in percent where the paper's are.

    Scores over all test folds together have the case ``all folds``: AUROC with its 95 % interval.
    """
    table = open_table(job.data)
    target = job.task["target"]
    labels = table.labels(target)
    frame, inside = _read(predictions)
    rows: list[dict[str, Any]] = []
    for setting, part in frame.groupby("setting", sort=False):
        key = {
            "dataset": job.dataset,
            "setting": setting,
            "method": job.method,
            "seed": job.seed,
            "label": "",
        }
        for number in map(int, part["fold"].unique()):
            own = part[part["fold"] == number]
            case = {**key, "fold": number, "case": f"fold-{number:02d}"}
            rows += fold_scores(own, labels, case)
            rows += attention_scores(table, target, str(setting), number, inside, case)
        if job.method_options["kind"] not in CONTROLS:
            rows += pooled_scores(
                part[part["part"] == "test"], labels, {**key, "fold": 0, "case": "all folds"}
            )
    return rows


def _read(predictions: Path) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    file = predictions / "predictions.csv"
    try:
        frame = pd.read_csv(file, dtype={"setting": str}, keep_default_na=False)
        with np.load(predictions / "inside.npz") as content:
            inside = {name: content[name] for name in content.files}
    except (OSError, ValueError, pd.errors.ParserError) as error:
        raise InputError(
            f"{file}: cannot be read ({error}); delete {predictions} and predict again"
        ) from error
    return frame, inside
