"""The rows of Table 1 by name; UNETR is a shared one (:mod:`mlmi2023.nets.segmentation.builders`)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlmi2023.nets.registry import network, network_at

if TYPE_CHECKING:
    from torch import nn

network_at("nnunet", 3, "mlmi2023.papers.bhsd.nnunet:NnUnet")
network_at("cotr", 3, "mlmi2023.papers.bhsd.cotr:CoTr")
network_at("nnformer", 3, "mlmi2023.papers.bhsd.nnformer:NnFormer")


@network("swin_unetr", dims=3)
def swin_unetr(
    channels: int,
    classes: int,
    size: Sequence[int],
    features: int = 48,
    window: int = 7,
    depths: Sequence[int] = (2, 2, 2, 2),
    heads: Sequence[int] = (3, 6, 12, 24),
    norm: str = "instance",
) -> "nn.Module":
    """Swin UNETR (Hatamizadeh et al. 2022): MONAI's, which wants sides that divide by 32.

    Args:
        channels: of the image.
        classes: of the answer.
        size: smaller sides are filled with air, and the answer is cut back.
        features: channels of the first stage.
        window: tokens along a side of a window.
        depths: blocks of each stage.
        heads: of attention in each stage.
        norm: of the decoder; ``group`` (of 4) for patches so small that the coarsest map is one voxel, whose
            instance norm is not defined.
    """
    from monai.networks.nets import SwinUNETR

    from mlmi2023.papers.bhsd.air import InAir

    net = SwinUNETR(
        channels, classes, depths=tuple(depths), num_heads=tuple(heads), window_size=window,
        feature_size=features, norm_name="instance" if norm == "instance" else ("group", {"num_groups": 4}),
    )  # fmt: skip
    return InAir(net, 32)
