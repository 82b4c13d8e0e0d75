"""Run the networks over all exams: the backbone, and the two branches."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from mlmi2023.cohorts.forms.exams.reader import Exams
from mlmi2023.core.errors import InputError
from mlmi2023.core.files import read_json, write_json
from mlmi2023.core.jobs import Job
from mlmi2023.papers.pecon.branches import build_branches
from mlmi2023.papers.pecon.checkpoint import load_release
from mlmi2023.papers.pecon.evaluate import POINTING
from mlmi2023.papers.pecon.examdata import load_exam_data
from mlmi2023.papers.pecon.features import FILE, extract
from mlmi2023.papers.pecon.gradcam import Explainer, Target, branch_target, penet_target
from mlmi2023.papers.pecon.penet import PENet, build_penet
from mlmi2023.papers.pecon.scans import Cut
from mlmi2023.training.loop.device import make_deterministic, pick_device
from mlmi2023.training.loop.weights import load_weights

BACKBONE = "backbone.json"


def run_network(job: Job, weights: Path | None, exams: Exams, out: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the probabilities (N,) from scan and record, NaN where missing, and write what others need.

    Args:
        job: ``model`` of the method says which network.
        weights: from training; not for a ``pretrained`` backbone.
        exams: the cohort.
        out: an existing folder.
    """
    device = pick_device(job.device)
    make_deterministic(job.threads, device)
    if job.method_options.get("model") == "penet":
        return _backbone(job, weights, exams, out, device)
    return _branches(job, weights, exams, out, device)


def load_penet(options: Mapping[str, Any], weights: Path | None) -> PENet:
    """Return a backbone with its weights: those that training wrote, or its authors'.

    Args:
        options: of its method.
        weights: from training; not for a ``pretrained`` one.
    """
    net = build_penet(options)
    if options["kind"] == "pretrained":
        own = options.get("weights", {})
        load_release(net, own["path"], own.get("sha256"))
    elif weights is not None:
        load_weights(net, weights)
    return net


def _backbone(
    job: Job, weights: Path | None, exams: Exams, out: Path, device: torch.device
) -> tuple[np.ndarray, np.ndarray]:
    net, cut = load_penet(job.method_options, weights), Cut.of(job.task, exams)
    views = int(job.method_options.get("views", 8))
    features, chances = extract(net, exams, cut, views, job.seed, device)
    np.savez(out / FILE, features=features)
    write_json(out / BACKBONE, job.method_options)
    _explain(job, net, penet_target(net), exams, cut, out, device)
    return chances, np.full(len(exams), np.nan)


def _branches(
    job: Job, weights: Path | None, exams: Exams, out: Path, device: torch.device
) -> tuple[np.ndarray, np.ndarray]:
    data = load_exam_data(job)
    net = build_branches(job.method_options, data.ct.shape[2], data.ehr.shape[1])
    if weights is None:
        raise InputError(f"method '{job.method}' is learned: give the weights that training wrote")
    load_weights(net, weights)
    net.to(device).eval()
    with torch.inference_mode():
        ct, ehr = data.ct[:, 0].to(device), data.ehr.to(device)
        chances = [logit.float().softmax(dim=1)[:, 1].double().cpu().numpy() for logit in net(ct, ehr)]
        z_c, z_e = (z.float().cpu().numpy() for z in net.embed(ct, ehr))
    np.savez(out / "embeddings.npz", z_c=z_c, z_e=z_e)
    if job.method_options.get("explain"):
        cut = Cut.of(job.task, exams)
        _explain(job, used_backbone(job), branch_target(net), exams, cut, out, device)
    return np.where(exams.has_ct, chances[0], np.nan), np.where(exams.has_ehr, chances[1], np.nan)


def used_backbone(job: Job) -> PENet:
    """Return the backbone that a method uses, as it was when it left its features."""
    used = job.used[job.method_options["backbone"]]
    return load_penet(read_json(used.predictions / BACKBONE), used.weights)


def _explain(
    job: Job, net: PENet, target: Target, exams: Exams, cut: Cut, out: Path, device: torch.device
) -> None:
    """Play the pointing game on the positive test scans, if the method's ``explain`` asks for it."""
    own = job.method_options.get("explain")
    if not own:
        return
    explainer = Explainer(net, target, exams, cut, own.get("stages"), device)
    rows = []
    for row in exams.rows("test"):
        if exams.labels[row] and exams.has_scan(row):
            hit = explainer.points_at_defect(int(row), int(own["tolerance"]))
            if hit is not None:
                rows.append((exams.cases[row], int(hit)))
    if rows:
        pd.DataFrame(rows, columns=["case", "hit"]).to_csv(out / POINTING, index=False, lineterminator="\n")
