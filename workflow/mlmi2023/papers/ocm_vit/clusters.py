"""Masks from clusters of pixels (STEGO, PiCIE): the brightest in the pool is meant, whatever labels say."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from mlmi2023.core.jobs import Job
from mlmi2023.papers.ocm_vit.cases import PoolCases
from mlmi2023.tasks import segmentation
from mlmi2023.tasks.runs import ready


@torch.inference_mode()
def brightest(
    net: nn.Module, device: torch.device, cases: PoolCases, rows: Sequence[int], clusters: int
) -> int:
    """Return the cluster whose pixels have the highest mean grey value.

    Args:
        net: likenesses (B, K, H, W) to clusters, of images.
        device: where it is.
        cases: of the cohort.
        rows: images of the pool.
        clusters: K.
    """
    sums, counts = np.zeros(clusters), np.zeros(clusters)
    for start in range(0, len(rows), cases.together):
        seen = cases.seen(rows[start : start + cases.together])
        image = cases.prepare(torch.from_numpy(seen)[:, None].to(device).float())
        found = net(image).argmax(1).cpu().numpy().ravel()
        sums += np.bincount(found, seen.ravel().astype(float), minlength=clusters)
        counts += np.bincount(found, minlength=clusters)
    return int(np.argmax(np.where(counts > 0, sums / np.maximum(counts, 1), -1)))


def predict_by_clusters(job: Job, weights: Path | None, out: Path) -> None:
    """Name the cluster of every pixel of the tested images."""
    stego = job.method_options["model"] == "stego"
    cases = PoolCases(job, encoder=stego)

    def build() -> nn.Module:
        if stego:
            from mlmi2023.papers.ocm_vit.stego_training import stego_net

            return stego_net(job, cases.size, False)[0]
        from mlmi2023.papers.ocm_vit.picie_training import picie_net

        return picie_net(job)[0]

    net, device = ready(job, build, weights)
    clusters = int(job.method_options.get("clusters", 2))
    own = brightest(net, device, cases, cases.rows("pool"), clusters)

    def labels() -> Iterator[tuple[int, dict[str, np.ndarray]]]:
        for row in cases.rows("test"):
            image = torch.from_numpy(cases.seen([row]))[:, None].to(device).float()
            with torch.inference_mode():
                likeness = net(cases.prepare(image)).float().cpu()
            size = list(cases.shape(row))
            large = F.interpolate(likeness, size=size, mode="bilinear", align_corners=False)
            yield row, {"labels": (large.argmax(1)[0] == own).numpy().astype(np.uint8)}

    parameters = sum(p.numel() for p in net.parameters())
    segmentation.write(out, cases, labels(), {"parameters": parameters, "brightest": own})
