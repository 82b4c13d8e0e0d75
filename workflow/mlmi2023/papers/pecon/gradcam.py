"""Grad-CAM of the image models on whole scans, and the pointing game against the true defects (Fig. 3)."""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mlmi2023.cohorts.forms.exams.reader import Exams
from mlmi2023.papers.pecon.branches import Branches
from mlmi2023.papers.pecon.penet import PENet
from mlmi2023.papers.pecon.scans import Cut, ScanStore

#: features of a scan's sub-volumes (N, F) -> what is explained, one number.
Target = Callable[[Tensor], Tensor]


def penet_target(net: PENet) -> Target:
    """Return PENet's answer for a scan: the logit of its most suspicious sub-volume."""
    return lambda features: net.head(features)[:, 0].max()


def branch_target(branches: Branches) -> Target:
    """Return PECon's answer from the scan alone: how far its logit of an embolism is above that of none."""

    def target(features: Tensor) -> Tensor:
        logits = branches.head_c(branches.f_c(features.mean(dim=0, keepdim=True)))[0]
        return logits[1] - logits[0]

    return target


class Explainer:
    """Heat maps of scans.

    Args:
        net: the encoder, trained.
        target: what is explained.
        exams: the cohort.
        cut: how scans are cut.
        stages: the maps after this many stages are explained; None: after the last.
        device: to run on.
    """

    def __init__(
        self, net: PENet, target: Target, exams: Exams, cut: Cut, stages: int | None, device: torch.device
    ) -> None:
        self.net, self.target, self.exams, self.cut, self.stages = (
            net.to(device).eval(),
            target,
            exams,
            cut,
            stages,
        )
        self.store = ScanStore(exams, cut, device)

    def heat(self, row: int) -> np.ndarray:
        """Return the heat map of a scan, (D, crop, crop) float32 from 0 up, on the middle crop of its slices.

        Channels are weighted by the mean of their gradient, summed, negatives dropped (Selvaraju et al.,
        2017). All sub-volumes share one scale, so that the map says which of them counts.
        """
        depth = self.exams.depth(row)
        starts = self.cut.starts(depth)
        x = self.store.take(torch.full((len(starts),), row), torch.tensor(starts))
        with torch.enable_grad():
            maps = self.net.maps(x, self.stages)
            maps = maps.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(self.target(self.net.pooled(maps, self.stages)), maps)
        weights = gradient.mean(dim=(2, 3, 4), keepdim=True)
        warm = (weights * maps.detach()).sum(dim=1, keepdim=True).clamp_min(0).float()
        size = (self.cut.slices, self.cut.crop, self.cut.crop)
        warm = F.interpolate(warm, size=size, mode="trilinear", align_corners=False)[:, 0]
        whole = np.zeros((depth, *size[1:]), np.float32)
        for start, part in zip(starts, warm.cpu().numpy()):
            there = min(self.cut.slices, depth - start)
            whole[start : start + there] = np.maximum(whole[start : start + there], part[:there])
        return whole

    def middle(self, stack: np.ndarray) -> np.ndarray:
        """Return the part of (D, H, W) that the network sees."""
        top, left = ((n - self.cut.crop) // 2 for n in stack.shape[1:])
        return stack[:, top : top + self.cut.crop, left : left + self.cut.crop]

    def points_at_defect(self, row: int, tolerance: int) -> bool | None:
        """Return whether the warmest voxel lies on a defect, give or take; None if none is in view.

        Args:
            row: exam.
            tolerance: voxels along each axis by which the point may miss.
        """
        truth = self.exams.defects(row)
        if truth is None or not (seen := self.middle(truth) > 0).any():
            return None
        heat = self.heat(row)
        z, y, x = np.unravel_index(int(heat.argmax()), heat.shape)
        if heat.max() <= 0:
            return False
        box = tuple(slice(max(0, c - tolerance), c + tolerance + 1) for c in (int(z), int(y), int(x)))
        return bool(seen[box].any())
