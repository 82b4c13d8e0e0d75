"""The presence classifier (Sect. 2.1): MONAI's EfficientNet with one logit, on three equal channels."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mlmi2023.core.errors import InputError
from mlmi2023.core.jobs import Job
from mlmi2023.training.loop.weights import load_weights

#: stages of EfficientNet-B0 (Tan and Le 2019, Table 1) as MONAI reads them
STAGES = (
    "r1_k3_s11_e1_i32_o16_se0.25",
    "r2_k3_s22_e6_i16_o24_se0.25",
    "r2_k5_s22_e6_i24_o40_se0.25",
    "r3_k3_s22_e6_i40_o80_se0.25",
    "r3_k5_s11_e6_i80_o112_se0.25",
    "r4_k5_s22_e6_i112_o192_se0.25",
    "r1_k3_s11_e6_i192_o320_se0.25",
)


class PatchClassifier(nn.Module):
    """Logit of there being any gland in a patch.

    Args:
        side: pixels of a patch.
        width: multiplies channels.
        depth: multiplies blocks of a stage.
        stages: how many of the seven there are.
        momentum: of batch normalisation.
    """

    def __init__(
        self, side: int, width: float = 1.0, depth: float = 1.0, stages: int = 7, momentum: float = 0.01
    ) -> None:
        from monai.networks.nets.efficientnet import EfficientNet

        super().__init__()
        self.net = EfficientNet(
            list(STAGES[:stages]),
            2,
            in_channels=3,
            num_classes=1,
            width_coefficient=width,
            depth_coefficient=depth,
            image_size=side,
            norm=("batch", {"eps": 1e-3, "momentum": momentum}),
        )

    def forward(self, patches: Tensor) -> Tensor:
        """Return logits (B,) of patches (B, P, P) in [0, 1]."""
        return self.net(patches[:, None].expand(-1, 3, -1, -1))[:, 0]


class Presence(nn.Module):
    """The trained classifier, frozen: f of the paper.

    Args:
        net: gives logits (B,) of patches (B, P, P).
        threshold: of the probability, above which it fires.
    """

    def __init__(self, net: nn.Module, threshold: float) -> None:
        super().__init__()
        self.net, self.threshold = net.requires_grad_(False), threshold
        self.train(False)

    def train(self, mode: bool = True) -> "Presence":
        """Stay as in tests, whatever is asked for: its statistics are frozen too."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, patches: Tensor) -> Tensor:
        """Return (B,) bool: whether it fires on patches (B, P, P) in [0, 1]."""
        return torch.sigmoid(self.net(patches)) > self.threshold


def build(options: Mapping[str, Any], side: int) -> PatchClassifier:
    """Return the untrained network of the key ``net``."""
    return PatchClassifier(side, **options)


def presence_of(job: Job, net: Mapping[str, Any] | None = None, weights: Path | None = None) -> Presence:
    """Return the classifier that a job uses, on the CPU.

    Args:
        job: of whom ``classifier`` stands under ``uses``.
        net: sizes of the classifier; None: as its predictions say.
        weights: of the classifier; None: those that ``uses`` gives.

    Raises:
        InputError: it does not stand there, or its weights cannot be used.
    """
    from mlmi2023.tasks.segmentation import read_about

    used = job.used.get("classifier")
    if weights is None and (used is None or used.weights is None):
        raise InputError(f"config key methods.{job.method}: 'uses' lacks 'classifier'; add it there")
    if net is None:
        assert used is not None
        net = read_about(used.predictions)["net"]
    found = build(net, int(job.task["patch"]))
    load_weights(found, weights or used.weights)  # type: ignore[union-attr, arg-type]
    return Presence(found, float(job.task.get("threshold", 0.9)))
