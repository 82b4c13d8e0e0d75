"""Masks from the attention of an encoder, whoever has trained it (Sect. 2.4)."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import ViTModel

from mlmi2023.core.jobs import Job
from mlmi2023.papers.ocm_vit.cases import PoolCases
from mlmi2023.papers.ocm_vit.dino import DinoNet
from mlmi2023.papers.ocm_vit.encoder_options import Dino
from mlmi2023.papers.ocm_vit.keys import keys_of
from mlmi2023.papers.ocm_vit.measures import hard_scores
from mlmi2023.papers.ocm_vit.vit import cls_attention, encoder, masked_model, sizes_of
from mlmi2023.papers.ocm_vit.weighting import segmented
from mlmi2023.tasks import segmentation
from mlmi2023.tasks.runs import ready, start


def encoder_of(job: Job, size: tuple[int, int], weights: Path | None) -> tuple[ViTModel, torch.device, int]:
    """Return a method's encoder, ready to be used, its device, and the number of weights of its network."""
    kind = job.method_options["kind"]
    bare = sizes_of(job.method_options["net"], bare=True)
    if kind != "learned":
        device = start(job)
        torch.manual_seed(job.seed)
        keys = sizes_of(job.method_options["net"]) if kind == "stock" else bare
        net: Any = encoder(keys, size)  # whose method 'to' the library wraps
        return net.to(device).eval(), device, sum(p.numel() for p in net.parameters())

    def build() -> nn.Module:
        if job.method_options["model"] == "mim":
            return masked_model(bare, size)
        own = keys_of(Dino, job)
        return DinoNet(encoder(bare, size), own)

    net, device = ready(job, build, weights)
    return net.vit, device, sum(p.numel() for p in net.parameters())


@torch.inference_mode()
def attention_maps(
    vit: ViTModel, device: torch.device, cases: PoolCases, rows: Sequence[int]
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield images and the heads' attention (heads, h, w), of sum 1 over the patches."""
    for begin in range(0, len(rows), cases.together):
        part = rows[begin : begin + cases.together]
        image = torch.from_numpy(cases.seen(part))[:, None].to(device).float()
        found = cls_attention(vit, cases.prepare(image))
        found = found / found.sum((2, 3), keepdim=True)
        yield from zip(part, found.cpu().numpy())


def predict_by_attention(job: Job, weights: Path | None, out: Path) -> None:
    """Weigh tested images by an encoder's attention, and the pool's where the method is to label it.

    ``about.json`` of a pretrained encoder has its mean Dice on the labelled images by which one may choose.
    """
    cases = PoolCases(job, encoder=True)
    vit, device, parameters = encoder_of(job, cases.size, weights)
    how = str(job.method_options.get("weighting", "product"))
    inputs = cases.cohort.inputs
    about: dict[str, Any] = {"parameters": parameters}
    choose = cases.task.choose
    if choose and job.method_options.get("model") == "mim" and len(cases.cohort.rows("train")):
        some = cases.rows("train")[:choose]
        found = attention_maps(vit, device, cases, some)
        scores = [hard_scores(segmented(inputs[r], a, how), cases.truth(r))["dc"] for r, a in found]
        about["dc_choice"] = float(np.nanmean(scores))
    rows = cases.rows("test")
    rows += [*cases.rows("pool"), *cases.rows("held")] if job.method_options.get("pool") else []
    kept = (
        (row, {"labels": segmented(inputs[row], maps, how), "attention": maps.astype(np.float32)})
        for row, maps in attention_maps(vit, device, cases, rows)
    )
    segmentation.write(out, cases, kept, about)
