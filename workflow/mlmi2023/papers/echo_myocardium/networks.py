"""The paper's own networks by their names; all answer endocardium and epicardium of single images."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from mlmi2023.nets import registry
from mlmi2023.nets.registry import network, network_at
from mlmi2023.papers.echo_myocardium.model import CHANNELS, Framewise

PLACE = "mlmi2023.papers.echo_myocardium"
network_at("ofsnet", 2, f"{PLACE}.model:OfsNet")


@network("basnet", dims=2)
def _basnet(channels: int, classes: int, size: Sequence[int], **sizes: Any) -> nn.Module:
    from mlmi2023.papers.echo_myocardium.basnet import BasNet

    return BasNet(channels, classes, **sizes)


@network("unet_plus_plus", dims=2)
def _unet_plus_plus(
    channels: int, classes: int, size: Sequence[int], features: Sequence[int] = (32, 64, 128, 256, 512, 32)
) -> nn.Module:
    """U-Net++ (Zhou et al. 2018) with deep supervision: MONAI's."""
    from monai.networks.nets import BasicUNetPlusPlus

    class DeepestFirst(BasicUNetPlusPlus):
        """Its answers, the deepest first."""

        def forward(self, x: Any) -> Any:
            return super().forward(x)[::-1]

    kind: dict[str, Any] = {"act": "relu", "norm": "batch", "upsample": "deconv"}
    return DeepestFirst(2, channels, classes, tuple(features), deep_supervision=True, **kind)


def build(options: Mapping[str, Any], size: Sequence[int]) -> nn.Module:
    """Return the untrained network of a method's key ``net``, on clips (:class:`.model.Answer`).

    Args:
        options: of the method.
        size: rows and columns of a frame.

    Raises:
        InputError: the network is unknown, or frames do not fit.
    """
    body = registry.build(options, 1, CHANNELS, size, __name__)
    return body if hasattr(body, "sees_clips") else Framewise(body)
