"""Run the networks over all exams: the backbone, and the two branches."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mlmi2023.cohorts.forms.exams.reader import Exams
from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.core.json_files import read_object
from mlmi2023.papers.pecon.branches import build_branches
from mlmi2023.papers.pecon.checkpoint import HU, load_release
from mlmi2023.papers.pecon.examdata import load_exam_data
from mlmi2023.papers.pecon.features import FILE, extract
from mlmi2023.papers.pecon.gradcam import Explainer, Target, branch_target, penet_target
from mlmi2023.papers.pecon.outcome import Outcome
from mlmi2023.papers.pecon.penet import PENet, build_penet
from mlmi2023.papers.pecon.scans import Cut
from mlmi2023.tasks.classification import ABOUT
from mlmi2023.tasks.runs import AGAIN, ready, start
from mlmi2023.training.loop.weights import load_weights

EMBEDDINGS = "embeddings.npz"


def run_network(job: Job, weights: Path | None, exams: Exams) -> Outcome:
    """Return what a method's network says of all exams, and what others need of it.

    Args:
        job: ``model`` of the method says which network.
        weights: from training; not for a ``pretrained`` backbone.
        exams: the cohort.

    Raises:
        InputError: weights are missing.
    """
    run = _backbone if job.method_options.get("model") == "penet" else _branches
    return run(job, weights, exams)


def load_penet(options: Mapping[str, Any], weights: Path | None) -> PENet:
    """Return a backbone with its weights: those that training wrote, or its authors'.

    Args:
        options: of its method.
        weights: from training; not for a ``pretrained`` one.

    Raises:
        InputError: there are no weights.
    """
    net = build_penet(options)
    if options["kind"] == "pretrained":
        load_release(net, options["weights"])
    elif weights is not None:
        load_weights(net, weights)
    else:
        raise InputError("the backbone is learned: give the weights that training wrote")
    return net


def _backbone(job: Job, weights: Path | None, exams: Exams) -> Outcome:
    device, net, cut = start(job), load_penet(job.method_options, weights), Cut.of(job.task, exams)
    if net.centre is not None and cut.hu != HU:
        raise InputError(
            f"config key task.scan.hu is {list(cut.hu)}, but PENet's published weights know {list(HU)}; set "
            "it to these, or give the method 'kind: learned' to train the network here"
        )
    views = int(job.method_options.get("views", 8))
    features, chances = extract(net, exams, cut, views, job.seed, device)
    return Outcome.empty(exams)._replace(
        ct=chances,
        pointing=_points(job, net, penet_target(net), exams, device),
        files={FILE: {"features": features}},
        about={"backbone": job.method_options},
    )


def _branches(job: Job, weights: Path | None, exams: Exams) -> Outcome:
    data = load_exam_data(job)
    net = build_branches(job.method_options, data.ct.shape[2], data.ehr.shape[1])
    _, device = ready(job, net, weights)
    with torch.inference_mode():
        ct, ehr = data.ct[:, 0].to(device), data.ehr.to(device)
        chances = [logit.float().softmax(dim=1)[:, 1].double().cpu().numpy() for logit in net(ct, ehr)]
        z_c, z_e = (z.float().cpu().numpy() for z in net.embed(ct, ehr))
    found = Outcome.empty(exams)._replace(
        ct=np.where(exams.has_ct, chances[0], np.nan),
        ehr=np.where(exams.has_ehr, chances[1], np.nan),
        files={EMBEDDINGS: {"z_c": z_c, "z_e": z_e}},
    )
    if not job.method_options.get("explain"):
        return found
    return found._replace(pointing=_points(job, used_backbone(job), branch_target(net), exams, device))


def used_backbone(job: Job) -> PENet:
    """Return the backbone that a method uses, as it was when it left its features."""
    used = job.used[job.method_options["backbone"]]
    about = read_object(used.predictions / ABOUT, {"backbone": dict[str, Any]}, AGAIN)
    return load_penet(about["backbone"], used.weights)


def _points(job: Job, net: PENet, target: Target, exams: Exams, device: torch.device) -> np.ndarray:
    """Play the pointing game on the positive test scans, if the method's ``explain`` asks for it.

    Returns:
        (N,) 1 for a hit, 0 for a miss, NaN where there is nothing to point at.
    """
    hits = np.full(len(exams), np.nan)
    own = job.method_options.get("explain")
    if not own:
        return hits
    explainer = Explainer(net, target, exams, Cut.of(job.task, exams), own.get("stages"), device)
    for row in exams.rows("test"):
        if exams.labels[row] and exams.has_scan(row):
            hit = explainer.points_at_defect(int(row), int(own["tolerance"]))
            hits[row] = np.nan if hit is None else hit
    return hits
