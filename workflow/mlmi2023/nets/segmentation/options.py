"""Keys of the segmentation networks that papers share (:mod:`mlmi2023.nets.segmentation.builders`)."""

from typing import Annotated, Literal

from mlmi2023.core.conditions import Count, Counts, Number, Share, at_least
from mlmi2023.core.options import Options
from mlmi2023.nets.options import WeightsFile


class Unet(Options):
    """U-Net; channels of the five levels, and of the last one on the way up."""

    name: Literal["unet"]
    features: tuple[Count, Count, Count, Count, Count, Count] = (64, 128, 256, 512, 1024, 64)


class AttentionUnet(Options):
    """Attention U-Net; channels of each level."""

    name: Literal["attention_unet"]
    features: Counts = (64, 128, 256, 512, 1024)


class MonaiUnet(Options):
    """MONAI's U-Net, 2D or 3D; ``units`` residual ones in each level."""

    name: Literal["monai_unet"]
    features: Counts = (32, 64, 128, 256, 512)
    units: Number = 0


class DynUnet(Options):
    """The network of nnU-Net, 2D or 3D."""

    name: Literal["dynunet"]
    features: Counts = (32, 64, 128, 256, 320)


class Unetr(Options):
    """UNETR, 2D or 3D."""

    name: Literal["unetr"]
    features: Count = 16
    hidden: Count = 768
    mlp: Count = 3072
    heads: Count = 12


class HybridEncoder(Options):
    """ResNet, then a vision transformer on its last features."""

    depths: tuple[Count, Count, Count] = (3, 4, 9)
    width: Count = 64
    groups: Count = 32
    hidden: Count = 768
    heads: Count = 12
    layers: Count = 12
    mlp: Count = 3072
    dropout: Share = 0.1


class TransUnet(Options):
    """TransUNet."""

    name: Literal["transunet"]
    encoder: HybridEncoder = HybridEncoder()
    decoder: Counts = (256, 128, 64, 16)
    bottleneck: Count = 512
    pretrained: WeightsFile | None = None


class SwinUnet(Options):
    """Swin-Unet."""

    name: Literal["swin_unet"]
    width: Count = 96
    depths: Counts = (2, 2, 2, 2)
    heads: Counts = (3, 6, 12, 24)
    window: Annotated[int, at_least(2)] = 7
    drop_path: Share = 0.2
    pretrained: WeightsFile | None = None


#: of any paper, on images; a paper adds its own by ``Segmenter | Own``
Segmenter = Unet | AttentionUnet | MonaiUnet | DynUnet | Unetr | TransUnet | SwinUnet
#: the same on volumes
VolumeSegmenter = AttentionUnet | MonaiUnet | DynUnet | Unetr
