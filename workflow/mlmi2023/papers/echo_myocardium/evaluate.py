"""Answers for whole sequences, their scores at ED and ES (Sect. 3), and flow against the truth.

Kept of each sequence are ``labels`` (T, H, W) and, of networks with flow, ``flow`` (T - 1, 2, H, W), pixels
from each frame to the next.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import torch

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.metrics.segmentation import count, rates, voxel_hd95
from mlmi2023.papers.echo_myocardium.cases import SequenceCases, answered
from mlmi2023.papers.echo_myocardium.distances import MYOCARDIUM
from mlmi2023.papers.echo_myocardium.model import masks_of
from mlmi2023.papers.echo_myocardium.networks import build
from mlmi2023.tasks import segmentation
from mlmi2023.tasks.runs import Value, kind_of
from mlmi2023.tasks.segmentation import Pair

ENDO, EPI, MYO = "lv-endo", "lv-epi", "lv-myo"
Kept = dict[str, np.ndarray]


def _background(cases: SequenceCases, row: int) -> Kept:
    """Answer with nothing: no structure, no motion."""
    count_, height, width = cases.shape(row)
    return {
        "labels": np.zeros((count_, height, width), np.uint8),
        "flow": np.zeros((count_ - 1, 2, height, width), np.float16),
    }


def _truth(cases: SequenceCases, row: int) -> Kept:
    """Answer with the truth, as far as it is known."""
    flow = cases.true_flow(row)
    return {"labels": cases.truth(row), **({} if flow is None else {"flow": flow})}


CONTROLS: Mapping[str, Callable[[SequenceCases, int], Kept]] = {"background": _background, "truth": _truth}


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Write what a method finds in the tested sequences into ``out``.

    Raises:
        InputError: an unknown kind, missing weights, or a cohort that does not serve.
    """
    cases = SequenceCases(job)
    kind, rows = kind_of(job, ("learned", *CONTROLS)), cases.rows("test")
    if kind != "learned":
        segmentation.write(out, cases, ((row, CONTROLS[kind](cases, row)) for row in rows), {})
        return
    net, device, about = segmentation.trained(
        cases, weights, lambda own, _: build(own.method_options["net"], cases.size)
    )

    def found(row: int) -> Kept:
        with torch.inference_mode():
            said = answered(net, cases, row, device)
        if said["logits"].isnan().any():
            raise InputError(
                f"method '{job.method}': its network answers NaN, since training diverged; lower the key "
                "train.learning_rate"
            )
        kept = {"labels": masks_of(said["logits"]).cpu().numpy()}
        if "flow" in said:
            kept["flow"] = said["flow"].cpu().numpy().astype(np.float16)
        return kept

    segmentation.write(out, cases, ((row, found(row)) for row in rows), about)


def structures(labels: np.ndarray) -> dict[str, np.ndarray]:
    """Return the masks of a label map: the cavity, it and the muscle together, the muscle."""
    return {ENDO: labels == 1, EPI: labels >= 1, MYO: labels == MYOCARDIUM}


def frame_values(
    found: np.ndarray, truth: np.ndarray, spacing: tuple[float, ...], phase: str
) -> Iterator[Value]:
    """Yield Dice, Hausdorff distance (mm) and Jaccard index of the structures of a frame.

    A structure that is not found at all is as far away as the frame's diagonal.

    Args:
        found: labels (H, W).
        truth: the same.
        spacing: mm of rows and columns.
        phase: the setting of endocardium and epicardium; the myocardium's values are of both phases together.
    """
    diagonal = float(np.hypot(*(side * mm for side, mm in zip(truth.shape, spacing))))
    own, true = structures(found), structures(truth)
    for label in (ENDO, EPI, MYO):
        setting = "" if label == MYO else phase
        rate = rates(count(own[label], true[label], 1))
        yield Value("dice", rate["dice"], label=label, setting=setting)
        yield Value("jac", rate["iou"], label=label, setting=setting)
        distance = voxel_hd95(own[label], true[label], spacing, share=1.0, missing=diagonal)
        yield Value("hd", distance, label=label, setting=setting)


def sequence_values(pair: Pair, cases: SequenceCases) -> Iterator[Value]:
    """Yield what takes known labels or known motion of all frames (not in the paper).

    ``dice_between``: of the myocardium on frames that had no labels, their mean. ``epe``: distance of the
    found from the known motion from frame to frame, mm, the mean over the myocardium.
    """
    marks = set(cases.marks(pair.row).values())
    between = [frame for frame in range(len(pair.truth)) if frame not in marks]
    if cases.cohort.known and between:
        dice = [
            rates(count(pair.found[f] == MYOCARDIUM, pair.truth[f] == MYOCARDIUM, 1))["dice"] for f in between
        ]
        yield Value("dice_between", float(np.mean(dice)), label=MYO)
    flow = cases.true_flow(pair.row)
    if flow is not None and "flow" in pair.kept:
        apart = pair.kept["flow"].astype(np.float32) - flow.astype(np.float32)
        apart = np.hypot(apart[:, 0] * cases.spacing(pair.row)[0], apart[:, 1] * cases.spacing(pair.row)[1])
        yield Value("epe", float(apart[pair.truth[:-1] == MYOCARDIUM].mean()), label=MYO)


def score(job: Job, predictions: Path) -> Iterator[Value]:
    """Yield ``dice``, ``hd`` and ``jac`` of each ED and ES frame, and what is known of whole sequences."""
    cases = SequenceCases(job)
    for pair in segmentation.pairs(predictions, cases):
        for phase, frame in cases.marks(pair.row).items():
            for value in frame_values(pair.found[frame], pair.truth[frame], cases.spacing(pair.row), phase):
                yield value._replace(case=f"{pair.case}_{phase}")
        for value in sequence_values(pair, cases):
            yield value._replace(case=pair.case)
