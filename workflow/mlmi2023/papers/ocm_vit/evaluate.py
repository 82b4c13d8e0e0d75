"""Predictions and scores of every row of Table 1, and of ours.

Of each tested image ``<name>.npz`` has ``labels``; of a network that segments also ``score`` (its logit), of
an encoder ``attention``, the heads' look at the patches. An encoder that others learn from leaves the pool's
masks beside them.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.papers.ocm_vit.cases import PoolCases
from mlmi2023.papers.ocm_vit.classical import RULES, classical
from mlmi2023.papers.ocm_vit.clusters import predict_by_clusters
from mlmi2023.papers.ocm_vit.measures import dc_repo, hard_scores
from mlmi2023.papers.ocm_vit.train import network
from mlmi2023.papers.ocm_vit.weighting import segmented
from mlmi2023.tasks import segmentation
from mlmi2023.tasks.runs import Value, kind_of
from mlmi2023.tasks.segmentation import Cases

KINDS = ("learned", "stock", "untrained", "weighted", "chosen", *RULES, "background", "truth")
#: logits are kept up to here, either way
SURE = 20.0


def predict(job: Job, weights: Path | None, out: Path) -> None:
    """Segment the tested images.

    Raises:
        InputError: an unknown kind, missing weights, or a cohort that does not serve.
    """
    kind = kind_of(job, KINDS)
    model = job.method_options.get("model")
    if kind in ("stock", "untrained") or model in ("mim", "dino"):
        from mlmi2023.papers.ocm_vit.attending import predict_by_attention

        predict_by_attention(job, weights, out)
    elif kind == "weighted":
        _weighted(job, out)
    elif kind == "chosen":
        _chosen(job, out)
    elif model in ("stego", "picie"):
        predict_by_clusters(job, weights, out)
    elif kind == "learned":
        segmentation.predict(PoolCases(job), weights, out, network, settle=_logit, keep=_keep_scores)
    else:
        controls = {**segmentation.CONTROLS, **dict.fromkeys(RULES, classical)}
        segmentation.predict(PoolCases(job), None, out, controls=controls)


def _logit(logits: Tensor) -> Tensor:
    return logits[:, 0].clamp(-SURE, SURE)


def _keep_scores(cases: Cases, row: int, logits: Tensor) -> dict[str, np.ndarray]:
    """Keep the logit (1, *size) of an image at its own size, and where it is above 0, probability 0.5."""
    large = F.interpolate(
        logits[:, None].float(), size=cases.shape(row), mode="bilinear", align_corners=False
    )
    score = large[0, 0].numpy().astype(np.float16)
    return {"labels": (score > 0).astype(np.uint8), "score": score}


def _weighted(job: Job, out: Path) -> None:
    """Weigh tested images by the attention that another method has kept."""
    if len(job.used) != 1:
        raise InputError(
            f"config key methods.{job.method}.uses: name the one method whose attention is taken"
        )
    folder = next(iter(job.used.values())).predictions
    cases, how = PoolCases(job), str(job.method_options["weighting"])
    kept = []
    for row in cases.rows("test"):
        maps = segmentation.read_case(folder, cases, row).get("attention")
        if maps is None:
            raise InputError(f"{folder}: has kept no attention; name a method with an encoder under 'uses'")
        kept.append((row, {"labels": segmented(cases.cohort.inputs[row], maps, how), "attention": maps}))
    segmentation.write(out, cases, kept, {"parameters": segmentation.read_about(folder).get("parameters", 0)})


def _chosen(job: Job, out: Path) -> None:
    """Take the answers of the method that did best on a few labelled images (Sect. 2.3)."""
    cases = PoolCases(job)
    abouts = {name: segmentation.read_about(used.predictions) for name, used in job.used.items()}
    if not abouts or any("dc_choice" not in about for about in abouts.values()):
        raise InputError(
            f"config key methods.{job.method}.uses: name pretrained encoders, which need task.choose "
            "above 0 and labelled training images"
        )
    best = max(abouts, key=lambda name: abouts[name]["dc_choice"])
    folder = job.used[best].predictions
    kept = ((row, segmentation.read_case(folder, cases, row)) for row in cases.rows("test"))
    segmentation.write(out, cases, kept, {**abouts[best], "chosen": best})


def score(job: Job, predictions: Path) -> Iterator[Value]:
    """Yield Dice, Jaccard, and the release's Dice of tested images; and what an encoder is chosen by."""
    for pair in segmentation.pairs(predictions, PoolCases(job)):
        answer = pair.kept.get("score", pair.found)
        found = {**hard_scores(pair.found, pair.truth), "dc_repo": dc_repo(answer, pair.truth)}
        yield from (Value(metric, value, pair.case) for metric, value in found.items())
    about = segmentation.read_about(predictions)
    if "dc_choice" in about:
        yield Value("dc_choice", float(about["dc_choice"]))
