"""Networks of Table 3: the classifier on MagNET's encoders, and two baselines from MONAI."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from mlmi2023.papers.magnet.model import MagNet, Methylation
from mlmi2023.papers.magnet.options import EfficientNet, Magnet, ResNet50
from mlmi2023.papers.magnet.scans import REGIONS
from mlmi2023.training.loop.weights import load_weights

#: blocks of EfficientNet-B0
BLOCKS = [
    "r1_k3_s11_e1_i32_o16_se0.25",
    "r2_k3_s22_e6_i16_o24_se0.25",
    "r2_k5_s22_e6_i24_o40_se0.25",
    "r3_k3_s22_e6_i40_o80_se0.25",
    "r3_k5_s11_e6_i80_o112_se0.25",
    "r4_k5_s22_e6_i112_o192_se0.25",
    "r1_k3_s11_e6_i192_o320_se0.25",
]
#: classes of the segmentation that MagNET was trained on
CLASSES = 1 + len(REGIONS)


class OfSetting(nn.Module):
    """A network of a few modalities as channels, for images of all; those that it does not take are not seen.

    Args:
        body: (B, m, *size) -> (B, 1).
        mask: (M,) bool, its m modalities.
    """

    mask: Tensor

    def __init__(self, body: nn.Module, mask: Tensor) -> None:
        super().__init__()
        self.body = body
        self.register_buffer("mask", mask)

    def forward(self, images: Tensor, present: Tensor) -> Tensor:
        """Return logits (B,) of images (B, M, *size)."""
        return self.body(images[:, self.mask])[:, 0]


def baseline(keys: ResNet50 | EfficientNet, mask: Tensor, size: Sequence[int]) -> OfSetting:
    """Return the untrained baseline of a setting; without sizes, it has the published ones.

    Args:
        keys: of the method.
        mask: modalities of the setting, (M,) bool.
        size: of an image, for which EfficientNet pads its strided convolutions.
    """
    channels = int(mask.sum())
    if isinstance(keys, ResNet50):
        from monai.networks.nets.resnet import ResNet

        body: nn.Module = ResNet(
            "bottleneck",
            [3, 4, 6, 3],
            list(keys.planes),
            3,
            channels,
            conv1_t_stride=keys.stride,
            num_classes=1,
        )
    else:
        from monai.networks.nets.efficientnet import EfficientNet as Body

        body = Body(BLOCKS, 3, channels, 1, width_coefficient=keys.width, image_size=min(size))
    return OfSetting(body, mask)


def tuned(keys: Magnet, modalities: int, size: tuple[int, ...], previous: Path | None) -> Methylation:
    """Return the classifier on MagNET's encoders, trained to segment if weights of that are given.

    Raises:
        InputError: the weights are of another network.
    """
    net = MagNet(modalities, CLASSES, size, keys.net)
    if previous is not None:
        load_weights(net, previous)
    return Methylation(net, keys.net.hidden)


def logit_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean binary cross-entropy of logits (B,)."""
    return torch.nn.functional.binary_cross_entropy_with_logits(logits, labels)
